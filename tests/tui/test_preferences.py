"""The first greeting, the watchlist, the clipboard, the bell, and what quitting says."""

from __future__ import annotations

from pathlib import Path

from hybrid_tui.domain import events as ev
from hybrid_tui.errors import ConfigError
from hybrid_tui.tui.preferences import symbols_of, wrong_watchlist
from hybrid_tui.tui.questions import quit_rows
from hybrid_tui.tui.settings import ScreenSettings
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import Story, desk_app, empty, normal, press, settled
from tests.tui.key_table import PLACE, key_table

ROOT = Path(__file__).resolve().parents[2]


class Kept:
    """A configuration that remembers what was written to it."""

    def __init__(self) -> None:
        self.keys: dict[str, object] = {}
        self.error = ""

    def __call__(self, key: str, value: object) -> None:
        """Keep a key, or fail."""
        if self.error:
            raise ConfigError(self.error)
        self.keys[key] = value


def said(story: Story) -> str:
    return "\n".join(text_of(row.line) for row in quit_rows(story.state))


async def test_a_new_profile_is_greeted_over_a_running_desk_and_nothing_waits_for_it() -> None:
    kept = Kept()
    app, engine, _ = desk_app(normal(), settings=ScreenSettings(save=kept, is_first=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await settled(pilot)
        assert type(app.screen).__name__ == "Question"
        assert app.model.state is not None
        assert app.page.query_one("#positions", RowsView).rows[0].key == "META"
        await press(pilot, "escape")
        assert kept.keys == {}
        assert engine.sent == []
        assert len(app.screen_stack) == 1


async def test_paper_is_kept_for_the_next_start() -> None:
    kept = Kept()
    app, _, _ = desk_app(normal(), settings=ScreenSettings(save=kept, is_first=True))
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        await settled(pilot)
        await press(pilot, "left")
        await press(pilot, "enter")
        assert kept.keys == {"app.mode": "paper", "market.provider": "yahoo"}
        assert app.notice is not None
        assert "when the engine starts again" in app.notice[0]


async def test_nobody_is_greeted_twice_nor_when_only_reading() -> None:
    for settings, read_only in (
        (ScreenSettings(), False),
        (ScreenSettings(is_first=True), True),
    ):
        app, _, _ = desk_app(normal(), settings=settings, read_only=read_only)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await settled(pilot)
            assert len(app.screen_stack) == 1


async def test_watchlist_is_kept_line_is_copied_and_fills_ring() -> None:
    kept = Kept()
    app, engine, wall = desk_app(normal(), settings=ScreenSettings(save=kept, bell=True))
    rung: list[bool] = []
    app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y")
        assert app.clipboard.startswith("META")
        await press(pilot, "w")
        wall.seconds += 1
        for key in ("space", "s", "p", "y"):
            await press(pilot, key)
        await press(pilot, "enter")
        assert kept.keys == {"app.watchlist": ["AMD", "META", "NVDA", "SOXL", "TSLA", "XLK", "SPY"]}
        kept.error = "config.toml: no room"
        await press(pilot, "w")
        wall.seconds += 1
        await press(pilot, "enter")
        assert app.notice is not None
        assert app.notice[0].startswith("not kept")
        assert engine.sent == []
        assert not rung
        last = app.model.tape.entries[-1]
        app.model.tape.fresh.append(last)
        fill = next(e for e in app.model.tape.entries if e.kind == "fill")
        app.model.tape.fresh.append(fill)
        app.paint()
        assert rung == [True]


def test_what_is_held_stays_on_a_live_watchlist_and_another_simulation_is_another_account() -> None:
    live = normal(mode="paper", speed=1.0).state
    assert wrong_watchlist("AMD, SPY", live) == "held or on order, so it stays: META, NVDA, XLK"
    assert wrong_watchlist("meta nvda xlk spy", live) == ""
    assert wrong_watchlist("", live)
    assert "not a symbol" in wrong_watchlist("SPY $$$", live)
    assert wrong_watchlist("SPY", normal().state) == ""
    assert symbols_of(" spy,QQQ ; spy ") == ("SPY", "QQQ")


def test_quitting_says_what_goes_on_protecting() -> None:
    assert "NOTHING protects" in said(normal())
    assert "NOTHING" not in said(empty())
    story = normal(mode="paper", speed=1.0)
    story.tell(ev.AccountObserved, "10:43", account="a", cash=1.0, equity=2.0, buying_power=1.0)
    assert "it rests at the broker" in said(story)


def test_the_readme_has_the_keys_that_there_are() -> None:
    found = PLACE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    assert found.group(1) == key_table(), "python -m tests.tui.key_table README.md"
