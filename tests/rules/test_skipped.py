"""What a bar's end does not look at is what the rules would have left as it was."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import Bar, BarSlice
from hybrid_tui.domain.orders import ExitReason, Fill, Position
from hybrid_tui.domain.ports import BrokerUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.checks import EntryRules
from hybrid_tui.rules.entries import decide_entries
from hybrid_tui.rules.stops import first_level, next_level
from tests.semantics.desk import MINUTE, at

NAMES = ("AAA", "BBB", "CCC", "DDD")
PRICE = st.floats(1.0, 200.0)
WIDTH = st.floats(0.01, 0.2)


def held(symbol: str, level: float) -> Position:
    return Position(
        symbol=symbol,
        quantity=10,
        entry_price=100.0,
        entry_at=at("09:31"),
        entry_reason="test",
        entry_fees=0.0,
        high=100.0,
        level=level,
    )


@given(PRICE, st.lists(PRICE, min_size=1, max_size=8), PRICE, WIDTH, WIDTH)
def test_a_bar_without_a_new_high_leaves_the_stop(
    entry: float, highs: list[float], later: float, hard: float, trail: float
) -> None:
    high, level, source = entry, first_level(entry, hard), ExitReason.HARD_STOP
    for one in highs:
        high = max(high, one)
        level, source = next_level(
            entry=entry, high=high, level=level, level_from=source, hard=hard, trail=trail
        )
    assume(later <= high)
    again = next_level(
        entry=entry, high=max(high, later), level=level, level_from=source, hard=hard, trail=trail
    )
    assert again == (level, source)


@given(st.dictionaries(st.sampled_from(NAMES), st.tuples(PRICE, PRICE, PRICE)))
def test_exactly_the_stops_that_a_bar_reaches_are_sold(
    found: dict[str, tuple[float, float, float]],
) -> None:
    broker = PaperBroker(cash=0.0)
    level_of = dict(zip(NAMES, (50.0, 80.0, 110.0, 140.0), strict=True))
    broker.restore(0.0, [held(name, level) for name, level in level_of.items()], (), {})
    bars = {
        name: Bar(open_, max(open_, low, close), min(open_, low, close), close, 1e6)
        for name, (open_, low, close) in found.items()
    }
    sold: list[BrokerUpdate] = []
    start = at("10:00")
    broker.advance(
        BarSlice(start=start, known_at=start + MINUTE, bars=bars), lambda *_: 0.0, sold.append
    )
    reached = {name for name, bar in bars.items() if bar.low <= level_of[name]}
    assert {fill.symbol for fill in sold if isinstance(fill, Fill)} == reached


@settings(max_examples=40)
@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)), st.booleans())
def test_nothing_is_decided_or_refused_in_what_is_held(
    owned: set[str], confirmed: set[str], paused: bool
) -> None:
    state = DeskState(cash=1e5, paused=paused)
    state.closes = dict.fromkeys(NAMES, 100.0)
    state.positions = {name: held(name, 90.0) for name in sorted(owned)}
    entries, refusals = decide_entries(
        state,
        at("10:00") + timedelta(minutes=1),
        equity=state.equity(),
        confirmed=confirmed,
        stale=(),
        in_overnight_window=False,
        setup=EntryRules.of(Config(), {"rules"}, 0.7),
    )
    asked = {entry.symbol for entry in entries} | {refusal.symbol for refusal in refusals}
    assert asked == confirmed - owned
