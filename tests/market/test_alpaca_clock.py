"""The broker's clock against the calendar, asked of a local server by the real library."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError, Fatal, HybridError, Retryable
from hybrid_tui.market.alpaca_clock import AlpacaClock, ClockReading, ClockWatch, contradiction
from hybrid_tui.market.halts import CLOCK_CLOSED as CLOSED
from hybrid_tui.market.halts import CLOCK_OPEN as OPEN
from hybrid_tui.market.halts import Halts
from tests.servers.alpaca_data import KEYS, AlpacaData, clock_says, serve_data

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)
HALF_DAY = datetime(2025, 11, 28, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("at", "is_open", "said"),
    [
        (NOON, True, ""),
        (NOON, False, CLOSED),
        (NIGHT, False, ""),
        (NIGHT, True, OPEN),
        (HALF_DAY - 2 * MINUTE, False, CLOSED),
        (HALF_DAY + 2 * MINUTE, False, ""),
        (HALF_DAY + 2 * MINUTE, True, OPEN),
        (HALF_DAY - MINUTE, False, None),
        (HALF_DAY + MINUTE, True, None),
    ],
)
def test_the_clock_is_judged_by_the_calendar(
    calendar: TradingCalendar, at: datetime, is_open: bool, said: str | None
) -> None:
    assert contradiction(ClockReading(at=at, is_open=is_open), calendar) == said


def test_the_clock_is_asked_with_the_keys_and_read(calendar: TradingCalendar) -> None:
    with serve_data() as data:
        data.clock = clock_says(NOON, True)
        reading = AlpacaClock(KEYS, data.url).read()
    assert reading.is_open
    assert abs(reading.at - NOON) < timedelta(seconds=1)
    assert [asked.path for asked in data.asked] == ["/v2/clock"]


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ({"status": 401}, Fatal, "(401"),
        ({"status": 403}, Fatal, "(403"),
        ({"status": 404}, DataError, "broker.trading_url"),
        ({"status": 429}, Retryable, "(429"),
        ({"status": 500}, Retryable, "(500"),
        ({"cut_at": 20}, Retryable, "cut off"),
        ({"hang_up": True}, Retryable, "could not be reached"),
        ({"delay_s": 5.0}, Retryable, "in time"),
        ({"body": b"null"}, Retryable, "empty"),
        ({"body": b"[]"}, DataError, "not a JSON object"),
        ({"body": b"<html>"}, DataError, "web page"),
        ({"body": b'{"timestamp": null, "is_open": true}'}, DataError, "neither"),
        ({"body": b'{"timestamp": "2026-03-02T12:00:00-05:00"}'}, DataError, "neither"),
        ({"body": b'{"timestamp": "noon", "is_open": "yes"}'}, DataError, "neither"),
    ],
)
def test_what_is_no_clock_says_what_it_is(
    fault: dict[str, Any], kind: type[HybridError], said: str
) -> None:
    with serve_data() as data:
        data.clock = clock_says(NOON, True)
        data.fault(**fault)
        with pytest.raises(kind) as caught:
            AlpacaClock(KEYS, data.url, timeout_s=(1.0, 0.3)).read()
    assert said in caught.value.render()
    assert KEYS.secret not in caught.value.render()


class Watch:
    """A watch on a local server; each step is one question."""

    def __init__(self, data: AlpacaData, calendar: TradingCalendar) -> None:
        self.data = data
        self.halts = Halts(("AAPL", "SPY"))
        self.said: list[tuple[str, bool]] = []
        self.waits: list[float] = []
        self._steps: list[Callable[[], None]] = []
        self._watch = ClockWatch(
            AlpacaClock(KEYS, data.url), calendar, self.halts, sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self._steps:
            raise asyncio.CancelledError
        self._steps.pop(0)()

    async def steps(self, *steps: Callable[[], None]) -> None:
        self._steps = list(steps)
        self._steps.pop(0)()
        with pytest.raises(asyncio.CancelledError):
            await self._watch.run(lambda update: None, lambda text, well: self._tell(text, well))

    def _tell(self, text: str, well: bool) -> None:
        self.said.append((text, well))


async def test_a_closure_stops_entries_until_the_clock_says_otherwise(
    calendar: TradingCalendar,
) -> None:
    with serve_data() as data:
        watch = Watch(data, calendar)
        seen: list[dict[str, str]] = []

        def clock(is_open: bool) -> Callable[[], None]:
            def step() -> None:
                seen.append(dict(watch.halts))
                data.clock = clock_says(NOON, is_open)

            return step

        def silent() -> None:
            seen.append(dict(watch.halts))
            data.fault(status=500, times=2)

        def same() -> None:
            seen.append(dict(watch.halts))

        await watch.steps(clock(True), clock(False), silent, same, clock(False), clock(True))
    closed = {"AAPL": CLOSED, "SPY": CLOSED}
    assert seen == [{}, {}, closed, closed, closed, closed]
    assert watch.halts == {}
    texts = [text for text, _ in watch.said]
    assert texts[0] == f"{CLOSED}: no entries"
    assert "does not answer" in texts[1]
    assert CLOSED in texts[1]
    assert texts[2:] == [
        "the broker's clock answers again",
        "the broker's clock and the calendar agree",
    ]
    assert set(watch.waits) == {60.0}


async def test_a_clock_that_never_answered_forbids_nothing_and_says_so_once(
    calendar: TradingCalendar,
) -> None:
    with serve_data() as data:
        watch = Watch(data, calendar)
        await watch.steps(lambda: data.fault(status=401, times=None), lambda: None, lambda: None)
    assert watch.halts == {}
    ((text, well),) = watch.said
    assert not well
    assert "the calendar alone says when the market is open" in text
    assert KEYS.secret not in text


class BrokenClock(AlpacaClock):
    """A clock with a fault that nobody thought of."""

    def read(self) -> ClockReading:
        raise RuntimeError("no such spring")


async def test_a_fault_that_nobody_thought_of_does_not_end_the_prices(
    calendar: TradingCalendar,
) -> None:
    said: list[str] = []
    asked = 0

    async def sleep(seconds: float) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise asyncio.CancelledError

    watch = ClockWatch(BrokenClock(KEYS, None), calendar, Halts(("SPY",)), sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await watch.run(lambda update: None, lambda text, well: said.append(text))
    assert len(said) == 1
    assert "RuntimeError: no such spring" in said[0]
