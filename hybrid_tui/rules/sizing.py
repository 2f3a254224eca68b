"""How many shares: at the decision, and cut to the caps at the fill."""

from __future__ import annotations

import math


def shares_at_decision(
    *, target: float, factor: float, max_position: float, equity: float, close: float
) -> int:
    """Return floor(target x factor x equity / close), at most floor(max_position x equity / close).

    ``target`` and ``max_position`` are fractions of equity; equity and close are dollars.
    """
    wanted = math.floor(target * factor * equity / close)
    return max(0, min(wanted, math.floor(max_position * equity / close)))


def shares_at_fill(
    *,
    wanted: float,
    price: float,
    commission: float,
    cash: float,
    gross: float,
    max_gross: float,
    min_position: float,
    decision_equity: float,
) -> int:
    """Return the shares that cash and gross exposure allow at the fill price; 0 cancels the entry.

    ``gross`` is the exposure before this entry, after the exits of the same open. Below one share,
    or below ``min_position`` of the equity of its decision, nothing is bought.
    """
    by_cash = math.floor((cash - commission) / price)
    by_gross = math.floor((max_gross * (cash + gross) - gross) / price)
    shares = min(math.floor(wanted), by_cash, by_gross)
    # The quotient can round up to a whole share that the last cent does not pay for.
    while shares > 0 and shares * price + commission > cash:
        shares -= 1
    if shares < 1 or shares * price < min_position * decision_equity:
        return 0
    return shares
