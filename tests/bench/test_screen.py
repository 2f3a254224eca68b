"""How soon the screen stands (goal: below 1.5 s) and answers keys (goal: p95 below 50 ms)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from textual.events import Key

from hybrid_tui.domain import events as ev
from tests.bench.form import rounds
from tests.tui.builders import PRICES, bars, desk_app, normal, settled

KEYS = rounds(200, 20)
EVENTS_A_SECOND = 60

FIRST_PAINT = """
import json, time
began = time.perf_counter()
from hybrid_tui.tui.app import DeskApp
import asyncio

class Nobody:
    async def __call__(self, say):
        await asyncio.Event().wait()

class Timed(DeskApp):
    def post_display_hook(self):
        if any(view.rows for view in self.page.query("#header")):
            spent = {"wall": time.perf_counter() - began, "cpu": time.process_time()}
            self.exit(json.dumps(spent))

print(Timed(Nobody()).run(headless=True, size=(120, 40)))
"""


@pytest.mark.bench
def test_first_paint(capsys: pytest.CaptureFixture[str]) -> None:
    spent = []
    for _ in range(rounds(3, 1)):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_PAINT],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        found = json.loads(done.stdout.strip().splitlines()[-1])
        spent.append((found["wall"] * 1000, found["cpu"] * 1000))
    wall, cpu = np.median(np.array(spent), axis=0)
    with capsys.disabled():
        print(  # noqa: T201
            f"\nfirst paint: wall {wall:.0f} ms, CPU {cpu:.0f} ms (goal 1500 ms)"
        )


@pytest.mark.bench
async def test_key_to_paint_while_events_arrive(capsys: pytest.CaptureFixture[str]) -> None:
    story = normal()
    app, engine, _ = desk_app(story)
    app.wall = time.monotonic
    painted = asyncio.Event()
    app.post_display_hook = painted.set  # type: ignore[method-assign]
    spent = []
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await app.page.run_action("pane(2)")
        await settled(pilot)
        talking = asyncio.create_task(_talk(engine.push, story.events[-1]))
        for n in range(KEYS):
            await asyncio.sleep(0.02 + 0.003 * (n % 7))
            painted.clear()
            begun, busy = time.perf_counter(), time.process_time()
            app.post_message(Key("j" if n % 8 < 4 else "k", None))
            await painted.wait()
            spent.append((time.perf_counter() - begun, time.process_time() - busy))
        talking.cancel()
    wall, cpu = np.percentile(np.array(spent) * 1000, [50, 95], axis=0).T
    with capsys.disabled():
        print(  # noqa: T201
            f"\nkey to paint, {EVENTS_A_SECOND} events/s: wall p50 {wall[0]:.1f} ms,"
            f" p95 {wall[1]:.1f} ms; CPU p50 {cpu[0]:.1f} ms, p95 {cpu[1]:.1f} ms (goal 50 ms)"
        )


async def _talk(push: Callable[[ev.Event], None], last: ev.Event) -> None:
    """Let the engine say quotes and bars of all symbols at a steady rate."""
    number, at = last.id, last.at
    while True:
        number += 1
        at += timedelta(seconds=5)
        event: ev.Event
        if number % 12 == 0:
            event = ev.BarsClosed(id=number, at=at, start=at, bars=bars(1 + number % 7 / 1000))
        else:
            quotes = {s: (p, p * (1 + number % 5 / 1000)) for s, p in PRICES.items()}
            event = ev.Ticked(id=number, at=at, quotes=quotes)
        push(event)
        await asyncio.sleep(1 / EVENTS_A_SECOND)
