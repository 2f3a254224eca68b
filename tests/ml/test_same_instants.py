"""The same instants on the desk, in ``ml predict`` and in a backtest: the same bits."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.commands.compose import HistoryPredictor
from hybrid_tui.commands.ml import _abstention, _prediction
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.signals import Abstention
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.rows import fingerprint
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
from hybrid_tui.ml.prediction_cache import PredictedHistory, predicted_blocks
from hybrid_tui.ml.ticks import session_ticks
from tests.desk import hybrid_tui
from tests.ml.builders import instant

DAYS = (date(2026, 3, 19), date(2026, 3, 20))
SYMBOLS = ("NVDA", "SPY", "TSLA")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[Path]:
    folder = shared_data / "yahoo_1m_2026"
    return [folder / f"{symbol}_snapshot_b.csv.gz" for symbol in SYMBOLS]


@pytest.fixture(scope="module")
def home(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("same") / "home"
    done = hybrid_tui(home, "data", "import", *map(str, files))
    assert done.returncode == 0, done.stderr
    return home


def recorded(home: Path) -> list[Row]:
    """Return what tier 2 said on a desk that lived through the two days."""
    words = ("--set", "app.tiers=rules,ml", "--set", f"app.watchlist={','.join(SYMBOLS)}")
    span = ("--recorded", f"{DAYS[0]}", "--speed", "0", "--until", f"{DAYS[1]}")
    done = hybrid_tui(home, *words, "run", "--headless", *span, "--json", seconds=200)
    assert done.returncode == 0, done.stderr
    said: list[Row] = []
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "PredictionsMade":
            said += event["predictions"] + event["abstentions"]
    return said


def backtested(files: list[Path], calendar: TradingCalendar) -> list[Row]:
    """Return what a backtest's tier 2 says at the instants of the two days."""
    model = load_model(find_model("champion", [shipped_models()], "real"))
    series = dict(read_bars(files, calendar=calendar).series)
    asked = PredictedHistory(
        manifest=model.manifest,
        load=lambda: model,
        series=series,
        fingerprint=fingerprint(series),
        calendar=calendar,
        begins_at=instant(f"{DAYS[0]}T04:00:00"),
    )
    tier2 = HistoryPredictor(model.manifest, predicted_blocks(asked, None, print), series)
    market = KnownMarket(SYMBOLS, 60, "test")
    rows: list[Row] = []
    for day in DAYS:
        session = calendar.session_on(day)
        assert session is not None
        for second in session_ticks([session]).at.tolist():
            at = datetime.fromtimestamp(second, UTC)
            found = tier2.predict(
                market.view(at), SYMBOLS, session_close=session.close, strategy_id=None
            )
            rows += [
                _abstention(one) if isinstance(one, Abstention) else _prediction(one)
                for one in found
                if not isinstance(one, Outcome)
            ]
    return rows


def test_a_recorded_run_a_backtest_and_the_command_say_the_same_to_the_bit(
    home: Path, files: list[Path], calendar: TradingCalendar
) -> None:
    span = ("--start", f"{DAYS[0]}", "--end", f"{DAYS[1]}", "--json")
    done = hybrid_tui(home, "ml", "predict", "--data", "store", *span)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 2 * 77 * len(SYMBOLS)
    assert told == backtested(files, calendar)
    lived = {(row["at"], row["symbol"]): row for row in recorded(home)}
    assert lived.keys() == {(row["at"], row["symbol"]) for row in told}
    for row in told:
        if "abstained" in row:
            continue
        same = lived[row["at"], row["symbol"]]
        assert {name: same[name] for name in row} == row
