"""An order's life: the same whatever order its reports come in; fills are booked once."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.order_life import Booked, OrderLife, OrderReport, Stage, fill_to_book
from hybrid_tui.domain.ticks import buy_limit, stop_price

Step = tuple[int, int]


@st.composite
def histories(draw: st.DrawFn) -> tuple[OrderLife, list[OrderReport], Decimal]:
    """A legal history of one order, and the dollars that its fills cost."""
    quantity = draw(st.integers(1, 500))
    parts = draw(st.lists(st.integers(1, 200), max_size=6))
    filled, value = Decimal(0), Decimal(0)
    reports = [OrderReport(stage=Stage.ACCEPTED, venue_id="v1")]
    reports += [OrderReport(stage=Stage.WORKING, venue_id="v1")] * draw(st.integers(0, 1))
    for part in parts:
        part = min(part, quantity - int(filled))
        if not part:
            break
        price = Decimal(draw(st.integers(1, 50_000))) / 100
        filled += part
        value += part * price
        stage = Stage.FILLED if filled == quantity else Stage.PARTLY_FILLED
        reports.append(
            OrderReport(stage=stage, filled=filled, average=value / filled, venue_id="v1")
        )
    if filled < quantity:
        ends = [Stage.CANCELLED, Stage.EXPIRED, Stage.REPLACED, Stage.REJECTED, None]
        end = draw(st.sampled_from(ends))
        if end is not None:
            average = value / filled if filled else Decimal(0)
            reports.append(
                OrderReport(stage=end, filled=filled, average=average, venue_id="v1", reason="x")
            )
    life = OrderLife(client_id="c", quantity=Decimal(quantity), stage=Stage.SENT)
    return life, reports, value


def told(life: OrderLife, reports: list[OrderReport]) -> tuple[OrderLife, Booked]:
    """Return the life after the reports, each booked as it came."""
    booked = Booked()
    for report in reports:
        life = life.join(report)
        found = fill_to_book(life, booked)
        if found is not None:
            quantity, price = found
            booked = Booked(
                quantity=booked.quantity + quantity, value=booked.value + quantity * price
            )
    return life, booked


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_any_order_and_repetition_of_a_history_ends_the_same(
    history: tuple[OrderLife, list[OrderReport], Decimal], dice: random.Random, repeats: int
) -> None:
    life, reports, value = history
    expected, _ = told(life, reports)
    shuffled = [*reports, *(dice.choice(reports) for _ in range(repeats))]
    dice.shuffle(shuffled)
    found, booked = told(life, shuffled)
    assert found == expected
    assert booked.quantity == expected.filled
    assert abs(booked.value - value) < Decimal("0.005")
    assert found.is_over == expected.is_over


def test_an_unknown_order_is_resolved_by_what_the_broker_says() -> None:
    life = OrderLife(client_id="c", quantity=Decimal(5), stage=Stage.UNKNOWN)
    assert life.is_unknown
    found = life.join(OrderReport(stage=Stage.ACCEPTED, venue_id="v"))
    assert (found.is_unknown, found.is_over, found.venue_id) == (False, False, "v")


def test_a_cancellation_that_lost_to_the_fill_is_a_fill() -> None:
    life = OrderLife(client_id="c", quantity=Decimal(5))
    cancelled = OrderReport(stage=Stage.CANCELLED)
    filled = OrderReport(stage=Stage.FILLED, filled=Decimal(5), average=Decimal(10))
    assert life.join(cancelled).join(filled) == life.join(filled).join(cancelled)
    assert life.join(cancelled).join(filled).stage is Stage.FILLED


@pytest.mark.parametrize(
    ("level", "price"),
    [
        (95.123, "95.12"),
        (95.129999, "95.12"),
        (0.98765, "0.9876"),
        (1.0, "1.00"),
        (101.1, "101.10"),
    ],
)
def test_a_stop_rests_at_its_level_or_just_below(level: float, price: str) -> None:
    assert stop_price(level) == Decimal(price)


@pytest.mark.parametrize(
    ("ask", "collar", "limit"),
    [(100.0, 20, "100.20"), (100.03, 20, "100.23"), (1.0, 20, "1.00"), (0.5, 20, "0.5010")],
)
def test_a_buy_limit_is_the_ask_and_its_collar(ask: float, collar: float, limit: str) -> None:
    assert buy_limit(ask, collar) == Decimal(limit)


@given(st.floats(0.01, 5_000), st.floats(0, 100))
def test_a_buy_limit_is_never_below_the_ask_and_a_stop_never_above_its_level(
    price: float, collar: float
) -> None:
    assert buy_limit(price, collar) >= Decimal(repr(price))
    assert stop_price(price) <= Decimal(repr(price))
