"""A journal with as many closed trades as wanted, written by SQL: reading them is what counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hybrid_tui.domain.instants import iso
from hybrid_tui.journal.journal import Journal
from tests.tui.builders import PRICES, Story
from tests.tui.journals import write_journal

REASONS = ("trailing_stop", "hard_stop", "signal_exit", "overnight")
FIRST_EVENT = 100_000


def write_many(story: Story, path: Path, count: int) -> Path:
    """Write a story's journal and ``count`` older trades, whose results go up and down."""
    write_journal(story, path)
    journal = Journal(path)
    symbols = sorted(PRICES)
    last = story.events[0].at
    rows = []
    for number in range(count):
        ended = last - timedelta(minutes=13 * (count - number))
        symbol = symbols[number % len(symbols)]
        price = PRICES[symbol]
        moved = ((number * 7919) % 601 - 280) / 10_000
        quantity = 1 + number % 90
        pnl = round(quantity * price * moved, 2)
        rows.append(
            ("sim-seed7-1", number - FIRST_EVENT, symbol, quantity,
             iso(ended - timedelta(minutes=5 + number % 700)), price, "rsi_macd", iso(ended),
             round(price * (1 + moved), 2), REASONS[number % 4], 0.35, pnl, f"buy-{number}",
             f"sell-{number}")
        )  # fmt: skip
    journal.connection.execute("begin")
    journal.connection.executemany(f"insert into trades values ({', '.join('?' * 14)})", rows)
    journal.connection.execute("commit")
    journal.close()
    return path
