"""Which conditions of a rule set hold at the last bar, with the figures that they look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.rulesets import Join
from hybrid_tui.rules.indicators import Indicators
from hybrid_tui.rules.technical import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One part of a set at the last bar.

    ``is_met``: what the set asks of it (under ``not``: that it is known and does not hold).
    ``bars_ago``: how many bars ago it held last (0: now, None: never in the bars given).
    ``values``: each line's figure at the last bar (None: none yet).
    """

    of: str
    join: Join
    text: str
    is_met: bool
    bars_ago: int | None
    values: Mapping[str, float | None]


def findings(rule: Rule, indicators: Indicators) -> Iterator[Finding]:
    """Yield what each part of a set says at the last of the bars of one symbol (1-D lines).

    A set inside comes before its own parts. There is at least one bar.
    """
    for join, part in rule.parts:
        holds = part.holds(indicators)
        held = np.flatnonzero(holds)
        yield Finding(
            of=rule.name,
            join=join,
            text=part.name if isinstance(part, Rule) else part.call.text,
            is_met=bool(part.known(indicators)[-1] and not holds[-1])
            if join == "not"
            else bool(holds[-1]),
            bars_ago=len(holds) - 1 - int(held[-1]) if len(held) else None,
            values={}
            if isinstance(part, Rule)
            else {line.text: _number(indicators[line][-1]) for line in part.condition.lines},
        )
        if isinstance(part, Rule):
            yield from findings(part, indicators)


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
