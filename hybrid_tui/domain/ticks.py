"""Prices that a broker takes: cents from a dollar up, hundredths of a cent below (SEC Rule 612)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

DOLLAR = Decimal(1)
CENT = Decimal("0.01")
SUB_PENNY = Decimal("0.0001")


def exact(value: float) -> Decimal:
    """Return a float as the decimal that it is written as (101.1, and not 101.0999...)."""
    return Decimal(repr(float(value)))


def tick_at(price: Decimal) -> Decimal:
    """Return the smallest step of a price, dollars."""
    return CENT if price >= DOLLAR else SUB_PENNY


def round_down(price: Decimal) -> Decimal:
    """Return the highest price on the tick that is at or below ``price``."""
    return price.quantize(tick_at(price), ROUND_FLOOR)


def round_up(price: Decimal) -> Decimal:
    """Return the lowest price on the tick that is at or above ``price``."""
    return price.quantize(tick_at(price), ROUND_CEILING)


def stop_price(level: float) -> Decimal:
    """Return where a protective stop of a long position rests: the level rounded down.

    Down, because the level means "sell when the price is at it or below": a stop above it would
    sell at a price at which the rules hold the position.
    """
    return round_down(exact(level))


def buy_limit(ask: float, collar_bps: float) -> Decimal:
    """Return the limit of a marketable buy: the ask and a collar (basis points), rounded down.

    Down, so that it never pays more than the collar allows, but never below the ask itself.
    """
    asked = exact(ask)
    limit = round_down(asked * (1 + exact(collar_bps) / 10_000))
    return max(limit, round_up(asked))
