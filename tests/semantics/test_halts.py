"""What is halted, or quoted too long ago, is not bought. Confirmation is at 09:52."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Quote

from .desk import at, bars, run_desk
from .warm import BAND, warm

ROWS = {"AAA": [*warm(), *bars("09:52", 100.0)]}
CLOSED = "the broker's clock says that the market is closed"


def test_a_halted_symbol_is_refused_with_its_reason_and_the_journal_says_so() -> None:
    halted = {"AAA": "trading is halted: LULD"}
    outcome = run_desk(ROWS, BAND, halted=halted)
    assert outcome.bought() == []
    assert [(e.symbol, e.reason) for e in outcome.of(ev.EntryRefused)] == list(halted.items())
    (change,) = outcome.of(ev.HaltsChanged)
    assert (change.halted, change.resumed) == (halted, ())
    assert outcome.state.halts == halted


def test_another_symbols_halt_forbids_nothing() -> None:
    outcome = run_desk(ROWS, BAND, halted={"BBB": CLOSED})
    assert [symbol for symbol, *_ in outcome.bought()] == ["AAA"]


@pytest.mark.parametrize(("age", "is_bought"), [(0, True), (29, True), (30, False), (3_600, False)])
def test_a_quote_counts_from_when_it_was_made_not_from_when_it_came(
    age: int, is_bought: bool
) -> None:
    now = at("09:52")
    old = Quote(symbol="AAA", bid=99.9, ask=100.1, at=now - timedelta(seconds=age))
    outcome = run_desk(ROWS, BAND, quotes={now: [old]})
    assert bool(outcome.bought()) is is_bought
    refused = [e.reason for e in outcome.of(ev.EntryRefused)]
    assert refused == ([] if is_bought else ["no quote for 30 s"])
