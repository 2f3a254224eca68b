"""What tier 2 says over a whole run, as arrays, and which technical signals it lets through.

Without tier 3 a prediction changes three things only: whether a confirmed symbol is bought, how
much and in what order, and that a held one is given up. All are known before the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.engine.fast.signals import SymbolSignals
from hybrid_tui.rules import entries
from hybrid_tui.rules.checks import EntryRules, first_failed, prediction_check_names
from hybrid_tui.rules.exits import gives_up


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolForecasts:
    """A symbol's predictions, oldest first, each of shape (n,); abstentions are left out.

    ``at`` are their instants (UTC epoch seconds, rising).
    """

    at: IntArray
    probability: FloatArray
    confidence: FloatArray
    target: FloatArray
    familiar: BoolArray

    def fresh_at(self, instants: IntArray, lasts: int) -> IntArray:
        """Return the row of the prediction that holds at each of rising instants, else -1.

        A prediction holds for ``lasts`` seconds (the end excluded), or until the next one.
        """
        rows: IntArray = self.at.searchsorted(instants, side="right") - 1
        if len(self.at):
            rows[instants - self.at[rows] >= lasts] = -1
        return rows


NOTHING_SAID = SymbolForecasts(
    at=np.empty(0, dtype=np.int64),
    probability=np.empty(0),
    confidence=np.empty(0),
    target=np.empty(0),
    familiar=np.empty(0, dtype=np.bool_),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """The predictions of all symbols in a run; each holds for ``lasts`` seconds."""

    symbols: Mapping[str, SymbolForecasts]
    lasts: int

    def of(self, symbol: str) -> SymbolForecasts:
        """Return a symbol's predictions, which may be none."""
        return self.symbols.get(symbol, NOTHING_SAID)

    def count(self) -> int:
        """Return how many predictions there are."""
        return sum(len(said.at) for said in self.symbols.values())

    def reached(self, threshold: float) -> int:
        """Return how many buy probabilities are at least ``threshold``."""
        return sum(
            int(np.count_nonzero(said.probability >= threshold)) for said in self.symbols.values()
        )


Ahead = Callable[[datetime, datetime, Callable[[datetime], None] | None], Forecasts]
"""Makes the predictions after one instant up to another (included), and tells how far it is."""

# Beside the places of a prediction's checks: what else refuses an entry, by the account's state.
LOCKED, TOO_SMALL, NO_TARGET, TOO_MANY = range(5, 9)


def refusals(setup: EntryRules) -> tuple[str, ...]:
    """Return the names of the checks by the place that verdicts give, from 1 on."""
    by_state = ("no lock", entries.SIZE, entries.NO_TARGET, entries.MOST_ENTRIES)
    return (*prediction_check_names(setup), *by_state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasions:
    """The bars (rising row numbers) at which a symbol is to be bought, or sold if it is held.

    ``verdicts``, ``targets`` (fractions of equity) and ``priorities`` belong to ``entries``; a
    verdict is why tier 2 refuses, a place in :func:`refusals`, or 0: it does not.
    """

    entries: IntArray
    verdicts: IntArray
    targets: FloatArray
    priorities: FloatArray
    exits: IntArray


def by_signals(signals: SymbolSignals, target: float) -> Occasions:
    """Return the occasions of tier 1 alone."""
    count = len(signals.entries)
    return Occasions(
        entries=signals.entries,
        verdicts=np.zeros(count, dtype=np.int64),
        targets=np.full(count, target),
        priorities=np.zeros(count),
        exits=signals.exits,
    )


def by_forecasts(
    signals: SymbolSignals,
    known_at: IntArray,
    said: SymbolForecasts,
    lasts: int,
    entry: EntryRules,
    rules: RulesConfig,
) -> Occasions:
    """Return the occasions that tier 2 leaves, and those at which it gives a symbol up.

    ``known_at`` are the ends of the symbol's bars, UTC epoch seconds; signals may go beyond them.
    """
    rows = signals.entries[: signals.entries.searchsorted(len(known_at))]
    found = said.fresh_at(known_at[rows], lasts)
    verdicts, targets, priorities = np.ones(len(rows), dtype=np.int64), *np.zeros((2, len(rows)))
    fresh = np.flatnonzero(found >= 0)
    found = found[fresh]
    verdicts[fresh] = first_failed(
        said.probability[found], said.confidence[found], said.familiar[found], entry
    )
    targets[fresh], priorities[fresh] = said.target[found], said.probability[found]
    held = said.fresh_at(known_at, lasts)
    leaving = np.zeros(len(known_at), dtype=np.bool_)
    leaving[signals.exits[: signals.exits.searchsorted(len(known_at))]] = True
    if len(said.at):
        leaving |= (held >= 0) & gives_up(said.probability, rules)[held]
    return Occasions(
        entries=rows,
        verdicts=verdicts,
        targets=targets,
        priorities=priorities,
        exits=np.flatnonzero(leaving),
    )
