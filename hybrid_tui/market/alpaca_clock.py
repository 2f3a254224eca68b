"""Unscheduled closures: the broker's clock, asked about once a minute, against the calendar."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import DataError, HybridError
from hybrid_tui.market.alpaca_http import AlpacaRest
from hybrid_tui.market.alpaca_rows import instant
from hybrid_tui.market.halts import CLOCK_CLOSED, CLOCK_OPEN, Halts

log = logging.getLogger(__name__)

TIMEOUT_S = (3.0, 6.0)
EVERY_S = 60.0
AROUND = timedelta(seconds=90)
"""So near to an open or close the two may differ without anything being wrong."""
CAUSE = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What the broker's clock said: its time, and whether the market is open."""

    at: datetime
    is_open: bool


class AlpacaClock:
    """Alpaca's ``/v2/clock``; ``trading_url`` None is the paper account's."""

    def __init__(
        self,
        keys: AlpacaKeys,
        trading_url: str | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: tuple[float, float] = TIMEOUT_S,
        attempts: int = 1,
    ) -> None:
        self._rest = AlpacaRest(
            keys,
            trading_url,
            sleep=sleep,
            timeout_s=timeout_s,
            attempts=attempts,
            setting="broker.trading_url",
        )

    def read(self) -> ClockReading:
        """Return what the clock says; raises what ``AlpacaRest.get`` does."""
        answer = self._rest.get("clock", "/clock", {}, "the market's clock")
        at, is_open = instant(answer.get("timestamp")), answer.get("is_open")
        if at is None or not isinstance(is_open, bool):
            raise DataError(
                "Alpaca's answer about the market's clock says neither the time nor whether it is"
                " open",
                hint="is broker.trading_url right?",
            )
        return ClockReading(at=at, is_open=is_open)


def contradiction(reading: ClockReading, calendar: TradingCalendar) -> str | None:
    """Return how a clock contradicts the calendar; "" where it does not, None where that is open.

    Nothing can be said within 90 s of a scheduled open or close.
    """
    scheduled = {calendar.session_at(reading.at + shift) is not None for shift in (-AROUND, AROUND)}
    if len(scheduled) > 1:
        return None
    if reading.is_open in scheduled:
        return ""
    return CLOCK_OPEN if reading.is_open else CLOCK_CLOSED


class ClockWatch:
    """A LiveSource without data: it notes in ``halts`` where the broker's clock forbids entries.

    While the clock does not answer nothing changes: what it said last stands, and that is said.
    """

    def __init__(
        self,
        clock: AlpacaClock,
        calendar: TradingCalendar,
        halts: Halts,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._calendar = calendar
        self._halts = halts
        self._sleep = sleep
        self._said = ""
        self._is_silent = False

    async def run(
        self, put: Callable[[MarketUpdate], None], on_status: Callable[[str, bool], None]
    ) -> None:
        """Ask until cancelled; ``on_status`` hears what changes."""
        while True:
            try:
                reading = await asyncio.to_thread(self._clock.read)
            except HybridError as error:
                self._unanswered(error.render(), on_status)
            except Exception as error:
                # Whatever it is, prices go on without the clock.
                log.exception("the broker's clock could not be asked")
                self._unanswered(f"{type(error).__name__}: {error}", on_status)
            else:
                self._judge(reading, on_status)
            await self._sleep(EVERY_S)

    def _unanswered(self, why: str, on_status: Callable[[str, bool], None]) -> None:
        if not self._is_silent:
            standing = self._said or "the calendar alone says when the market is open"
            on_status(f"the broker's clock does not answer: {why}; {standing}", False)
        self._is_silent = True

    def _judge(self, reading: ClockReading, on_status: Callable[[str, bool], None]) -> None:
        if self._is_silent:
            self._is_silent = False
            on_status("the broker's clock answers again", True)
        said = contradiction(reading, self._calendar)
        if said is None or said == self._said:
            return
        self._said = said
        self._halts.note_market(CAUSE, said or None)
        on_status(
            f"{said}: no entries" if said else "the broker's clock and the calendar agree", not said
        )
