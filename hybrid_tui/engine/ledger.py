"""The money of tier 3: reserved before a call and settled after it, by the journal's one writer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.charges import Booked, Charge
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import Refused
from hybrid_tui.llm.budget import Caps, month_start, refusal, spent

log = logging.getLogger(__name__)

T = TypeVar("T")
ANSWER_SECONDS = 30.0


class Handover:
    """Lets other threads have something done in the engine's thread, between its own steps."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Take work from now on, in the loop that runs here."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Take no more."""
        self._loop = None

    def call(self, work: Callable[[], T]) -> T:
        """Return what ``work`` gives in the engine's thread; raises Refused where it is gone.

        To be called from other threads only.
        """
        loop = self._loop
        if loop is None:
            raise Refused("the engine is not running")
        waiting: concurrent.futures.Future[T] = concurrent.futures.Future()

        def do() -> None:
            if not waiting.set_running_or_notify_cancel():
                return
            try:
                waiting.set_result(work())
            except BaseException as error:
                waiting.set_exception(error)

        try:
            loop.call_soon_threadsafe(do)
            return waiting.result(ANSWER_SECONDS)
        except (RuntimeError, TimeoutError) as error:
            # Cancelled before it began: nothing was booked that nobody knows of.
            waiting.cancel()
            raise Refused("the engine is stopping") from error


class EngineLedger:
    """The desk of a strategist inside an engine: every charge is an event, committed FULL.

    ``charges`` reads what was booked since an instant, ``wall`` is the real time.
    """

    def __init__(
        self,
        recorder: Recorder,
        handover: Handover,
        caps: Caps,
        charges: Callable[[datetime], Sequence[Booked]],
        wall: Callable[[], datetime],
    ) -> None:
        self._recorder = recorder
        self._handover = handover
        self._caps = caps
        self._charges = charges
        self._wall = wall
        self._open: dict[str, Booked] = {}

    def reserve(self, charge: Charge) -> str | None:
        """Put a reservation on disk; returns why the call may not be made, or None."""
        try:
            return self._handover.call(lambda: self._reserve(charge))
        except Refused as error:
            return error.message

    def settle(self, call_id: str, usd: float) -> None:
        """Note what a reserved call has cost; an engine that is gone leaves the reservation."""
        self._quietly(lambda: self._settle(call_id, usd))

    def say(self, text: str) -> None:
        """Tell the person something."""
        self._quietly(lambda: self._emit(ev.Alert, text=text))

    def wrote(self, decision: str, text: str) -> None:
        """Show the reasoning of a session so far."""
        self._quietly(lambda: self._emit(ev.StrategistWrote, decision=decision, text=text))

    def read_meter(self, now: datetime) -> None:
        """Tell what the month has cost so far; to be called in the engine's thread."""
        sums = spent(self._booked(), self._wall())
        self._recorder.emit(
            ev.LlmMeterRead, now, today_usd=sums.today_usd, month_usd=sums.month_usd
        )

    def _quietly(self, work: Callable[[], None]) -> None:
        try:
            self._handover.call(work)
        except Refused as error:
            log.info("not noted: %s", error.message)

    def _booked(self) -> Sequence[Booked]:
        return self._charges(month_start(self._wall()))

    def refusal(self, charge: Charge) -> str | None:
        """Return why a charge would be refused now, or None; to be called in the engine's thread.

        Nothing is reserved.
        """
        return refusal(charge, self._booked(), self._caps, self._wall(), self._run())

    def _run(self) -> str:
        started = self._recorder.state.started
        return started.run if started is not None else ""

    def _reserve(self, charge: Charge) -> str | None:
        now, booked, run = self._wall(), self._booked(), self._run()
        why = refusal(charge, booked, self._caps, now, run)
        if why is not None:
            return why
        opened = replace(reserved(charge, now), run=run)
        self._open[charge.call_id] = opened
        self._book(opened, [*booked, opened])
        return None

    def _settle(self, call_id: str, usd: float) -> None:
        settled = replace(self._open.pop(call_id), settled_usd=usd)
        others = [charge for charge in self._booked() if charge.call_id != call_id]
        self._book(settled, [*others, settled])

    def _book(self, charge: Booked, booked: Sequence[Booked]) -> None:
        sums = spent(booked, self._wall())
        self._emit(
            ev.LlmCharged,
            call_id=charge.call_id,
            model=charge.model,
            reserved_usd=charge.reserved_usd,
            settled_usd=charge.settled_usd,
            paid_at=charge.paid_at,
            purpose=charge.purpose,
            decision=charge.decision,
            today_usd=sums.today_usd,
            month_usd=sums.month_usd,
        )

    def _emit(self, kind: type[ev.Event], **fields: Any) -> None:
        now = self._recorder.state.now or self._wall()
        self._recorder.emit(kind, now, **fields)
        self._recorder.commit()


class Book(Protocol):
    """Where a command's charges are kept."""

    def book(self, booked: Booked) -> None:
        """Keep a charge; it is on disk on return."""


class CommandLedger:
    """The desk of a strategist in a command that holds the profile's lock, without an engine."""

    def __init__(
        self,
        book: Book,
        caps: Caps,
        charges: Callable[[datetime], Sequence[Booked]],
        wall: Callable[[], datetime],
        say: Callable[[str], None],
        wrote: Callable[[str], None] | None = None,
    ) -> None:
        self._book = book
        self._caps = caps
        self._charges = charges
        self._wall = wall
        self._say = say
        self._wrote = wrote
        self._open: dict[str, Booked] = {}

    def reserve(self, charge: Charge) -> str | None:
        """Put a reservation on disk; returns why the call may not be made, or None."""
        now = self._wall()
        why = refusal(charge, self._charges(month_start(now)), self._caps, now)
        if why is None:
            opened = self._open[charge.call_id] = reserved(charge, now)
            self._book.book(opened)
        return why

    def settle(self, call_id: str, usd: float) -> None:
        """Note what a reserved call has cost."""
        self._book.book(replace(self._open.pop(call_id), settled_usd=usd))

    def say(self, text: str) -> None:
        """Tell the person something."""
        self._say(text)

    def wrote(self, decision: str, text: str) -> None:
        """Show the reasoning of a session so far."""
        if self._wrote is not None:
            self._wrote(text)


def reserved(charge: Charge, now: datetime) -> Booked:
    """Return a charge as it stands in the journal before its call."""
    return Booked(
        call_id=charge.call_id,
        decision=charge.decision,
        model=charge.model,
        purpose=charge.purpose,
        paid_at=now,
        reserved_usd=charge.usd,
        settled_usd=None,
    )
