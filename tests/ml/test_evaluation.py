"""``ml evaluate``: what is printed is what the predictions came to."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.dataset import build_dataset
from hybrid_tui.ml.evaluation import evaluation
from hybrid_tui.ml.metrics import dense_ranks, rank_correlation_counted, reliability
from hybrid_tui.ml.model_files import Model
from tests.desk import hybrid_tui
from tests.ml.builders import random_walk
from tests.ml.test_command import lines, run, write_csv


def test_each_window_is_in_one_group_of_each_kind(model: Model, calendar: TradingCalendar) -> None:
    symbols = ("NVDA", "SPY")
    data = build_dataset(
        {symbol: random_walk(calendar, symbol, sessions=8) for symbol in symbols}, calendar
    )
    minutes = (data.at - calendar.open_seconds[data.day]) / 60.0
    found = evaluation(model, data, symbols, minutes, seed=1)
    for kind in ("by_symbol", "by_time_of_day", "by_regime"):
        assert sum(group["windows"] for group in found[kind].values()) == len(data)
    assert set(found["forecasters"]) == {*model.members, "ensemble"}
    for figures in found["forecasters"].values():
        auc = figures["auc"]
        assert auc["low"] <= auc["value"] <= auc["high"]
        assert figures["brier_gain"]["value"] == pytest.approx(
            found["frequency"] * (1 - found["base_rate"]) ** 2
            + (1 - found["frequency"]) * found["base_rate"] ** 2
            - figures["brier"]["value"]
        )
    assert sum(row["outcomes"] for row in found["reliability"]) == len(data)
    assert set(found["holds"]) == {"brier_not_worse", "ece_not_worse", "coverage_as_said"}
    assert found["holds"]["brier_not_worse"] is (
        found["forecasters"]["ensemble"]["brier_gain"]["high"] >= 0
    )


def test_the_command_judges_what_predict_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calendar: TradingCalendar
) -> None:
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bars"
    folder.mkdir()
    walks = {name: random_walk(calendar, name, sessions=3) for name in ("NVDA", "SPY")}
    for walk in walks.values():
        write_csv(folder, walk)
    asked = ("--data", str(folder), "--symbols", "NVDA", "--start", "2026-02-03", "--json")
    judged = json.loads(run("evaluate", *asked).stdout)["without_sentiment"]
    said = [row for row in lines(run("predict", *asked)) if "abstained" not in row]
    assert judged["windows"] == len(said)
    probability = np.array([row["buy_probability"] for row in said])
    table = judged["reliability"]
    assert sum(row["probability"] * row["outcomes"] for row in table) / len(said) == pytest.approx(
        probability.mean()
    )
    assert judged["days"] == 2
    # The intervals that are judged are those that the desk says, as they widen and narrow.
    bars = walks["NVDA"]
    seconds_of = [int(datetime.fromisoformat(row["horizon_end"]).timestamp()) for row in said]
    last = np.searchsorted(bars.known_at, seconds_of, side="right") - 1
    held = [
        row["interval"]["low"] <= price <= row["interval"]["high"]
        for row, price in zip(said, bars.close[last], strict=True)
    ]
    assert judged["interval_coverage"]["value"] == pytest.approx(np.mean(held))
    widths = {round(row["interval"]["high"] / row["reference_price"], 6) for row in said}
    assert len(widths) > 10
    assert judged["holds"] == dict.fromkeys(judged["holds"], None), "too few days to tell"
    assert judged["forecasters"]["ensemble"]["auc"]["low"] is None, "two days give no interval"


def test_a_span_without_a_window_is_said(tmp_path: Path, calendar: TradingCalendar) -> None:
    write_csv(tmp_path, random_walk(calendar, "NVDA", sessions=2))
    found = hybrid_tui(
        tmp_path / "home", "ml", "evaluate", "--data", str(tmp_path), "--start", "2027-01-04"
    )
    assert found.returncode == 2
    assert "no window" in found.stderr
    assert "Traceback" not in found.stderr


def test_ranks_decide_the_information_coefficient() -> None:
    first, count = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4)
    for other, expected in ((np.exp(first), 1.0), (-first, -1.0), (np.ones(4), np.nan)):
        found = rank_correlation_counted(dense_ranks(first), dense_ranks(other), count)
        assert found == pytest.approx(expected, nan_ok=True)


def test_the_reliability_table_is_of_equal_tenths() -> None:
    probability = np.linspace(0, 1, 1000, endpoint=False)
    is_up = np.arange(1000) % 2 == 0
    table = reliability(probability, is_up)
    assert [count for _, _, count in table] == [100] * 10
    assert [came for _, came, _ in table] == [0.5] * 10
    assert [said for said, _, _ in table] == sorted(said for said, _, _ in table)
