"""Rule sets of one's own: they confirm entries under their name, and sell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hybrid_tui.domain.orders import Side

from .desk import at, bars, run_desk
from .warm import BAND, warm

MINUTE = timedelta(minutes=1)
NEW_HIGH: dict[str, Any] = {
    "rules.entry": "break_out",
    "rules.sets.break_out.all": ["new_high(period=5)"],
    "rules.rsi_exit": 0,
}


def test_a_configured_set_confirms_and_gives_its_name_as_the_reason() -> None:
    # Highs are 100.00, then 101 in the bar of 09:36: decided at its end, bought at the next open.
    rows = bars("09:30", *[100.0] * 6, 101.0, 101.0, 101.0)
    out = run_desk({"AAA": rows}, NEW_HIGH)
    assert [(s, when) for s, when, *_ in out.bought()] == [("AAA", at("09:37"))]
    assert out.state.positions["AAA"].entry_reason == "break_out"


def test_what_a_set_denies_forbids_the_entry() -> None:
    rows = bars("09:30", *[100.0] * 6, 101.0, 101.0, 101.0)
    denied = NEW_HIGH | {"rules.sets.break_out.not": ["time_between(start=09:37, end=09:38)"]}
    assert run_desk({"AAA": rows}, denied).bought() == []


def test_the_set_that_sells_does_so_as_a_signal_beside_rsi() -> None:
    # The close of the 09:55 bar is the first that is more than 1 % below that of a bar before.
    rows = [*warm(), *bars("09:52", 100.0, 100.0, 100.0, 98.0, 98.0, 98.0)]
    leaving = BAND | {
        "rules.exit": "drop",
        "rules.sets.drop.any": ["fell(fraction=0.01, bars=1)"],
    }
    out = run_desk({"AAA": rows}, leaving)
    assert out.sold() == [("AAA", at("09:56"), rows[-2][1], "signal_exit")]
    assert out.decided(Side.SELL)[0][1] == at("09:55") + MINUTE
    assert run_desk({"AAA": rows}, BAND).sold() == []
