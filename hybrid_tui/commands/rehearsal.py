"""Real money only after a rehearsal: whole sessions on one's own Alpaca paper account.

Orders have been tested against an imitation of Alpaca only. What a person's own paper account has
shown, in the journals of all profiles, is the proof that is asked for before real money.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hybrid_tui.errors import HybridError, Refused
from hybrid_tui.paths import Paths

SESSIONS = 5
FILLS = 10
BROKER = "Alpaca paper"
LOCAL = ", local"
"""Ends the name of an account at a loopback address: an imitation, which proves nothing here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """Sessions that ended, and fills, on Alpaca's paper account."""

    sessions: int
    fills: int

    @property
    def suffices(self) -> bool:
        """Whether real money may follow."""
        return self.sessions >= SESSIONS and self.fills >= FILLS


def check_rehearsed(paths: Paths) -> None:
    """Raise Refused until enough was traded on Alpaca's paper account."""
    done = rehearsed(journals_of(paths))
    if not done.suffices:
        raise Refused(
            f"real money needs a rehearsal on your Alpaca paper account: {done.sessions} of"
            f" {SESSIONS} sessions and {done.fills} of {FILLS} fills so far",
            hint="app.mode = 'paper' with broker.kind = 'alpaca'; orders were tested against an"
            " imitation of Alpaca only",
        )


def journals_of(paths: Paths) -> list[Path]:
    """Return the journals of all profiles."""
    root = paths.bars.parent
    return [root / "journal.db", *sorted(root.glob("profiles/*/journal.db"))]


def rehearsed(journals: Iterable[Path]) -> Rehearsed:
    """Return what was traded on Alpaca's paper account; a journal that is not there counts 0."""
    days: set[str] = set()
    fills = 0
    for path in journals:
        if path.exists():
            found, count = _read(path)
            days |= found
            fills += count
    return Rehearsed(sessions=len(days), fills=fills)


def _read(path: Path) -> tuple[set[str], int]:
    from hybrid_tui.journal.reader import open_read_only

    connection = open_read_only(path)
    try:
        started = connection.execute(
            "select run, body from events where kind = 'EngineStarted'"
        ).fetchall()
        runs = {run for run, body in started if _is_rehearsal(json.loads(body))}
        days: set[str] = set()
        fills = 0
        for run in runs:
            of_run = "from events where run = ? and kind = ?"
            closed = connection.execute(f"select body {of_run}", (run, "SessionClosed"))
            days |= {json.loads(body)["day"] for (body,) in closed}
            (count,) = connection.execute(
                f"select count(*) {of_run}", (run, "OrderFilled")
            ).fetchone()
            fills += count
    except (sqlite3.DatabaseError, ValueError, KeyError) as error:
        raise HybridError(f"{path}: the rehearsal cannot be read: {error}") from error
    finally:
        connection.close()
    return days, fills


def _is_rehearsal(body: dict[str, object]) -> bool:
    sources = body.get("sources")
    broker = sources.get("broker", "") if isinstance(sources, dict) else ""
    return body.get("mode") == "paper" and _is_alpaca(str(broker))


def _is_alpaca(broker: str) -> bool:
    return broker.startswith(BROKER) and not broker.endswith(LOCAL)
