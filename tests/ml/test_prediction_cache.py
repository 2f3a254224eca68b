"""Predictions kept on disk: the very figures again, without the model; no bad file is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.commands.foretold import forecasts_of
from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.market.rows import fingerprint
from hybrid_tui.ml import prediction_cache
from hybrid_tui.ml.live import recalibrated_history
from hybrid_tui.ml.live_factors import LiveFactors
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.prediction_cache import PredictedHistory, predicted_blocks, tidy
from hybrid_tui.ml.prediction_table import Answer
from hybrid_tui.ml.predictor import predict_history
from tests.ml.builders import headline, instant, random_walk

START = instant("2026-02-03T00:00:00")


def good(items: Sequence[NewsItem]) -> list[float]:
    return [0.25 * (1 + len(item.id)) for item in items]


class Asking:
    """A history, the loads of its model, and what was warned of."""

    def __init__(self, model: Model, calendar: TradingCalendar) -> None:
        late = random_walk(calendar, "LATE", sessions=4)
        series = {
            "NVDA": random_walk(calendar, "NVDA", sessions=4),
            "THIN": random_walk(calendar, "THIN", sessions=4, gaps=0.85),
            "LATE": late.slice(500, len(late)),
            "SPY": random_walk(calendar, "SPY", sessions=4),
        }
        self.model, self.calendar = model, calendar
        self.loads = 0
        self.warned: list[str] = []
        self.asked = PredictedHistory(
            manifest=model.manifest,
            load=self.load,
            series=series,
            fingerprint=fingerprint(series),
            calendar=calendar,
            begins_at=START,
            news=[headline(instant("2026-02-03T15:31:00"), "NVDA", "a")],
            score=good,
        )

    def load(self) -> Model:
        self.loads += 1
        return self.model

    def fresh(self) -> list[Answer]:
        asked = self.asked
        return list(
            predict_history(
                self.model, asked.series, self.calendar, START, news=asked.news, score=asked.score
            )
        )

    def answers(self, folder: Path | None, blocks: int | None = None) -> list[Answer]:
        found: list[Answer] = []
        for number, table in enumerate(predicted_blocks(self.asked, folder, self.warned.append)):
            for row in range(len(table)):
                found += table.answers(row, self.model.manifest)
            if number + 1 == blocks:
                break
        return found

    def changed(self, **fields: Any) -> Asking:
        other = object.__new__(Asking)
        other.model, other.calendar = self.model, self.calendar
        other.loads, other.warned = 0, []
        other.asked = replace(self.asked, load=other.load, **fields)
        return other


@pytest.fixture
def asking(model: Model, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch) -> Asking:
    monkeypatch.setattr(prediction_cache, "SESSIONS_A_BLOCK", 2)
    return Asking(model, calendar)


def test_kept_predictions_are_the_fresh_ones_to_the_bit(asking: Asking, tmp_path: Path) -> None:
    fresh = asking.fresh()
    assert {type(answer).__name__ for answer in fresh} == {"MLPrediction", "Abstention"}
    assert asking.answers(None) == fresh
    assert asking.answers(tmp_path) == fresh
    assert asking.loads == 2
    assert asking.answers(tmp_path) == fresh
    assert asking.loads == 2, "the model was loaded although everything was on the disk"
    assert not asking.warned


def test_a_desk_that_asks_every_seven_minutes_is_answered_then(
    asking: Asking, tmp_path: Path
) -> None:
    asking.answers(tmp_path)
    other = asking.changed(every_minutes=7)
    # Three sessions from START: 55 instants in each.
    assert len({answer.at for answer in other.answers(tmp_path)}) == 3 * 55
    assert other.answers(tmp_path) == other.answers(None)


def test_who_waits_is_told_which_instants_are_being_made(asking: Asking, tmp_path: Path) -> None:
    told: list[datetime] = []
    made = [
        list(table.at) for table in predicted_blocks(asking.asked, tmp_path, print, told.append)
    ]
    instants = [datetime.fromtimestamp(int(at), UTC) for block in made for at in block]
    assert told[0] == START
    assert list(dict.fromkeys(told))[1:] == instants
    list(predicted_blocks(asking.asked, tmp_path, print, told.append))
    assert told[-1] == instants[-1]
    assert told.count(instants[-1]) == len(asking.asked.series), "what was kept was not made"


def test_an_interrupted_run_goes_on_where_it_was(asking: Asking, tmp_path: Path) -> None:
    asking.answers(tmp_path, blocks=1)
    (folder,) = tmp_path.iterdir()
    assert [path.name for path in folder.iterdir()] == ["0000.npz"]
    assert asking.answers(tmp_path) == asking.fresh()
    assert sorted(path.name for path in folder.iterdir()) == ["0000.npz", "0001.npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other", "absurd", "pickle"])
@pytest.mark.parametrize("block", ["0000.npz", "0001.npz"])
def test_a_damaged_block_is_reported_and_made_anew(
    asking: Asking, tmp_path: Path, damage: str, block: str
) -> None:
    fresh = asking.answers(tmp_path)
    path = next(tmp_path.iterdir()) / block
    sound = path.read_bytes()
    if damage == "cut":
        path.write_bytes(sound[: len(sound) // 2])
    elif damage == "flipped":
        middle = len(sound) // 2
        path.write_bytes(sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "pickle":
        np.savez(path, at=np.array([{}], dtype=object))
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        if damage == "other":
            np.savez(path, **{**arrays, "at": arrays["at"] + 60})
        else:
            np.savez(path, **{**arrays, "figures": arrays["figures"] + 1.5})
    assert asking.answers(tmp_path) == fresh
    assert len(asking.warned) == 1
    assert block in asking.warned[0]
    assert path.read_bytes() == sound
    assert asking.answers(tmp_path) == fresh
    assert len(asking.warned) == 1


@pytest.mark.parametrize(("first", "last"), [(0, 10_000), (7, 40), (45, 46), (10_000, 10_001)])
def test_a_run_s_forecasts_are_the_answers_between_two_instants(
    asking: Asking, first: int, last: int
) -> None:
    fresh = asking.fresh()
    instants = sorted({answer.at for answer in fresh})
    after = instants[min(first, len(instants) - 1)] if first else START
    until = instants[min(last, len(instants) - 1)]
    blocks = predicted_blocks(asking.asked, None, asking.warned.append)
    series = asking.asked.series
    factors = LiveFactors(series, asking.model.manifest.threshold_bps)
    found = forecasts_of(blocks, after, until, factors=factors)
    between = [answer for answer in fresh if after < answer.at <= until]
    expected = [
        (one.symbol, one.at, one.buy_probability, one.confidence, one.target_position, one.familiar)
        for one in recalibrated_history(between, series)
        if isinstance(one, MLPrediction)
    ]
    said = [
        (symbol, datetime.fromtimestamp(at, UTC), *figures)
        for symbol, one in found.symbols.items()
        for at, *figures in zip(
            one.at.tolist(),
            one.probability.tolist(),
            one.confidence.tolist(),
            one.target.tolist(),
            one.familiar.tolist(),
            strict=True,
        )
    ]
    assert sorted(said) == sorted(expected)
    assert found.count() == len(expected)
    assert found.reached(0.4) == sum(row[2] >= 0.4 for row in expected)


def moved(series: BarSeries) -> BarSeries:
    close = series.close.copy()
    close[700] *= 1.0001
    return replace(series, close=close)


def test_nothing_is_taken_for_another_question(asking: Asking, tmp_path: Path) -> None:
    asking.answers(tmp_path)
    series = {**asking.asked.series, "NVDA": moved(asking.asked.series["NVDA"])}
    later: datetime = instant("2026-02-04T00:00:00")
    manifest = asking.model.manifest.model_copy(update={"base_rate": 0.41})
    others = [
        asking.changed(series=series, fingerprint=fingerprint(series)),
        asking.changed(begins_at=later),
        asking.changed(news=(), score=None),
        asking.changed(score=lambda items: [-0.5 for _ in items]),
        asking.changed(manifest=manifest),
        asking.changed(every_minutes=7),
    ]
    for other in others:
        other.answers(tmp_path, blocks=1)
        assert other.loads == 1
    assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_a_folder_that_cannot_be_written_costs_a_warning(asking: Asking, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert asking.answers(blocked) == asking.fresh()
    assert len(asking.warned) == 1
    assert "not kept" in asking.warned[0]


def test_the_longest_unused_goes_first_and_the_used_stays(tmp_path: Path) -> None:
    import os

    for age, name in enumerate(["used", "new", "old", "older"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0000.npz").write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    tidy(tmp_path, tmp_path / "used", most_bytes=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "used"]
    tidy(tmp_path, tmp_path / "used", most_bytes=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]
