"""What the screen knows: the desk's folded state, its tape, and how the engine is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.tui.tape import Tape

CHART_BARS = 390
"""The minutes of a whole session."""
SILENT_SECONDS = 10.0
SILENT_STEPS = 2.5
LONGEST_STEP = timedelta(minutes=1)
FASTEST_INTERPOLATED = 10.0
FURTHEST_INTERPOLATED = timedelta(minutes=2)


class Phase(StrEnum):
    """How the screen and its engine stand."""

    STARTING = "starting"
    LIVE = "live"
    GONE = "gone"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The phase, what to say about it, and when the engine is tried again (monotonic seconds)."""

    phase: Phase = Phase.STARTING
    text: str = "starting the engine ..."
    retry_at: float | None = None


@dataclass(slots=True, kw_only=True)
class DeskModel:
    """The fold that all panes are painted from; ``heard_at`` is monotonic wall seconds."""

    state: DeskState | None = None
    tape: Tape = field(default_factory=Tape)
    charts: dict[str, deque[float]] = field(default_factory=dict)
    link: LinkStatus = field(default_factory=LinkStatus)
    heard_at: float = 0.0
    steps: deque[timedelta] = field(default_factory=lambda: deque(maxlen=20))
    version: int = 0
    read_only: bool = False

    def begin(self, state: DeskState, wall: float) -> None:
        """Take the snapshot that a connection begins with."""
        self.state = state
        self.tape = Tape()
        self.charts.clear()
        self.steps.clear()
        self.heard_at = wall
        self.version += 1

    def apply(self, event: ev.Event, wall: float) -> None:
        """Fold one event in."""
        if self.state is None:
            return
        before = self.state.now
        self.state.apply(event)
        if before is not None and event.at > before:
            self.steps.append(min(event.at - before, LONGEST_STEP))
        self._chart(event)
        self.tape.take(event, self.state)
        self.heard_at = wall
        self.version += 1

    def remember(self, events: Iterable[ev.Event]) -> None:
        """Put what happened before the snapshot (oldest first) under what is known."""
        if self.state is None:
            return
        earlier = Tape()
        charts = {symbol: list(points) for symbol, points in self.charts.items()}
        self.charts.clear()
        for event in events:
            if not isinstance(event, ev.BarsClosed) or self._is_of_this_session(event):
                self._chart(event)
            earlier.take(event, self.state)
        for symbol, points in charts.items():
            self._points(symbol).extend(points)
        self.tape.put_under(earlier)
        self.version += 1

    def now(self, wall: float) -> datetime | None:
        """Return the engine's time; between events it runs on, up to a limit, at a low speed."""
        state = self.state
        if state is None or state.now is None:
            return None
        if (
            self.link.phase is not Phase.LIVE
            or not state.running
            or state.session is None
            or not 0 < state.speed <= FASTEST_INTERPOLATED
        ):
            return state.now
        passed = timedelta(seconds=max(0.0, wall - self.heard_at) * state.speed)
        ahead = state.now + min(passed, FURTHEST_INTERPOLATED)
        return max(state.now, min(ahead, state.session.close))

    def silence(self, wall: float) -> float | None:
        """Return for how many seconds the engine was silent, where that is not as it should be.

        What is usual follows from the longest of its last steps in time, at its speed.
        """
        state = self.state
        if self.link.phase is not Phase.LIVE or state is None or state.session is None:
            return None
        longest = max(self.steps, default=LONGEST_STEP).total_seconds()
        usual = longest / state.speed if state.speed else 0.0
        seconds = wall - self.heard_at
        return seconds if seconds >= max(SILENT_SECONDS, SILENT_STEPS * usual) else None

    @property
    def is_stale(self) -> bool:
        """Whether the figures are not of now: no engine is connected."""
        return self.link.phase is not Phase.LIVE

    def focus(self, now: datetime) -> SignalState | None:
        """Return what the strategy pane is about: the newest list that waits, or what is in force.

        Without either it is the newest signal there was.
        """
        if self.state is None:
            return None
        waiting = self.state.pending(now)
        if waiting:
            return waiting[-1]
        in_force = self.state.strategy(now)
        if in_force is not None:
            return in_force
        return next(reversed(self.state.signals.values()), None)

    def threshold(self) -> float:
        """Return the buy probability that an entry needs, on the champion's predictions."""
        fixed = self.setting("min_buy_probability", 0.70)
        book = self.state.models if self.state is not None else None
        return fixed if book is None else book.entry_level(book.champion or "", fixed)

    def setting(self, name: str, default: float) -> float:
        """Return a figure that the engine was started with."""
        started = self.state.started if self.state is not None else None
        value = started.settings.get(name) if started is not None else None
        return value if isinstance(value, (int, float)) else default

    def _chart(self, event: ev.Event) -> None:
        if isinstance(event, ev.SessionOpened):
            self.charts.clear()
        elif isinstance(event, ev.BarsClosed):
            for symbol, bar in event.bars.items():
                self._points(symbol).append(bar[3])
        elif isinstance(event, ev.ActionApplied) and event.action.symbol in self.charts:
            points = self.charts[event.action.symbol]
            self.charts[event.action.symbol] = deque(
                (point / event.action.ratio for point in points), maxlen=CHART_BARS
            )

    def _is_of_this_session(self, event: ev.BarsClosed) -> bool:
        session = self.state.session if self.state is not None else None
        return session is None or event.at > session.open

    def _points(self, symbol: str) -> deque[float]:
        found = self.charts.get(symbol)
        if found is None:
            found = self.charts[symbol] = deque(maxlen=CHART_BARS)
        return found


def last_price(state: DeskState, symbol: str) -> tuple[float | None, datetime | None]:
    """Return the newest price known of a symbol (quote's middle or close), and its instant."""
    quoted_at, closed_at = state.quoted_at.get(symbol), state.closed_at.get(symbol)
    if quoted_at is not None and (closed_at is None or quoted_at > closed_at):
        return state.last_price(symbol), quoted_at
    return state.last_price(symbol), closed_at


def live_gross(state: DeskState) -> float:
    """Return quantity x newest price over all positions, in dollars."""
    return sum(
        held.quantity * (last_price(state, symbol)[0] or held.entry_price)
        for symbol, held in state.positions.items()
    )


def live_equity(state: DeskState) -> float:
    """Return cash plus quantity x newest price, in dollars."""
    return state.cash + live_gross(state)
