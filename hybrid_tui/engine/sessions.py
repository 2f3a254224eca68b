"""When tier 3 meets: at its hours, late where an hour passed without an engine, or by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.engine.agenda import Agenda
from hybrid_tui.engine.recorder import Recorder

LATEST: Final = timedelta(minutes=20)
"""A session that was missed is held at most so much later."""

HAND_APART: Final = timedelta(minutes=5)
BY_HAND: Final = "asked for by hand"
NEVER: Final = datetime.max.replace(tzinfo=UTC)
AT_ONCE: Final = timedelta(milliseconds=1)
JUST_BEFORE: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A session to be held now; ``session`` is its hour in New York, ``late`` how long ago."""

    session: str
    late: timedelta

    @property
    def reason(self) -> str:
        """Why it is held after its hour; empty for one in time."""
        if not self.late:
            return ""
        minutes = round(self.late / timedelta(minutes=1))
        ago = f"{minutes} minutes ago" if minutes else "a moment ago"
        return f"late: {self.session} was missed {ago}"


class SessionWatch:
    """Says which session is due and tells of those that are skipped.

    ``unpaid`` says why no call of an event session could be paid for now, or None. Where not
    ``holds``, none is ever due: whoever comes after looks back.
    """

    def __init__(
        self,
        recorder: Recorder,
        agenda: Agenda,
        unpaid: Callable[[], str | None],
        *,
        holds: bool = True,
    ) -> None:
        self._recorder = recorder
        self._state = recorder.state
        self._agenda = agenda
        self._unpaid = unpaid
        self._next: datetime | None = None if holds else NEVER
        self._holds = holds

    def look_back(self, now: datetime) -> None:
        """Let the sessions since today's open count as missed where they were not held."""
        if not self._holds:
            return
        today = self._agenda.calendar.session_at(now)
        if today is not None:
            missed = self._missed(today.open, now)
            self._next = missed[0] if missed else self._after(now)

    def upcoming(self, after: datetime) -> datetime | None:
        """Return when a session that was missed is looked at: at once."""
        if self._next is None or self._next > after:
            return None
        return after + AT_ONCE

    def due(self, now: datetime) -> Due | None:
        """Return the session to be held now; what was missed for too long is told as skipped."""
        if self._next is None:
            self._next = self._after(now - JUST_BEFORE)
        if now < self._next:
            return None
        missed = self._missed(self._next, now)
        self._next = self._after(now)
        return self._choose(now, missed)

    def refusal(self, now: datetime, session: str, asking: Sequence[str]) -> str | None:
        """Return why no session can be held by hand now; ``asking`` are those under way."""
        if not self._holds:
            return "this engine only sells, and stops"
        if not self._agenda.has_strategist:
            return "tier 3 is switched off (app.tiers)"
        if session and not is_hour(session):
            return f"{session[:20]!r} is no session: HH:MM New York"
        if asking:
            return f"a session is under way ({', '.join(asking)}): wait for its answer"
        last = self._state.asked_by_hand
        if last is not None and now - last < HAND_APART:
            return (
                f"one was asked for by hand at {hour(last)}: the next can be at"
                f" {hour(last + HAND_APART)} New York"
            )
        return self._unpaid()

    def _choose(self, now: datetime, missed: Sequence[datetime]) -> Due | None:
        """Return the last of them if it is recent, and tell of the others."""
        if not missed:
            return None
        last = missed[-1]
        recent = now - last <= LATEST
        for at in missed[:-1] if recent else missed:
            minutes = (now - at) / timedelta(minutes=1)
            instead = f"{hour(last)} is held instead" if recent else "too late to hold it"
            self._recorder.emit(
                ev.SignalAbstained,
                now,
                session=hour(at),
                reason=f"skipped: missed {minutes:.0f} minutes ago, {instead}",
            )
        return Due(session=hour(last), late=now - last) if recent else None

    def _missed(self, first: datetime, last: datetime) -> list[datetime]:
        """Return the instants between two of a session, included, that had no answer."""
        held = self._state.sessions_held
        instants = self._agenda.strategist_between(first, last)
        return [at for at in instants if held.get(hour(at), at - JUST_BEFORE) < at]

    def _after(self, instant: datetime) -> datetime:
        return self._agenda.next_strategist(instant) or NEVER


def hour(instant: datetime) -> str:
    """Return an instant's time in New York, HH:MM: what a session is called."""
    return f"{instant.astimezone(NEW_YORK):%H:%M}"


def is_hour(text: str) -> bool:
    """Whether a text is a time as HH:MM."""
    hours, colon, minutes = text.partition(":")
    return (
        bool(colon)
        and len(hours) == len(minutes) == 2
        and (hours + minutes).isascii()
        and (hours + minutes).isdigit()
        and int(hours) < 24
        and int(minutes) < 60
    )
