"""The same trades and equity on real minutes, with holes, half-days and symbols that come late.

Tiers 2 and 3 answer at random here: the shipped model's probabilities seldom lead to a trade.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars

from .drivers import Case, by_bar, by_skipping, check_same

TIERS = [("rules",), ("rules", "ml"), ("rules", "ml", "llm")]
LOOSE = {
    "approval.policy": "auto",
    "rules.rsi_below": 45.0,
    "rules.min_confidence": 0.0,
    "risk.levels.moderate": [0.02, 0.01, 1.0],
    "risk.daily_loss": 0.01,
}


def case_of(series: dict[str, BarSeries], tiers: tuple[str, ...], warm: int) -> Case:
    """Return real bars; those before the earliest symbol's bar ``warm`` only warm up."""
    first = min(int(found.start[warm]) for found in series.values() if len(found) > warm)
    cuts = {symbol: int(found.start.searchsorted(first)) for symbol, found in series.items()}
    return Case(
        traded={s: found.slice(cuts[s], len(found)) for s, found in series.items()},
        before={s: found.slice(0, cuts[s]) for s, found in series.items() if cuts[s]},
        interval=60,
        settings=LOOSE,
        tiers=tiers,
        seed=11,
    )


def check_real(series: dict[str, BarSeries], tiers: tuple[str, ...], warm: int) -> int:
    """Compare the two paths; return how many trades there were."""
    case = case_of(series, tiers, warm)
    event = by_bar(case)
    check_same(event, by_skipping(case))
    if "llm" not in tiers:
        check_same(event, by_skipping(case, foretold=True))
    return len(event.trades)


@pytest.mark.parametrize("tiers", TIERS)
def test_a_few_real_days_come_to_the_same(
    tiers: tuple[str, ...], shared_data: Path, calendar: TradingCalendar
) -> None:
    paths = [shared_data / "bars_1min_2025" / f"{name}.csv.gz" for name in ("COIN", "CRSP")]
    whole = read_bars(paths, calendar=calendar).series
    first, last = (int(whole["COIN"].start[row]) for row in (15_000, 17_500))
    days = {
        symbol: found.slice(*found.start.searchsorted((first, last)).tolist())
        for symbol, found in whole.items()
    }
    assert check_real(days, tiers, 500) >= 5


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tiers", TIERS)
def test_half_a_year_of_all_symbols_comes_to_the_same(
    tiers: tuple[str, ...], shared_data: Path, calendar: TradingCalendar
) -> None:
    whole = read_bars([shared_data / "bars_1min_2025"], calendar=calendar).series
    print(check_real(dict(whole), tiers, 0), "trades")  # noqa: T201


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tiers", ["rules", "rules,ml", "rules,ml,llm"])
def test_the_command_finds_no_difference_with_the_shipped_model(
    tiers: str, shared_data: Path, home: Path
) -> None:
    words = ["backtest", "--data", str(shared_data / "bars_1min_2025"), "--tiers", tiers]
    result = CliRunner().invoke(app, [*words, "--path", "both", "--json"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["settings"]["path"] == "both"
