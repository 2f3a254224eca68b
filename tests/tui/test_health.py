"""The health page: what lives, how old it is, how fast, what failed, and how it is set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from hybrid_tui.domain.inquiries import (
    Answer,
    Health,
    HealthInquiry,
    Inquiry,
    Latency,
    ProcessHealth,
    Setting,
)
from hybrid_tui.journal.codec import dump_health
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.health.rows import megabytes, seconds
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import FakeConnection, Story, desk_app, normal, press, settled, tier_failed

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    known = (registry.DESK, registry.SYMBOL, registry.TRADES, registry.BACKTEST, registry.HEALTH)
    monkeypatch.setattr(registry, "PAGES", known)


SETTINGS = tuple(
    Setting(key=key, value=value, source=source)
    for key, value, source in (
        ("app.mode", '"paper"', "config.toml"),
        ("broker.cash", "100000.0", "default"),
        ("llm.model", '"gpt-6-luna"', "HYBRID_TUI__LLM__MODEL"),
        ("rules.rsi_below", "30.0", "--set rules.rsi_below=30"),
        ("rules.rsi_period", "14", "default"),
    )
)
HEALTH = Health(
    latencies={
        "instant": Latency(count=4_321, p50=0.000412, p99=0.0032, longest=0.081, last=0.0004),
        "predict": Latency(count=12, p50=0.0105, p99=0.012, longest=1.42, last=0.011),
        "late": Latency(count=4_321, p50=0.002, p99=3.5, longest=3.9, last=0.001),
    },
    requests_left=12.4,
    process=ProcessHealth(
        pid=4711,
        version="0.1.0",
        resident_bytes=321_500_000,
        resident_is_peak=False,
        journal="/home/t/journal.db",
        journal_bytes=18_400_000,
        free_bytes=120_000_000,
        log="/home/t/logs/engine.log",
        settings=SETTINGS,
    ),
)


def healthy(story: Story, health: Health | None = HEALTH) -> tuple[DeskApp, FakeConnection]:
    """Return the screen on an engine that tells how it is."""

    def answer(inquiry: Inquiry) -> Answer:
        if health is None or not isinstance(inquiry, HealthInquiry):
            return Answer(refused="this engine does not tell")
        return Answer(document=json.loads(dump_health(health)))

    app, engine, _ = desk_app(story)
    engine.answer = answer
    return app, engine


async def opened(pilot: Pilot[Any]) -> None:
    """Go to the page and let it be told."""
    await settled(pilot)
    await press(pilot, "6")
    await pilot.pause(0.05)
    await settled(pilot)


def text(pilot: Pilot[Any], name: str) -> str:
    """Return what a pane shows."""
    view = pilot.app.screen.query_one(f"#{name}", RowsView)
    return "\n".join(text_of(shown.line) for shown in view.rows)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, _ = healthy(normal())
    assert snap_compare(app, terminal_size=size, run_before=opened)


async def test_every_pane_says_what_it_is_for() -> None:
    app, _ = healthy(tier_failed())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert "✗ failed" in text(pilot, "tiers")
        assert "ml failed" in text(pilot, "troubles")
        engine = text(pilot, "engine")
        for said in ("412 us", "3.2 ms", "12 of 100", "18.4 MB", "120.0 MB free", "4711"):
            assert said in engine
        data = text(pilot, "data")
        assert "none in force" in data
        assert "headlines" in data


async def test_settings_are_filtered_while_one_types_and_only_the_changed_ones_on_c() -> None:
    app, _ = healthy(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert len(text(pilot, "settings").splitlines()) == len(SETTINGS)
        await press(pilot, "slash")
        for key in "rsi":
            await press(pilot, key)
        await settled(pilot)
        assert "rules.rsi_below" in text(pilot, "settings")
        assert "app.mode" not in text(pilot, "settings")
        await press(pilot, "enter")
        await settled(pilot)
        await press(pilot, "c")
        await settled(pilot)
        assert text(pilot, "settings").split()[0] == "rules.rsi_below"
        assert len(text(pilot, "settings").splitlines()) == 1
        await press(pilot, "slash")
        await press(pilot, "escape")
        await settled(pilot)
        assert len(text(pilot, "settings").splitlines()) == 3
        # The page's own keys work again.
        await press(pilot, "1")
        assert app.page.NAME == "Desk"


async def test_tab_goes_through_all_panes_and_why_opens_the_trouble() -> None:
    app, _ = healthy(tier_failed())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        seen = []
        for _ in range(5):
            seen.append(app.focused.id if app.focused is not None else None)
            await press(pilot, "tab")
            await settled(pilot)
        assert seen == ["tiers", "data", "engine", "troubles", "settings"]
        await press(pilot, "shift+tab")
        await press(pilot, "shift+tab")
        await settled(pilot)
        await press(pilot, "e")
        await pilot.pause(0.05)
        assert len(app.screen_stack) == 3


async def test_an_engine_that_does_not_tell_is_said() -> None:
    app, engine = healthy(normal(), None)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert "this engine does not tell" in text(pilot, "engine")
        assert isinstance(engine.asked[-1], HealthInquiry)


async def test_an_answer_that_is_none_is_said() -> None:
    app, engine = healthy(normal())
    engine.answer = lambda _: Answer(document={"latencies": 3})
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert "Health: ('latencies',)" in text(pilot, "engine")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0000123, "12.3 us"), (0.0032, "3.2 ms"), (0.9994, "999 ms"), (1.5, "1.5 s"), (0, "0 us")],
)
def test_durations_have_three_figures(value: float, said: str) -> None:
    assert seconds(value) == said


def test_bytes_are_megabytes_or_gigabytes() -> None:
    assert (megabytes(1_500_000), megabytes(77_000_000_000)) == ("1.5 MB", "77.0 GB")
