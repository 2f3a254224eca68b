"""When things are due: session opens and closes, predictions, strategist sessions, expiries."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, time

from hybrid_tui.domain.calendar import (
    Session,
    TradingCalendar,
    prediction_instants,
    strategist_instants,
)
from hybrid_tui.domain.state import DeskState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Agenda:
    """The fixed instants of each session; ``None`` clocks or intervals switch a tier's off."""

    def __init__(
        self,
        calendar: TradingCalendar,
        *,
        prediction_minutes: int | None,
        strategist_clocks: Sequence[time] | None,
    ) -> None:
        self.calendar = calendar
        self._minutes = prediction_minutes
        self._clocks = strategist_clocks
        self._session: Session | None = None
        self._instants: list[datetime] = []
        self._since = self._until = EPOCH
        self._predictions: frozenset[datetime] = frozenset()

    def upcoming(self, after: datetime) -> datetime:
        """Return the next fixed instant strictly after ``after``."""
        if self._since <= after < self._until:
            return self._until
        session = self._session
        if session is None or not session.open <= after < session.close:
            following = self.calendar.session_at(after)
            if following is None:
                return self.calendar.next_session(after).open
            self._load(following)
        index = bisect_right(self._instants, after)
        self._since, self._until = self._instants[index - 1], self._instants[index]
        return self._until

    def predictions_due(self, now: datetime) -> bool:
        """Whether tier 2 predicts at ``now``."""
        return self._minutes is not None and now in self._of(now)

    @property
    def has_strategist(self) -> bool:
        """Whether tier 3 is on."""
        return self._clocks is not None

    def strategist_between(self, first: datetime, last: datetime) -> list[datetime]:
        """Return tier 3's instants from ``first`` to ``last``, of the session that holds both."""
        session = self.calendar.session_at(last)
        if session is None or self._clocks is None:
            return []
        return [at for at in strategist_instants(session, self._clocks) if first <= at <= last]

    def next_prediction(self, after: datetime) -> datetime | None:
        """Return tier 2's next instant of this session."""
        return min((at for at in self._of(after) if at > after), default=None)

    def next_strategist(self, after: datetime) -> datetime | None:
        """Return tier 3's next instant, in this session or a later one."""
        if self._clocks is None:
            return None
        session = self.calendar.session_at(after) or self.calendar.next_session(after)
        for _ in range(10):
            later = [at for at in strategist_instants(session, self._clocks) if at > after]
            if later:
                return later[0]
            session = self.calendar.session_after(session)
        return None

    def _of(self, now: datetime) -> frozenset[datetime]:
        session = self._session
        if session is None or not session.open <= now < session.close:
            found = self.calendar.session_at(now)
            if found is None:
                return frozenset()
            self._load(found)
        return self._predictions

    def _load(self, session: Session) -> None:
        self._session = session
        predictions = prediction_instants(session, self._minutes) if self._minutes else []
        strategist = strategist_instants(session, self._clocks) if self._clocks is not None else []
        self._predictions = frozenset(predictions)
        self._instants = sorted({session.open, session.close, *predictions, *strategist})


def next_expiry(state: DeskState, after: datetime) -> datetime | None:
    """Return when the next pending signal or the strategy in force expires."""
    if not state.signals:
        return None
    instants = [
        found.pending_until
        for found in state.signals.values()
        if found.is_pending(after) and found.pending_until > after
    ]
    strategy = state.strategy(after)
    if strategy is not None:
        instants.append(strategy.signal.expires_at)
    return min(instants, default=None)
