"""Rule sets over arrays: what the configured ones need, and where they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BoolArray
from hybrid_tui.domain.conditions import ConditionCall, RsiHigh
from hybrid_tui.domain.rulesets import JOINS, Join, RuleSet
from hybrid_tui.rules.conditions import Condition, any_of_last, condition_of
from hybrid_tui.rules.indicators import Indicators, Line


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition of a set."""

    call: ConditionCall
    condition: Condition

    def holds(self, indicators: Indicators) -> BoolArray:
        """Return where it holds."""
        return self.condition.holds(indicators)

    def known(self, indicators: Indicators) -> BoolArray:
        """Return where every value that it looks at exists."""
        depth = self.condition.depth
        missing = [np.isnan(indicators[line]) for line in self.condition.lines]
        known: BoolArray = ~any_of_last(np.logical_or.reduce(missing), depth)
        known[: depth - 1] = False
        return known


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule set over arrays; ``parts`` are (join, condition or set) in order."""

    name: str
    parts: tuple[tuple[Join, Leaf | Rule], ...]

    def holds(self, indicators: Indicators) -> BoolArray:
        """Return where all of ``all``, one of ``any`` (if there are) and none of ``not`` hold.

        What ``not`` denies must be known: a condition without a value is not met either way.
        """
        result: BoolArray | None = None
        either: BoolArray | None = None
        for join, part in self.parts:
            holds = part.holds(indicators)
            if join == "any":
                either = holds if either is None else either | holds
                continue
            if join == "not":
                holds = part.known(indicators) & ~holds
            result = holds if result is None else result & holds
        if result is None or either is None:
            both = result if either is None else either
            assert both is not None
            return both
        return result & either

    def known(self, indicators: Indicators) -> BoolArray:
        """Return where every value that its conditions look at exists."""
        known: BoolArray = np.logical_and.reduce([part.known(indicators) for _, part in self.parts])
        return known

    @property
    def depth(self) -> int:
        """How many of the last bars it looks at."""
        return max(condition.depth for condition in self.leaves())

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines it looks at, each once."""
        return tuple(dict.fromkeys(line for leaf in self.leaves() for line in leaf.lines))

    def leaves(self) -> Iterable[Condition]:
        """Return the conditions, those of the sets inside included."""
        for _, part in self.parts:
            if isinstance(part, Rule):
                yield from part.leaves()
            else:
                yield part.condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Technicals:
    """What the configured rule sets look at: the lines, the depth, entry and exit."""

    lines: tuple[Line, ...]
    depth: int
    entry: Rule
    exit: Rule | None

    @staticmethod
    def of(rules: RulesConfig) -> Technicals:
        """Return what a configuration needs."""
        entry = rule_of(rules.rule_set(rules.entry))
        leaving = _exit_of(rules)
        conditions = [*entry.leaves(), *(leaving.leaves() if leaving is not None else ())]
        lines = [line for condition in conditions for line in condition.lines]
        return Technicals(
            lines=tuple(dict.fromkeys(lines)),
            depth=max(condition.depth for condition in conditions),
            entry=entry,
            exit=leaving,
        )


def _exit_of(rules: RulesConfig) -> Rule | None:
    """Return what says sell: RSI above ``rsi_exit``, or the set ``exit``; None: neither is on."""
    parts: list[tuple[Join, Leaf | Rule]] = []
    if rules.rsi_exit:
        limit = RsiHigh(period=rules.rsi_period, level=rules.rsi_exit)
        parts.append(("any", _leaf(ConditionCall("rsi_above", limit))))
    if rules.exit is not None:
        parts.append(("any", rule_of(rules.rule_set(rules.exit, "exit"))))
    return Rule("exit", tuple(parts)) if parts else None


def _leaf(call: ConditionCall) -> Leaf:
    return Leaf(call, condition_of(call))


def rule_of(found: RuleSet) -> Rule:
    """Return a rule set as expressions over arrays."""
    parts: list[tuple[Join, Leaf | Rule]] = []
    for join in JOINS:
        for part in found.parts[join]:
            one = rule_of(part) if isinstance(part, RuleSet) else _leaf(part)
            parts.append((join, one))
    return Rule(found.name, tuple(parts))
