"""Real money follows a rehearsal on the paper account only: sessions and fills of all profiles."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.commands.rehearsal import FILLS, SESSIONS, check_rehearsed, journals_of, rehearsed
from hybrid_tui.config import Paths
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Fill, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import Refused
from hybrid_tui.journal.journal import Journal

FIRST = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def traded(
    path: Path, *, mode: str, broker: str, sessions: int, fills: int, later: int = 0
) -> None:
    """Write a journal of a run with so many sessions that ended, and fills in the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    journal, state = Journal(path), DeskState()
    run = f"{mode}-{broker}"
    journal.follow(run, state)
    recorder = Recorder(state, journal)
    recorder.emit(
        ev.EngineStarted, FIRST, run=run, mode=mode, hybrid="hierarchical", tiers=("rules",),
        policy="ask", watchlist=("SPY",), cash=1000.0, resumed=False, speed=1.0,
        sources={"market": "Alpaca iex", "broker": broker}, settings={},
    )  # fmt: skip
    for number in range(fills):
        recorder.emit(
            ev.OrderFilled, FIRST,
            fill=Fill(
                order_id=f"o{number}", symbol="SPY", side=Side.BUY, quantity=1.0, price=10.0,
                at=FIRST, reason="rsi_macd", slippage=0.0, commission=0.0,
            ),
        )  # fmt: skip
    for number in range(later, later + sessions):
        at = FIRST + timedelta(days=number)
        recorder.emit(ev.SessionClosed, at, day=date(2026, 3, 2 + number), equity=1000.0)
    recorder.commit()
    journal.close()


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.of(environment={"HYBRID_TUI_HOME": str(home)})


def test_sessions_and_fills_of_all_profiles_count(paths: Paths) -> None:
    mine, other = paths.journal, paths.bars.parent / "profiles" / "two" / "journal.db"
    traded(mine, mode="paper", broker="Alpaca paper PA1", sessions=SESSIONS - 2, fills=4)
    with pytest.raises(Refused, match=f"3 of {SESSIONS} sessions and 4 of {FILLS} fills"):
        check_rehearsed(paths)
    # One of its days is a day of the first as well.
    traded(other, mode="paper", broker="Alpaca paper PA2", sessions=3, fills=FILLS - 4, later=2)
    assert journals_of(paths) == [mine, other]
    check_rehearsed(paths)
    assert rehearsed([mine, other]).sessions == SESSIONS


@pytest.mark.parametrize(
    ("mode", "broker"),
    [
        ("paper", "paper broker"),
        ("paper", "Alpaca paper PA1, local"),
        ("sim", "paper broker"),
        ("live", "Alpaca LIVE"),
    ],
)
def test_nothing_but_alpacas_paper_account_is_a_rehearsal(
    paths: Paths, mode: str, broker: str
) -> None:
    traded(paths.journal, mode=mode, broker=broker, sessions=SESSIONS, fills=FILLS)
    with pytest.raises(Refused, match=f"0 of {SESSIONS} sessions and 0 of {FILLS} fills"):
        check_rehearsed(paths)
