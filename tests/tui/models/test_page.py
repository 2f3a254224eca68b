"""The page of models: what it says of each, and what its keys ask of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hybrid_tui.domain.commands import Command, PromoteModel, RollBackModel, TrainNow
from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.models.cards import FolderCards
from hybrid_tui.tui.models.plot import reliability_rows
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    FakeConnection,
    Story,
    Wall,
    desk_app,
    press,
    settled,
    tier_failed,
)
from tests.tui.models.scenes import CARDS, living

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    monkeypatch.setattr(registry, "PAGES", (registry.DESK, registry.MODELS))


@dataclass
class Shown:
    """The page in a test."""

    app: DeskApp
    pilot: Pilot[str]
    engine: FakeConnection
    wall: Wall

    async def press(self, *keys: str) -> None:
        """Press keys, a second apart."""
        for key in keys:
            self.wall.seconds += 1.0
            await press(self.pilot, key)
            await settled(self.pilot)

    def text(self, name: str) -> str:
        """Return what a view shows, its runs of spaces made one."""
        view = self.app.screen.query_one(f"#{name}", RowsView)
        return " ".join(" ".join(text_of(shown.line) for shown in view.rows).split())


@asynccontextmanager
async def open_page(story: Story, **options: Any) -> AsyncIterator[Shown]:
    """Go to the page by its key."""
    app, engine, wall = desk_app(story, **{"cards": CARDS, **options})
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        shown = Shown(app=app, pilot=pilot, engine=engine, wall=wall)
        await shown.press("4")
        assert app.page.NAME == "Models"
        await asyncio.sleep(0.03)
        await settled(pilot)
        yield shown


async def opened(pilot: Pilot[Any]) -> None:
    """Go to the page, for a picture."""
    await settled(pilot)
    await press(pilot, "4")
    await asyncio.sleep(0.05)
    await settled(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, _, _ = desk_app(living(), cards=CARDS)
    assert snap_compare(app, terminal_size=size, run_before=opened)


def test_page_without_a_model(snap_compare: Compare) -> None:
    app, _, _ = desk_app(tier_failed())
    assert snap_compare(app, terminal_size=(120, 40), run_before=opened)


async def test_each_model_says_what_it_is_and_how_well_it_did() -> None:
    async with open_page(living()) as shown:
        listed = shown.text("models")
        assert listed.index("real-20260307 ★ champion") < listed.index("real-20260314 ◇ shadow")
        for said in ("real-20260228 - earlier", "real-20260310 ! expired", "✗ damaged", "13d"):
            assert said in listed
        model = shown.text("model")
        for said in ("★ champion since", "0.5177 0.4677 .. 0.5677", "reached .70 0 of 14,399",
                     "live · 122 outcomes", "live error beyond chance"):  # fmt: skip
            assert said in model
        drift = shown.text("model-drift")
        assert drift.index("NVDA 0.31") < drift.index("META 0.14") < drift.index("XLK 0.02")
        decided = shown.text("model-decisions")
        assert "42 %, 5m12 left: gru, epoch 3" in decided
        assert decided.index("rejected real-20260310") < decided.index("promoted real-20260307")
        await shown.press("j")
        assert "0 of 5 sessions" in shown.text("model")
        assert "of real-20260313, the same recipe without the days" in shown.text("model")
        assert "not asked by this desk" in shown.text("model")
        await shown.press("enter")
        assert "Tier 2 of the desk." in shown.text("reading")


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        (("t",), [TrainNow()]),
        (("j", "P", "left", "enter"), [PromoteModel(model_id="real-20260314")]),
        (("R", "left", "enter"), [RollBackModel()]),
        (("j", "P", "enter"), []),
        (("R", "escape"), []),
        (("P",), []),
    ],
)
async def test_keys_ask_first_and_the_safe_answer_has_the_focus(
    keys: tuple[str, ...], sent: list[Command]
) -> None:
    async with open_page(living()) as shown:
        await shown.press(*keys)
        assert shown.engine.sent == sent


async def test_promoting_says_what_changes_and_from_when() -> None:
    async with open_page(living()) as shown:
        await shown.press("j", "P")
        said = shown.text("dialog-text")
        for words in ("champion now real-20260307", "from the next prediction on",
                      "did not pass the gate: log loss"):  # fmt: skip
            assert words in said


async def test_read_only_promotes_nothing() -> None:
    async with open_page(living(), read_only=True) as shown:
        await shown.press("j", "P", "R", "t")
        assert len(shown.app.screen_stack) == 2
        assert shown.engine.sent == []


def test_a_plot_puts_the_tick_where_it_was_said_and_ends_the_bar_where_it_came() -> None:
    rows = reliability_rows("m", [(0.75, 0.25, 40)], LiveCalibration(), 40)
    line = next(text_of(shown.line) for shown in rows if "▕" in text_of(shown.line))
    assert line == " .75 ▕██▌····│··▏.25      40"


def test_the_cards_that_come_with_the_program_can_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "mine"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    cards = {card.id: card for card in FolderCards(tmp_path).cards()}
    assert "manifest.json" in cards["mine"].damaged
    assert cards["ensemble-sim-1"].market == "simulated"
    assert len(cards["ensemble-sim-1"].reliability) == 10
    assert cards["ensemble-sim-1"].text.startswith("# ensemble-sim-1")
