"""Killed at every point of a call, the journal never understates, and never passes the cap."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import read_charges, read_state
from tests.desk import environment
from tests.forked import Forked
from tests.llm.kill_runner import POINTS
from tests.servers.llm import Act, LlmServer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    """An endpoint that counts what it would charge."""
    with LlmServer().running() as running:
        yield running


class Life:
    """Processes that go on with one journal, one after the other."""

    def __init__(self, folder: Path, server: LlmServer, cap: float = 2.0) -> None:
        self.cap = cap
        self.path = folder / "journal.db"
        self.server = server
        self.process: Forked | None = None

    def live(self, times: int, at: str = "none") -> tuple[int, str]:
        """Ask so often, and die where told; returns the exit code and what was printed."""
        words = [str(self.path), self.server.url, str(self.server.price_in)]
        words += [str(self.server.price_out), str(self.cap), str(times), at]
        self.process = Forked(
            words,
            environment=environment(self.path.parent / "home"),
            program="tests.llm.kill_runner",
        )
        ended = self.process.wait(60)
        return ended.returncode, ended.stdout

    def kill(self) -> None:
        """End the process that lives, at once."""
        assert self.process is not None
        self.process.kill()

    def booked(self) -> float:
        """Return what the journal says, and check that table and events agree."""
        connection = sqlite3.connect(self.path)
        try:
            table = sum(charge.usd for charge in read_charges(connection, LONG_AGO))
            folded = read_state(connection, "kill").charges
        finally:
            connection.close()
        assert table == pytest.approx(sum(amount for _, amount in folded.values()))
        return table

    def check(self) -> None:
        """Hold the journal against what the server counted."""
        assert self.server.counted_usd - 1e-5 <= self.booked() <= self.cap + 1e-9


def test_killed_at_each_point_of_the_ledger_the_sum_is_right(
    tmp_path: Path, server: LlmServer
) -> None:
    life = Life(tmp_path, server, cap=5.0)
    for point in POINTS:
        code, _ = life.live(2, f"{point}:2")
        assert code == -signal.SIGKILL
        life.check()
    code, told = life.live(1)
    assert (code, "Answer" in told) == (0, True)
    life.check()
    # Only a death between reserving and settling leaves more than was counted.
    assert life.booked() > server.counted_usd


@pytest.mark.parametrize("moment", ["arrives", "is answered", "has ended"])
def test_killed_while_the_request_is_out_the_sum_is_right(
    tmp_path: Path, server: LlmServer, moment: str
) -> None:
    life = Life(tmp_path, server)

    def now(number: int) -> None:
        if number == 2:
            life.kill()

    if moment == "arrives":
        server.on_request = now
    elif moment == "is answered":
        server.acts = [Act(piece_delay_s=0.01)]
        server.on_piece = lambda number, piece: now(number) if piece == 3 else None
    else:
        server.on_end = now
    code, _ = life.live(3)
    if moment != "has ended":
        assert code == -signal.SIGKILL
    life.check()
    assert server.counted_usd > 0


def test_killed_again_and_again_the_cap_holds(tmp_path: Path, server: LlmServer) -> None:
    life = Life(tmp_path, server)
    for _ in range(3):
        life.live(3, "before settle:2")
        life.check()
    code, told = life.live(3)
    assert code == 0
    assert "cap of $2.00 would be passed" in told
    life.check()
    before = len(server.requests)
    life.live(2)
    assert len(server.requests) == before


def test_reading_the_events_again_gives_the_same_sum(tmp_path: Path, server: LlmServer) -> None:
    life = Life(tmp_path, server)
    life.live(2, "before settle:2")
    booked = life.booked()
    journal = Journal(life.path)
    journal.rebuild()
    journal.close()
    assert life.booked() == pytest.approx(booked)
