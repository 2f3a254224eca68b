"""How wide tier 2's intervals have to be, learned from how often the latest ones held.

How far prices go in an hour, for what they do in a minute, changes from month to month and from
feed to feed: intervals fitted on one span were too narrow on the next data (they held 0.86 of the
time where 0.90 was said) and too wide on others (0.96). Adaptive conformal inference (Gibbs and
Candès, 2021; on the scale of the interval: Angelopoulos, Candès and Tibshirani, 2023, "Conformal
PID control for time series prediction") needs no assumption on the data: over n steps the share of
misses is off by at most (greatest - least log width) / (RATE x n). A width belongs to one symbol,
so that what is said of it does not depend on which others are asked about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# With 0.02 .. 0.05 the intervals of 10 of 10 stretches of 20 real days held 0.90 (day blocks).
RATE = 0.03
MOST = math.log(3.0)


@dataclass(slots=True, kw_only=True)
class IntervalWidth:
    """What the model's own interval is multiplied by, around its forecast; its log is kept."""

    log: float = 0.0

    @property
    def factor(self) -> float:
        """Return the factor; 1 before anything was learned, between 1/3 and 3."""
        return math.exp(self.log)

    def learn(self, held: Sequence[bool], level: float) -> None:
        """Take what became of a symbol's intervals that ended at one instant, said to hold
        ``level``.
        """
        if held:
            missed = sum(not one for one in held) / len(held)
            self.log = min(max(self.log + RATE * (missed - (1.0 - level)), -MOST), MOST)
