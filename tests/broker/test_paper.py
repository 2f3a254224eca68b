"""The paper broker: kinds of orders, costs, partial fills, and money that adds up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.domain.bars import Bar, BarSlice
from hybrid_tui.domain.orders import Fill, Order, OrderKind, Position, Side
from hybrid_tui.domain.ports import BrokerUpdate, Cancelled
from hybrid_tui.errors import HybridError

OPENS = datetime(2026, 3, 20, 13, 30, tzinfo=UTC)


def bars(minute: int = 0, **symbols: tuple[float, float, float, float]) -> BarSlice:
    start = OPENS + timedelta(minutes=minute)
    made = {name: Bar(*prices, 1000.0) for name, prices in symbols.items()}
    return BarSlice(start=start, known_at=start + timedelta(minutes=1), bars=made)


def order(
    identity: str,
    side: Side = Side.BUY,
    quantity: float = 10,
    *,
    symbol: str = "A",
    kind: OrderKind = OrderKind.MARKET,
    price: float | None = None,
    trail: float | None = None,
    priority: float = 0.0,
) -> Order:
    return Order(
        id=identity,
        at=OPENS,
        symbol=symbol,
        side=side,
        quantity=quantity,
        reason="test",
        kind=kind,
        price=price,
        trail=trail,
        priority=priority,
    )


class Account:
    """A broker whose updates are kept, with a cap that only cash sets."""

    def __init__(self, broker: PaperBroker) -> None:
        self.broker = broker
        self.updates: list[BrokerUpdate] = []

    def advance(self, slice_: BarSlice) -> list[Fill]:
        first = len(self.updates)
        self.broker.advance(slice_, self._cap, self.updates.append)
        return [update for update in self.updates[first:] if isinstance(update, Fill)]

    def _cap(self, wanted: Order, price: float) -> float:
        return min(wanted.quantity, self.broker.cash // price)


def account(
    cash: float = 10_000.0,
    slippage_bps: float = 0.0,
    commission: float = 0.0,
    participation: float | None = None,
) -> Account:
    return Account(
        PaperBroker(
            cash=cash,
            slippage_bps=slippage_bps,
            commission=commission,
            participation=participation,
        )
    )


def holding(quantity: float = 10, **more: float) -> Account:
    """An account that bought A at 100 in the first minute, with no stop near."""
    made = account(**more)
    made.broker.submit(order("in", quantity=quantity))
    made.advance(bars(0, A=(100, 100, 100, 100)))
    return made


def test_a_market_buy_fills_at_the_next_open_with_slippage_and_commission() -> None:
    desk = account(slippage_bps=10.0, commission=1.0)
    desk.broker.submit(order("in"))
    (fill,) = desk.advance(bars(0, A=(100, 101, 99, 100.5)))
    # 100 x 1.001 = 100.1 a share; 10 shares and one dollar leave 10,000 - 1,001 - 1 = 8,998.
    assert fill.price == pytest.approx(100.1)
    assert fill.slippage == pytest.approx(1.0)
    assert fill.at == OPENS
    assert desk.broker.cash == pytest.approx(8_998.0)


def test_the_same_order_twice_is_one_order() -> None:
    desk = account()
    desk.broker.submit(order("in"))
    desk.broker.submit(order("in"))
    assert len(desk.advance(bars(0, A=(100, 100, 100, 100)))) == 1
    desk.broker.submit(order("in"))
    assert desk.advance(bars(1, A=(100, 100, 100, 100))) == []


def test_an_order_waits_for_its_symbols_bar() -> None:
    desk = account()
    desk.broker.submit(order("in"))
    assert desk.advance(bars(0, B=(50, 50, 50, 50))) == []
    assert len(desk.advance(bars(1, A=(100, 100, 100, 100)))) == 1


def test_a_buy_that_found_no_bar_ends_with_the_session_and_a_sell_does_not() -> None:
    desk = holding()
    desk.broker.submit(order("more", symbol="B"))
    desk.broker.submit(order("out", Side.SELL))
    desk.broker.session_closed(desk.updates.append)
    ended = [update for update in desk.updates if isinstance(update, Cancelled)]
    assert [update.order_id for update in ended] == ["more"]
    assert [fill.order_id for fill in desk.advance(bars(5, A=(90, 90, 90, 90)))] == ["out"]


def test_a_limit_buy_fills_at_its_price_or_better() -> None:
    desk = account()
    desk.broker.submit(order("in", kind=OrderKind.LIMIT, price=99.0))
    assert desk.advance(bars(0, A=(100, 101, 99.5, 100))) == []
    (fill,) = desk.advance(bars(1, A=(100, 100, 98.5, 99)))
    assert fill.price == pytest.approx(99.0)
    desk.broker.submit(order("gap", kind=OrderKind.LIMIT, price=99.0))
    (fill,) = desk.advance(bars(2, A=(97, 98, 96, 97)))
    assert fill.price == pytest.approx(97.0)


def test_a_limit_sell_fills_at_its_price_or_better() -> None:
    desk = holding()
    desk.broker.submit(order("out", Side.SELL, kind=OrderKind.LIMIT, price=105.0))
    assert desk.advance(bars(1, A=(100, 104.9, 100, 104))) == []
    (fill,) = desk.advance(bars(2, A=(104, 106, 104, 105)))
    assert fill.price == pytest.approx(105.0)


def test_a_stop_sell_fills_at_its_level_or_at_the_open_beyond_it() -> None:
    desk = holding()
    desk.broker.submit(order("out", Side.SELL, 4, kind=OrderKind.STOP, price=95.0))
    assert desk.advance(bars(1, A=(100, 101, 95.1, 96))) == []
    (fill,) = desk.advance(bars(2, A=(96, 96, 94, 95)))
    assert fill.price == pytest.approx(95.0)
    desk.broker.submit(order("gap", Side.SELL, 6, kind=OrderKind.STOP, price=95.0))
    (fill,) = desk.advance(bars(3, A=(90, 91, 89, 90)))
    assert fill.price == pytest.approx(90.0)
    assert desk.broker.quantities == {}


def test_a_trailing_stop_follows_the_highs_of_the_bars_before() -> None:
    desk = holding()
    desk.broker.submit(order("out", Side.SELL, kind=OrderKind.TRAILING_STOP, trail=0.05))
    assert desk.advance(bars(1, A=(100, 110, 100, 109))) == []
    # The high of 110 puts the level at 110 x 0.95 = 104.50 for the bars after it.
    assert desk.advance(bars(2, A=(108, 109, 105, 106))) == []
    (fill,) = desk.advance(bars(3, A=(106, 106, 104, 105)))
    assert fill.price == pytest.approx(104.5)


def test_a_bars_volume_limits_fills_where_a_participation_is_set() -> None:
    # 1 % of 1,000 shares is 10: an entry is cut to that, an exit takes several bars.
    desk = account(cash=100_000.0, participation=0.01)
    desk.broker.submit(order("in", quantity=25))
    (fill,) = desk.advance(bars(0, A=(100, 100, 100, 100)))
    assert (fill.quantity, fill.final) == (10, True)
    desk.broker.submit(order("in2", quantity=8))
    desk.advance(bars(1, A=(100, 100, 100, 100)))
    desk.broker.submit(order("out", Side.SELL, 18))
    (first,) = desk.advance(bars(2, A=(100, 100, 100, 100)))
    assert (first.quantity, first.final) == (10, False)
    (rest,) = desk.advance(bars(3, A=(100, 100, 100, 100)))
    assert (rest.quantity, rest.final) == (8, True)
    assert desk.broker.quantities == {}


def test_a_protective_stop_needs_a_position() -> None:
    with pytest.raises(HybridError, match="no position in A"):
        account().broker.place_stop("A", 95.0, "hard_stop")


def test_a_cancelled_order_does_not_fill() -> None:
    desk = account()
    desk.broker.submit(order("in"))
    desk.broker.cancel("in")
    assert desk.advance(bars(0, A=(100, 100, 100, 100))) == []


def test_a_negative_balance_is_an_error_and_not_a_silent_stop() -> None:
    broker = PaperBroker(cash=100.0, slippage_bps=0.0)
    broker.submit(order("in", quantity=2))
    with pytest.raises(HybridError, match="leaves cash at -"):
        broker.advance(bars(0, A=(100, 100, 100, 100)), lambda o, _: o.quantity, lambda _: None)


def test_a_restored_account_goes_on_where_it_was() -> None:
    desk = account(cash=0.0)
    held = Position(
        symbol="A",
        quantity=10,
        entry_price=100.0,
        entry_at=OPENS,
        entry_reason="test",
        entry_fees=0.0,
        high=100.0,
        level=95.0,
        entry_order_id="in",
    )
    out = order("out", Side.SELL, 10)
    desk.broker.restore(500.0, [held], [out], {"out": 4})
    out_fill, stop_fill = desk.advance(bars(1, A=(100, 100, 94, 94)))
    # The 6 shares still to go leave at the open; the stop that rests at 95 sells the other 4.
    assert (out_fill.order_id, out_fill.quantity, out_fill.price) == ("out", 6, 100.0)
    assert (stop_fill.order_id, stop_fill.quantity, stop_fill.price) == ("in-stop", 4, 95.0)
    assert desk.broker.cash == pytest.approx(500 + 600 + 380)


def test_a_restored_account_remembers_that_a_stop_was_touched() -> None:
    desk = account(cash=0.0)
    held = Position(
        symbol="A",
        quantity=4,
        entry_price=100.0,
        entry_at=OPENS,
        entry_reason="test",
        entry_fees=0.0,
        high=100.0,
        level=95.0,
        entry_order_id="in",
    )
    desk.broker.restore(0.0, [held], [], {"in-stop": 6})
    (fill,) = desk.advance(bars(1, A=(99, 99, 98, 98)))
    assert (fill.quantity, fill.price, fill.final) == (4, 99.0, True)


def test_a_split_and_a_dividend_change_shares_stop_and_cash() -> None:
    desk = holding()
    desk.broker.place_stop("A", 90.0, "hard_stop")
    desk.broker.adjust("A", 4.0, 0.0)
    desk.broker.adjust("A", 1.0, 0.25)
    # 10 shares become 40, the stop 90 / 4 = 22.50, and 40 x 0.25 = 10 dollars come in.
    assert desk.broker.quantities == {"A": 40}
    assert desk.broker.cash == pytest.approx(9_010.0)
    (fill,) = desk.advance(bars(1, A=(25, 25, 22, 23)))
    assert fill.price == pytest.approx(22.5)


prices = st.floats(1.0, 500.0)


@given(
    st.lists(st.tuples(prices, st.integers(1, 400), st.booleans()), max_size=40),
    st.floats(0, 50),
    st.floats(0, 2),
)
def test_cash_and_shares_always_reconcile_with_the_fills(
    steps: list[tuple[float, int, bool]], slippage: float, commission: float
) -> None:
    desk = Account(PaperBroker(cash=5_000.0, slippage_bps=slippage, commission=commission))
    desk._cap = lambda wanted, price: min(  # type: ignore[method-assign]
        wanted.quantity, max(0, desk.broker.cash - commission) // price
    )
    cash, held = 5_000.0, 0.0
    for minute, (price, quantity, buys) in enumerate(steps):
        side = Side.BUY if buys or not held else Side.SELL
        desk.broker.submit(order(f"o{minute}", side, quantity))
        for fill in desk.advance(bars(minute, A=(price, price, price, price))):
            sign = 1 if fill.side is Side.BUY else -1
            cash -= sign * fill.quantity * fill.price + fill.commission
            held += sign * fill.quantity
        assert desk.broker.cash == pytest.approx(cash, abs=1e-6)
        assert desk.broker.quantities.get("A", 0.0) == held
        assert held >= 0
        assert cash >= -commission - 1e-9


def test_a_stop_once_touched_is_sold_on_whatever_the_price() -> None:
    # 1 % of 1,000 shares a bar: 25 shares held, the stop at 95 is touched in the second minute.
    desk = account(cash=100_000.0, participation=0.01)
    for minute in range(3):
        desk.broker.submit(order(f"in{minute}", quantity=10))
        desk.advance(bars(minute, A=(100, 100, 100, 100)))
    desk.broker.place_stop("A", 95.0, "hard_stop")
    found = [
        desk.advance(bars(3, A=(96, 96, 94, 96))),
        # Back above the stop: the rest is a market order by now.
        desk.advance(bars(4, A=(97, 99, 97, 99))),
        desk.advance(bars(5, A=(98, 99, 97, 99))),
    ]
    fills = [fill for (fill,) in found]
    assert [(f.quantity, f.price, f.final) for f in fills] == [
        (10, 95.0, False),
        (10, 97.0, False),
        (10, 98.0, True),
    ]
    assert desk.broker.quantities == {}


def test_orders_of_one_bar_share_its_volume() -> None:
    desk = holding(quantity=10, participation=0.01)
    desk.broker.submit(order("out", Side.SELL, 4))
    desk.broker.place_stop("A", 99.0, "hard_stop")
    fills = desk.advance(bars(1, A=(100, 100, 90, 90)))
    assert [(fill.order_id, fill.quantity) for fill in fills] == [("out", 4), ("in-stop", 6)]
    thirsty = holding(quantity=10, participation=0.01)
    thirsty.broker.submit(order("out", Side.SELL, 8))
    thirsty.broker.submit(order("more", quantity=8))
    fills = thirsty.advance(bars(1, A=(100, 100, 100, 100)))
    assert [(fill.order_id, fill.quantity) for fill in fills] == [("out", 8), ("more", 2)]


def test_an_entry_in_a_bar_without_volume_is_cancelled_and_says_why() -> None:
    desk = account(participation=0.0005)
    desk.broker.submit(order("in"))
    assert desk.advance(bars(0, A=(100, 100, 100, 100))) == []
    (ended,) = desk.updates
    assert isinstance(ended, Cancelled)
    assert "volume" in ended.reason


def test_half_of_the_spread_takes_the_place_of_fixed_slippage_where_it_is_known() -> None:
    def half(symbol: str, at: datetime) -> float | None:
        return 0.002 if at == OPENS else None

    desk = Account(PaperBroker(cash=10_000.0, slippage_bps=10.0, half_spread=half))
    desk.broker.submit(order("in"))
    (bought,) = desk.advance(bars(0, A=(100, 100, 100, 100)))
    assert bought.price == pytest.approx(100.2)
    desk.broker.submit(order("out", Side.SELL))
    (sold,) = desk.advance(bars(1, A=(100, 100, 100, 100)))
    # No spread is known a minute later: 10 basis points instead.
    assert sold.price == pytest.approx(99.9)


def test_adopted_shares_are_sold_by_the_stop_that_is_set_for_them() -> None:
    desk = account(cash=0.0)
    desk.broker.adopt("A", 10, "adopted")
    assert desk.advance(bars(A=(50.0, 50.0, 40.0, 45.0))) == []
    desk.broker.place_stop("A", 42.0, "hard_stop")
    (fill,) = desk.advance(bars(1, A=(45.0, 46.0, 41.0, 44.0)))
    assert (fill.symbol, fill.quantity, fill.price) == ("A", 10, 42.0)
    assert fill.order_id == "adopted-stop"
