"""Bar by bar or all at once: the same indicators to the bit, and the same confirmations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars
from hybrid_tui.rules.board import PrecomputedBoard, StreamingBoard
from hybrid_tui.rules.indicators import IndicatorBoard, indicators_of


def series_of(symbol: str, start: list[int], close: list[float]) -> BarSeries:
    prices = np.array(close)
    starts = np.array(start, dtype=np.int64)
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="test",
        start=starts,
        known_at=starts + 60,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.ones_like(prices),
    )


def slices_of(series: dict[str, BarSeries]) -> list[BarSlice]:
    rows: dict[int, dict[str, Bar]] = {}
    for symbol, bars in series.items():
        for second, price in zip(bars.start.tolist(), bars.close.tolist(), strict=True):
            rows.setdefault(second, {})[symbol] = Bar(price, price, price, price, 1.0)
    return [
        BarSlice(
            start=datetime.fromtimestamp(second, UTC),
            known_at=datetime.fromtimestamp(second + 60, UTC),
            bars=dict(sorted(bars.items())),
        )
        for second, bars in sorted(rows.items())
    ]


def check_boards(
    before: dict[str, BarSeries], traded: dict[str, BarSeries], rules: RulesConfig
) -> int:
    """Step both boards through the bars; return how many confirmations there were."""
    streaming = StreamingBoard(sorted({*before, *traded}), rules)
    for symbol, known in before.items():
        streaming.warm_up(symbol, known.close)
    whole = PrecomputedBoard(before, traded, rules)
    count = 0
    for bars in slices_of(traded):
        streaming.update(bars)
        whole.update(bars)
        ended = set(bars.bars)
        assert whole.confirmed() == streaming.confirmed() & ended
        count += len(whole.confirmed())
        for symbol in ended:
            one, other = whole.rsi_of(symbol), streaming.rsi_of(symbol)
            assert one == other or (np.isnan(one) and np.isnan(other))
    return count


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
    rng = np.random.default_rng(seed)
    rules = RulesConfig.model_validate({"entry": entry, "rsi_below": 50, "rsi_period": period})
    before, traded = {}, {}
    for symbol in ("A", "B", "C"):
        keep = np.flatnonzero(rng.random(warm + bars) < 0.8)
        closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, warm + bars)))
        early, late = keep[keep < warm], keep[keep >= warm]
        if len(early):
            before[symbol] = series_of(symbol, (early * 60).tolist(), closes[early].tolist())
        if len(late):
            traded[symbol] = series_of(symbol, (late * 60).tolist(), closes[late].tolist())
    check_boards(before, traded, rules)


def test_real_minutes_are_the_same_to_the_bit_after_a_restart_in_the_middle(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    path = shared_data / "bars_1min_2025" / "COIN.csv.gz"
    bars = read_bars([path], calendar=calendar).series["COIN"]
    whole = indicators_of(bars.close, 14)
    board = IndicatorBoard(("COIN",), rsi_period=14, depth=1)
    board.warm_up("COIN", bars.close[:20_000])
    for index in range(20_000, 24_000):
        price = float(bars.close[index])
        board.update({"COIN": Bar(price, price, price, price, 1.0)})
        tail = board.tail()
        assert tail.rsi[0, 0] == whole.rsi[index]
        assert tail.macd[0, 0] == whole.macd[index]
        assert tail.macd_signal[0, 0] == whole.macd_signal[index]
        assert tail.lower_band[0, 0] == whole.lower_band[index]


@pytest.mark.full
def test_all_real_symbols_give_the_same_confirmations(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    whole = read_bars([shared_data / "bars_1min_2025"], calendar=calendar).series
    rules = RulesConfig()
    print(check_boards({}, whole, rules), "confirmations")  # noqa: T201
