"""The desk as it looks; after a wanted change: ``pytest tests/tui --snapshot-update``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.errors import Refused
from hybrid_tui.tui import registry
from tests.tui.builders import (
    FakeConnection,
    Story,
    broker_down,
    chinese,
    crowded,
    desk_app,
    doubtful,
    empty,
    normal,
    press,
    settled,
    tier_failed,
)

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    known = (registry.DESK, registry.SYMBOL, registry.TRADES, registry.HEALTH)
    monkeypatch.setattr(registry, "PAGES", known)


def previewed(_inquiry: Inquiry) -> Answer:
    """Return what the engine says an approval would make possible."""
    symbols = {
        "NVDA": {"shares": 0, "why": "held: nothing is added"},
        "AMD": {"shares": 108, "why": ""},
        "META": {"shares": 0, "why": "buy probability 0.48 < 0.70"},
    }
    return Answer(document={"signal_id": "20260320-1041", "symbols": symbols})


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 50)])
def test_desk_with_a_list_that_waits(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, engine, _ = desk_app(normal())
    engine.answer = previewed
    assert snap_compare(app, terminal_size=size, run_before=settled)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("tabs", [0, 2])
def test_desk_with_symbols_in_doubt(
    snap_compare: Compare, size: tuple[int, int], tabs: int
) -> None:
    app, _, _ = desk_app(doubtful())

    async def choose(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        for _ in range(tabs):
            await press(pilot, "tab")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=choose)


@pytest.mark.parametrize("story", [empty, tier_failed, broker_down, crowded, chinese])
def test_desk_without(snap_compare: Compare, story: Callable[[], Story]) -> None:
    app, _, _ = desk_app(story())
    assert snap_compare(app, terminal_size=(120, 40), run_before=settled)


def test_desk_whose_engine_has_gone(snap_compare: Compare) -> None:
    story = normal()
    engine = FakeConnection(story.state)
    app, _, _ = desk_app(story, engine, backoff=(1000.0,))

    async def lose(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        engine.go()
        await asyncio.sleep(0.05)
        app.model.link = replace(app.model.link, retry_at=104.0)
        await settled(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=lose)


def test_desk_whose_engine_cannot_start(snap_compare: Compare) -> None:
    app, _, _ = desk_app(normal(), Refused("an engine runs for this profile already", hint="wait"))
    assert snap_compare(app, terminal_size=(120, 40), run_before=settled)


def test_dialog_before_everything_is_sold(snap_compare: Compare) -> None:
    app, _, _ = desk_app(normal())

    async def ask(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        app.page.action_flatten()
        for _ in range(4):
            await asyncio.sleep(0.05)
            await settled(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=ask)
