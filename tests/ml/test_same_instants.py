"""The same instants on the desk, in ``ml predict`` and in a backtest: the same bits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.commands.compose import HistoryPredictor
from hybrid_tui.commands.ml import _abstention, _prediction
from hybrid_tui.domain.calendar import Session, TradingCalendar
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

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Real bars of some symbols in a home's store, and the days that are lived through."""

    home: Path
    files: list[Path]
    symbols: tuple[str, ...]
    days: tuple[date, ...]


def imported(home: Path, files: list[Path], days: tuple[date, ...]) -> Case:
    """Return a home that has the files' bars."""
    done = hybrid_tui(home, "data", "import", *map(str, files))
    assert done.returncode == 0, done.stderr
    symbols = tuple(sorted(file.name.replace(".", "_").split("_")[0] for file in files))
    return Case(home=home, files=files, symbols=symbols, days=days)


def recorded(case: Case) -> list[Row]:
    """Return what tier 2 said on a desk that lived through the days."""
    words = ("--set", "app.tiers=rules,ml", "--set", f"app.watchlist={','.join(case.symbols)}")
    span = ("--recorded", f"{case.days[0]}", "--speed", "0", "--until", f"{case.days[-1]}")
    done = hybrid_tui(case.home, *words, "run", "--headless", *span, "--json", seconds=1_500)
    assert done.returncode == 0, done.stderr
    said: list[Row] = []
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "PredictionsMade":
            said += event["predictions"] + event["abstentions"]
    return said


def backtested(case: Case, calendar: TradingCalendar) -> list[Row]:
    """Return what a backtest's tier 2 says at the instants of the days."""
    model = load_model(find_model("champion", [shipped_models()], "real"))
    series = dict(read_bars(case.files, calendar=calendar).series)
    asked = PredictedHistory(
        manifest=model.manifest,
        load=lambda: model,
        series=series,
        fingerprint=fingerprint(series),
        calendar=calendar,
        begins_at=instant(f"{case.days[0]}T04:00:00"),
    )
    tier2 = HistoryPredictor(model.manifest, predicted_blocks(asked, None, print), series)
    market = KnownMarket(case.symbols, 60, "test")
    rows: list[Row] = []
    for day in case.days:
        session = session_on(day, calendar)
        for second in session_ticks([session]).at.tolist():
            at = datetime.fromtimestamp(second, UTC)
            found = tier2.predict(
                market.view(at), case.symbols, session_close=session.close, strategy_id=None
            )
            rows += [
                _abstention(one) if isinstance(one, Abstention) else _prediction(one)
                for one in found
                if not isinstance(one, Outcome)
            ]
    return rows


def check(case: Case, calendar: TradingCalendar) -> tuple[int, int]:
    """Check that all three say the same; return how many predictions and abstentions there are."""
    span = ("--start", f"{case.days[0]}", "--end", f"{case.days[-1]}", "--json")
    done = hybrid_tui(case.home, "ml", "predict", "--data", "store", *span, seconds=1_500)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    ticks = session_ticks([session_on(day, calendar) for day in case.days])
    assert len(told) == len(ticks.at) * len(case.symbols)
    assert told == backtested(case, calendar)
    lived = {(row["at"], row["symbol"]): row for row in recorded(case)}
    assert lived.keys() == {(row["at"], row["symbol"]) for row in told}
    made = [row for row in told if "abstained" not in row]
    for row in made:
        same = lived[row["at"], row["symbol"]]
        assert {name: same[name] for name in row} == row
    return len(made), len(told) - len(made)


def session_on(day: date, calendar: TradingCalendar) -> Session:
    session = calendar.session_on(day)
    assert session is not None
    return session


def test_a_recorded_run_a_backtest_and_the_command_say_the_same_to_the_bit(
    shared_data: Path, tmp_path: Path, calendar: TradingCalendar
) -> None:
    folder = shared_data / "yahoo_1m_2026"
    files = [folder / f"{symbol}_snapshot_b.csv.gz" for symbol in ("NVDA", "SPY", "TSLA")]
    check(imported(tmp_path / "home", files, (date(2026, 3, 19), date(2026, 3, 20))), calendar)


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_seventeen_symbols_say_the_same_on_twenty_days(
    shared_data: Path,
    tmp_path: Path,
    calendar: TradingCalendar,
    capsys: pytest.CaptureFixture[str],
) -> None:
    days = (date(2026, 1, 23) + timedelta(days=n) for n in range(29))
    open_days = tuple(day for day in days if calendar.session_on(day) is not None)
    files = sorted((shared_data / "bars_1min_2025").glob("*.csv.gz"))
    case = imported(tmp_path / "home", files, open_days)
    assert (len(case.symbols), len(case.days)) == (17, 20)
    made, abstained = check(case, calendar)
    with capsys.disabled():
        print(f"\n{made:,} predictions and {abstained:,} abstentions: the same bits")  # noqa: T201
