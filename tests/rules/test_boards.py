"""Bar by bar or all at once: the same indicators to the bit, and the same confirmations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, FloatArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.conditions import CATALOGUE
from hybrid_tui.market.files import read_bars
from hybrid_tui.rules.board import PrecomputedBoard, StreamingBoard
from hybrid_tui.rules.conditions import condition_of
from hybrid_tui.rules.indicators import COLUMNS, Line, indicators_of
from hybrid_tui.rules.streams import IndicatorBoard

OPENS = 1_767_623_400  # a Monday, 09:30 New York


def series_of(symbol: str, start: list[int], rng: np.random.Generator) -> BarSeries:
    """Return random bars at the starts given."""
    starts = np.array(start, dtype=np.int64)
    count = len(starts)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    open_ = close * np.exp(rng.normal(0, 0.003, count))
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="test",
        start=starts,
        known_at=starts + 60,
        open=open_,
        high=np.maximum(open_, close) * (1 + rng.random(count) * 0.01),
        low=np.minimum(open_, close) * (1 - rng.random(count) * 0.01),
        close=close,
        volume=np.floor(rng.exponential(1000, count)),
    )


def slices_of(series: dict[str, BarSeries]) -> list[BarSlice]:
    rows: dict[tuple[int, int], dict[str, Bar]] = {}
    for symbol, bars in series.items():
        columns = (getattr(bars, name).tolist() for name in COLUMNS)
        times = zip(bars.start.tolist(), bars.known_at.tolist(), strict=True)
        for when, row in zip(times, zip(*columns, strict=True), strict=True):
            rows.setdefault(when, {})[symbol] = Bar(*row)
    return [
        BarSlice(
            start=datetime.fromtimestamp(start, UTC),
            known_at=datetime.fromtimestamp(known_at, UTC),
            bars=dict(sorted(bars.items())),
        )
        for (start, known_at), bars in sorted(rows.items())
    ]


def check_boards(
    before: dict[str, BarSeries], traded: dict[str, BarSeries], rules: RulesConfig
) -> int:
    """Step both boards through the bars; return how many confirmations there were."""
    streaming = StreamingBoard(sorted({*before, *traded}), rules)
    for known in before.values():
        streaming.warm_up(known)
    whole = PrecomputedBoard(before, traded, rules)
    count = 0
    for bars in slices_of(traded):
        streaming.update(bars)
        whole.update(bars)
        ended = set(bars.bars)
        assert whole.confirmed() == streaming.confirmed() & ended
        assert whole.leaving() == streaming.leaving() & ended
        count += len(whole.confirmed())
    return count


def random_market(
    seed: int, warm: int, bars: int, days: int
) -> tuple[dict[str, BarSeries], dict[str, BarSeries]]:
    """Return three symbols with holes over some days: what warms up, and what is traded."""
    rng = np.random.default_rng(seed)
    total = warm + bars
    minutes = OPENS + np.arange(total) * 60 + (np.arange(total) * days // total) * 86_400
    before, traded = {}, {}
    for symbol in ("A", "B", "C"):
        keep = np.flatnonzero(rng.random(total) < 0.8)
        series = series_of(symbol, minutes[keep].tolist(), rng)
        first = int(np.searchsorted(keep, warm))
        if first:
            before[symbol] = series.slice(0, first)
        if first < len(series):
            traded[symbol] = series.slice(first, len(series))
    return before, traded


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.integers(1, 200),
    st.sampled_from(["rsi_macd", "rsi_macd_strict", "bollinger"]),
    st.integers(2, 30),
)
def test_both_boards_agree_with_holes_and_any_warm_up(
    seed: int, warm: int, bars: int, entry: str, period: int
) -> None:
    rules = RulesConfig.model_validate({"entry": entry, "rsi_below": 50, "rsi_period": period})
    check_boards(*random_market(seed, warm, bars, 1), rules)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_both_boards_agree_on_any_set_of_the_catalogue(data: st.DataObject) -> None:
    names = st.lists(st.sampled_from(sorted(CATALOGUE)), max_size=3)
    chosen = {
        "any": [*data.draw(names), data.draw(st.sampled_from(sorted(CATALOGUE)))],
        "not": data.draw(names),
    }
    leaving = {"all": [data.draw(st.sampled_from(sorted(CATALOGUE)))], "not": data.draw(names)}
    rules = RulesConfig.model_validate(
        {"entry": "mine", "exit": "out", "rsi_exit": 0, "sets": {"mine": chosen, "out": leaving}}
    )
    seed, warm, bars, days = (data.draw(st.integers(0, most)) for most in (2**32 - 1, 100, 150, 3))
    check_boards(*random_market(seed, warm, bars + 1, days + 1), rules)


def all_lines() -> list[Line]:
    """Return every line that some condition of the catalogue looks at with its defaults."""
    rules = RulesConfig.model_validate(
        {"sets": {name: {"all": text} for name, text in named_sets().items()}}
    )
    found = [
        line
        for name in named_sets()
        for call in rules.rule_set(name).conditions()
        for line in condition_of(call).lines
    ]
    return list(dict.fromkeys(found))


def named_sets() -> dict[str, list[str]]:
    return {f"only_{name}": [name] for name in CATALOGUE}


def check_restart(series: BarSeries, restart: int, until: int) -> int:
    """Compare bar by bar with TA-Lib on the whole series; return how many figures were compared."""
    lines = all_lines()
    whole = indicators_of(series, lines)
    expected = np.array([whole[line] for line in lines])
    board = IndicatorBoard((series.symbol,), lines, depth=1)
    board.warm_up(series.slice(0, restart))
    for index, bars in enumerate(slices_of({series.symbol: series.slice(restart, until)}), restart):
        board.update(bars)
        tail = board.tail(1)
        found = np.array([tail[line][-1, 0] for line in lines])
        np.testing.assert_array_equal(found, expected[:, index])
    return len(lines) * (until - restart)


def test_every_line_is_the_same_to_the_bit_from_the_first_bar_and_after_a_restart(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    path = shared_data / "bars_1min_2025" / "COIN.csv.gz"
    bars = read_bars([path], calendar=calendar).series["COIN"]
    assert check_restart(bars, 0, 1_000) > 15_000
    assert check_restart(bars, 20_000, 21_500) > 20_000


def test_what_is_batched_is_what_ta_lib_says(shared_data: Path, calendar: TradingCalendar) -> None:
    path = shared_data / "bars_1min_2025" / "CRSP.csv.gz"
    bars = read_bars([path], calendar=calendar).series["CRSP"]
    macd, signal, _ = talib.MACD(bars.close, 12, 26, 9)
    upper, _, lower = talib.BBANDS(bars.close, 20, 2.0, 2.0)
    expected: dict[Line, FloatArray] = {
        Line("rsi", (14,)): talib.RSI(bars.close, 14),
        Line("macd", (12, 26, 9)): macd,
        Line("macd_signal", (12, 26, 9)): signal,
        Line("upper_band", (20, 2.0, 2.0)): upper,
        Line("lower_band", (20, 2.0, 2.0)): lower,
        Line("sma", (50,)): talib.SMA(bars.close, 50),
        Line("ema", (50,)): talib.EMA(bars.close, 50),
        Line("atr", (14,)): talib.ATR(bars.high, bars.low, bars.close, 14),
        Line("highest", (20,)): talib.MAX(bars.high, 20),
        Line("lowest", (20,)): talib.MIN(bars.low, 20),
        Line("mean_volume", (20,)): talib.SMA(bars.volume, 20),
    }
    found = indicators_of(bars, expected)
    for line, values in expected.items():
        np.testing.assert_array_equal(found[line], values)


def test_only_what_the_configured_sets_look_at_is_computed() -> None:
    from hybrid_tui.rules.technical import Technicals

    def names(**rules: object) -> set[str]:
        return {line.text for line in Technicals.of(RulesConfig.model_validate(rules)).lines}

    assert names(rsi_exit=0) == {"macd(12, 26, 9)", "macd_signal(12, 26, 9)", "rsi(14)"}
    assert names(entry="bollinger", rsi_exit=0) == {"close", "lower_band(20, 2, 2)"}
    assert names(entry="bollinger") == {"close", "lower_band(20, 2, 2)", "rsi(14)"}


@pytest.mark.full
def test_all_real_symbols_give_the_same_bits_on_every_bar(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    whole = read_bars([shared_data / "bars_1min_2025"], calendar=calendar).series
    assert len(whole) == 17
    compared = 0
    for series in whole.values():
        middle = len(series) // 2
        compared += check_restart(series, 0, middle) + check_restart(series, middle, len(series))
    print(compared, "figures")  # noqa: T201


@pytest.mark.full
def test_all_real_symbols_give_the_same_confirmations(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    whole = read_bars([shared_data / "bars_1min_2025"], calendar=calendar).series
    rules = RulesConfig()
    print(check_boards({}, whole, rules), "confirmations")  # noqa: T201
