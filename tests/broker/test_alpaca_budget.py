"""The request budget: exits go first, and a refusal closes it for as long as was said."""

from __future__ import annotations

import asyncio

from hybrid_tui.broker.alpaca_budget import RequestBudget, Urgency


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def budget(time: Time) -> RequestBudget:
    return RequestBudget(clock=lambda: time.now, sleep=time.sleep)


async def test_housekeeping_leaves_room_for_entries_and_exits() -> None:
    time = Time()
    made = budget(time)
    sent = 0
    while made.wait_s(Urgency.HOUSEKEEPING) == 0:
        await made.take(Urgency.HOUSEKEEPING)
        sent += 1
    assert sent == 20
    assert made.wait_s(Urgency.RAISE) == 0
    assert made.wait_s(Urgency.ENTRY) == 0
    while made.wait_s(Urgency.ENTRY) == 0:
        await made.take(Urgency.ENTRY)
    exits = 0
    while made.wait_s(Urgency.EXIT) == 0:
        await made.take(Urgency.EXIT)
        exits += 1
    assert exits == 30
    assert time.now == 100.0


async def test_two_hundred_a_minute_are_not_passed() -> None:
    time = Time()
    made = budget(time)
    taken: list[float] = []
    for _ in range(500):
        await made.take(Urgency.EXIT)
        taken.append(time.now)
    busiest = max(sum(begun <= at < begun + 60 for at in taken) for begun in taken)
    assert busiest <= 200
    assert time.now - 100.0 < 240


async def test_a_first_stop_goes_before_the_raising_of_those_that_rest() -> None:
    time = Time()
    made = budget(time)
    while made.wait_s(Urgency.RAISE) == 0:
        await made.take(Urgency.RAISE)
    for _ in range(15):
        assert made.wait_s(Urgency.EXIT) == 0
        await made.take(Urgency.EXIT)
    assert time.now == 100.0


async def test_a_refusal_closes_the_budget_and_an_exit_goes_before_housekeeping() -> None:
    time = Time()
    made = budget(time)
    made.refused(7.0)
    order: list[str] = []

    async def ask(urgency: Urgency) -> None:
        await made.take(urgency)
        order.append(urgency.name)

    await asyncio.gather(ask(Urgency.HOUSEKEEPING), ask(Urgency.EXIT), ask(Urgency.ENTRY))
    assert order == ["EXIT", "ENTRY", "HOUSEKEEPING"]
    assert time.now >= 107.0


async def test_an_exit_tries_again_sooner_than_the_refusal_said() -> None:
    time = Time()
    made = budget(time)
    made.refused(60.0)
    await made.take(Urgency.EXIT)
    assert time.now <= 101.1
    assert made.wait_s(Urgency.ENTRY) > 50
