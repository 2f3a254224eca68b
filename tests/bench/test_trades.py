"""How quick the page of trades reads a journal of 50,000 (goal: no page over 50 ms of CPU)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.journal.trades import SORTS, StoredTrade, TradeQuery
from hybrid_tui.tui.history import JournalHistory
from hybrid_tui.tui.trades import window as pages
from tests.bench.form import rounds
from tests.tui.builders import OPEN, normal
from tests.tui.trades.many import write_many

RUN = "sim-seed7-1"
COUNT = rounds(50_000, 2_000)
REPEATS = rounds(20, 2)


def cpu_ms(work: Callable[[], object]) -> str:
    """Return median and largest CPU time of some calls, in milliseconds."""
    spent = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        spent.append((time.process_time() - begun) * 1_000)
    return f"p50 {np.median(spent):5.1f}  max {max(spent):5.1f}"


@pytest.mark.bench
def test_pages_of_many_trades(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = JournalHistory(write_many(normal(), tmp_path / "journal.db", COUNT))

    def read(query: TradeQuery) -> list[StoredTrade]:
        return history.trades(RUN, query)

    lines = [f"CPU ms a call, {COUNT:,} trades, pages of {pages.PAGE}:"]
    for sort in SORTS:
        query = TradeQuery(sort=sort)
        start, end = pages.first(query, read), pages.last(query, read, COUNT + 1)
        lines += [
            f"  by {sort:<7} first  {cpu_ms(partial(pages.first, query, read))}",
            f"  by {sort:<7} onward {cpu_ms(partial(pages.onward, start, read))}",
            f"  by {sort:<7} back from the end {cpu_ms(partial(pages.back, end, read))}",
        ]
    found = TradeQuery(text="trailing win")
    day = OPEN.astimezone(NEW_YORK)
    lines += [
        f"  filtered      first  {cpu_ms(lambda: pages.first(found, read))}",
        f"  totals, all and today {cpu_ms(lambda: history.totals(RUN, '', day))}",
    ]
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201
