"""Ask a local server again and again inside an engine's ledger; die where one is told to.

Arguments: the journal, the server's URL, the price in and out, the month's cap in dollars, how many
questions, and the point to die at (``none``, or ``POINT:NUMBER``).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hybrid_tui.domain.charges import Charge
from hybrid_tui.engine.ledger import EngineLedger, Handover
from hybrid_tui.engine.publisher import Publisher
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import read_charges, read_state, runs
from hybrid_tui.llm.budget import Caps
from hybrid_tui.llm.endpoints import Endpoints
from hybrid_tui.llm.prices import FlatPrices
from hybrid_tui.llm.provider import Provider
from tests.llm.asking import question

POINTS = ("before reserve", "after reserve", "before settle", "after settle")


class Dying:
    """A ledger that ends the process at one of its points."""

    def __init__(self, ledger: EngineLedger, at: str) -> None:
        self._ledger = ledger
        self._at = at
        self._counts = dict.fromkeys(POINTS, 0)

    def _pass(self, point: str) -> None:
        self._counts[point] += 1
        if f"{point}:{self._counts[point]}" == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def reserve(self, charge: Charge) -> str | None:
        """Reserve, or die."""
        self._pass("before reserve")
        why = self._ledger.reserve(charge)
        self._pass("after reserve")
        return why

    def settle(self, call_id: str, usd: float) -> None:
        """Settle, or die."""
        self._pass("before settle")
        self._ledger.settle(call_id, usd)
        self._pass("after settle")

    def say(self, text: str) -> None:
        """Print it."""
        print(text, flush=True)  # noqa: T201

    def wrote(self, decision: str, text: str) -> None:
        """Show it."""
        self._ledger.wrote(decision, text)


async def ask_often(
    path: Path, url: str, prices: FlatPrices, cap: float, times: int, at: str
) -> None:
    """Go on with the journal's run and ask so many questions."""
    journal = Journal(path)
    state = read_state(journal.connection, "kill")
    if not runs(journal.connection):
        journal.start_run("kill", "paper", "today", datetime.now(UTC))
    journal.follow("kill", state)
    handover = Handover()
    handover.open()
    ledger = EngineLedger(
        Recorder(state, Publisher(journal)),
        handover,
        Caps(month_usd=cap, session_usd=cap, event_usd=0.0),
        partial(read_charges, journal.connection),
        lambda: datetime.now(UTC),
    )
    desk = Dying(ledger, at)
    provider = Provider(
        model="test-model",
        base_url=url,
        key="sk-local",
        key_name="KEY",
        prices=prices,
        most_tokens=1_000,
        endpoints=Endpoints(None),
        wall=lambda: datetime.now(UTC),
        pause=lambda seconds: None,
    )
    for _ in range(times):
        found = await asyncio.to_thread(provider.ask, question(), desk)
        print(type(found).__name__, getattr(found, "reason", ""), flush=True)  # noqa: T201
    journal.close()


def main() -> None:
    """Read the arguments."""
    path, url, price_in, price_out, cap, times, at = sys.argv[1:]
    prices = FlatPrices(input=float(price_in), output=float(price_out), text="test")
    asyncio.run(ask_often(Path(path), url, prices, float(cap), int(times), at))


if __name__ == "__main__":
    main()
