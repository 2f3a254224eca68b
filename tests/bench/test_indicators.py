"""How long indicators and conditions need at one bar's end, beside TA-Lib afresh on the arrays."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice
from hybrid_tui.domain.conditions import CATALOGUE
from hybrid_tui.rules.board import StreamingBoard
from hybrid_tui.rules.indicators import FAMILIES, groups_of, indicators_of, inputs_of
from hybrid_tui.rules.technical import Technicals
from tests.bench.form import rounds

SYMBOLS = tuple(f"S{number:03}" for number in range(100))
HISTORY, ROUNDS, PASSES = 100, rounds(300, 30), rounds(4, 1)
OPENS = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
EVERYTHING = {"every": {"any": list(CATALOGUE)}}
CASES = {
    "rsi_macd": RulesConfig(),
    "bollinger": RulesConfig.model_validate({"entry": "bollinger"}),
    "the whole catalogue": RulesConfig.model_validate({"entry": "every", "sets": EVERYTHING}),
}


def market() -> dict[str, BarSeries]:
    rng = np.random.default_rng(5)
    count = HISTORY + ROUNDS
    start = int(OPENS.timestamp()) + 60 * np.arange(count)
    found = {}
    for symbol in SYMBOLS:
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.0004, count)))
        found[symbol] = BarSeries(
            symbol=symbol,
            interval=60,
            feed="bench",
            start=start,
            known_at=start + 60,
            open=close,
            high=close * 1.0002,
            low=close * 0.9998,
            close=close,
            volume=rng.exponential(1000, count),
        )
    return found


def slice_at(series: dict[str, BarSeries], index: int) -> BarSlice:
    start = OPENS + timedelta(minutes=index)
    bars = {
        symbol: Bar(*(float(getattr(bars, name)[index]) for name in Bar._fields))
        for symbol, bars in series.items()
    }
    return BarSlice(start=start, known_at=start + timedelta(minutes=1), bars=bars)


def windows(series: dict[str, BarSeries], index: int) -> list[BarSeries]:
    return [bars.slice(index - HISTORY, index) for bars in series.values()]


def calls_afresh(series: dict[str, BarSeries], index: int, technicals: Technicals) -> int:
    """Return the CPU nanoseconds of TA-Lib's calls alone, on 100 bars of each symbol."""
    groups = [
        (FAMILIES[name], parameters)
        for name, parameters in groups_of(technicals.lines)
        if FAMILIES[name].batch.__module__.startswith("talib")
    ]
    ready = [
        [(family.batch, inputs_of(bars, family), parameters) for family, parameters in groups]
        for bars in windows(series, index)
    ]
    begun = time.process_time_ns()
    for calls in ready:
        for function, inputs, parameters in calls:
            function(*inputs, *parameters)
    return time.process_time_ns() - begun


def answer_afresh(series: dict[str, BarSeries], index: int, technicals: Technicals) -> int:
    """Return the CPU nanoseconds of the same answer from 100 bars of each symbol."""
    ready = windows(series, index)
    begun = time.process_time_ns()
    for bars in ready:
        indicators = indicators_of(bars, technicals.lines)
        technicals.entry.holds(indicators)
        if technicals.exit is not None:
            technicals.exit.holds(indicators)
    return time.process_time_ns() - begun


def one_pass(rules: RulesConfig, series: dict[str, BarSeries]) -> list[tuple[int, int, int]]:
    technicals = Technicals.of(rules)
    board = StreamingBoard(SYMBOLS, rules)
    for bars in series.values():
        board.warm_up(bars.slice(0, HISTORY))
    rounds = range(HISTORY, HISTORY + ROUNDS)
    ours = []
    for index in rounds:
        ended = slice_at(series, index)
        begun = time.process_time_ns()
        board.update(ended)
        found = board.confirmed() | board.leaving()
        ours.append(time.process_time_ns() - begun)
        assert found <= set(SYMBOLS)
    calls = [calls_afresh(series, index, technicals) for index in rounds]
    answers = [answer_afresh(series, index, technicals) for index in rounds]
    return list(zip(ours, calls, answers, strict=True))


@pytest.mark.bench
@pytest.mark.parametrize("case", list(CASES))
def test_one_bars_end_of_indicators_and_conditions(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    series = market()
    passes = np.array([one_pass(CASES[case], series) for _ in range(PASSES)]) / 1000
    said = []
    # The smallest of a round's passes leaves out what other processes did to the caches.
    for how, timed in (("all", passes.reshape(-1, 3)), ("best of passes", passes.min(axis=0))):
        middle, high = np.percentile(timed, [50, 99], axis=0)
        said.append(
            f"  {how}: CPU p50 {middle[0]:.0f} us, p99 {high[0]:.0f} us;"
            f" TA-Lib's calls afresh p50 {middle[1]:.0f}, p99 {high[1]:.0f}: ratios"
            f" {middle[0] / middle[1]:.2f}, {high[0] / high[1]:.2f};"
            f" the same answer afresh p50 {middle[2]:.0f}, p99 {high[2]:.0f}: ratios"
            f" {middle[0] / middle[2]:.2f}, {high[0] / high[2]:.2f}"
        )
    with capsys.disabled():
        print(f"\n{case}, 100 symbols x 100 bars\n" + "\n".join(said))  # noqa: T201
