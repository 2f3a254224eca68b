"""The engine goes, ends, or cannot be had: what the screen does and says."""

from __future__ import annotations

import asyncio

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.errors import Refused
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import FakeConnection, FakeEngines, desk_app, normal, press, settled, sold

SOON = (0.05, 0.05)


def phase_of(app: DeskApp) -> Phase:
    """Return how the screen and its engine stand now."""
    return app.model.link.phase


def line_two(app: DeskApp) -> str:
    """Return the second line of the header."""
    return text_of(app.page.query_one("#header", RowsView).rows[1].line)


async def test_gone_engine_is_told_and_started_again() -> None:
    story = normal()
    first, second = FakeConnection(story.state), FakeConnection(normal().state)
    app, _, _ = desk_app(story, first, second, backoff=(0.3,))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        first.go()
        await settled(pilot)
        assert phase_of(app) is Phase.GONE
        assert "THE ENGINE HAS GONE" in line_two(app)
        assert first.is_closed
        await asyncio.sleep(0.4)
        await settled(pilot)
        assert phase_of(app) is Phase.LIVE
        assert app.model.state is second.state


async def test_restart_that_fails_is_tried_again_with_its_reason() -> None:
    story = normal()
    first, last = FakeConnection(story.state), FakeConnection(normal().state)
    app, _, _ = desk_app(story, first, Refused("no port", hint="wait"), last, backoff=(0.05, 0.6))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        first.go()
        await asyncio.sleep(0.2)
        await settled(pilot)
        assert "(no port (wait))" in line_two(app)
        await press(pilot, "r")
        await settled(pilot)
        assert phase_of(app) is Phase.LIVE


async def test_ended_engine_says_why_and_starts_again_on_r_only() -> None:
    story = normal()
    first, second = FakeConnection(story.state), FakeConnection(normal().state)
    app, _, _ = desk_app(story, first, second, backoff=SOON)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        last = story.events[-1]
        first.push(ev.EngineStopped(id=last.id + 1, at=last.at, reason="the data has ended"))
        first.go()
        await asyncio.sleep(0.3)
        await settled(pilot)
        assert phase_of(app) is Phase.ENDED
        assert "the engine has ended: the data has ended; r starts it again" in line_two(app)
        await press(pilot, "r")
        await settled(pilot)
        assert phase_of(app) is Phase.LIVE


async def test_engine_that_cannot_start_says_what_it_said() -> None:
    story = normal()
    error = Refused("config.toml: unknown key 'app.mod'", hint="did you mean 'app.mode'?")
    later = FakeConnection(story.state)
    app, _, _ = desk_app(story, error, later)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "unknown key 'app.mod' (did you mean 'app.mode'?)" in line_two(app)
        await press(pilot, "p")
        await settled(pilot)
        notice = text_of(app.page.query_one("#notice", RowsView).rows[0].line)
        assert "not sent: no engine is connected" in notice
        await press(pilot, "r")
        await settled(pilot)
        assert phase_of(app) is Phase.LIVE


async def test_quit_without_an_engine_asks_nothing() -> None:
    app, _, _ = desk_app(normal(), Refused("no"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "q")
        await pilot.pause()
    assert app.return_value is None
    assert app.return_code == 0


async def test_first_picture_does_not_wait_for_the_engine() -> None:
    app, _, _ = desk_app(normal())
    app._link._connect = FakeEngines()
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert line_two(app).strip() == "starting the engine ..."


async def test_flood_of_events_does_not_stop_the_keys() -> None:
    story = normal()
    app, engine, wall = desk_app(story)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        last = story.events[-1]
        quotes = {"NVDA": (178.0, 178.1)}
        engine.push(
            *(ev.Ticked(id=last.id + n, at=last.at, quotes=quotes) for n in range(1, 20_000))
        )
        wall.seconds += 1
        await press(pilot, "p")
        await pilot.pause()
        assert len(engine.sent) == 1
        assert app.model.state is not None


async def test_fault_in_painting_is_told_and_survived() -> None:
    story = normal()
    app, engine, wall = desk_app(story)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert app.model.state is not None
        app.model.state.positions["NVDA"].level = "broken"  # type: ignore[assignment]
        wall.seconds += 1
        app.page.paint()
        await settled(pilot)
        assert app.is_running
        assert app.notice is not None
        assert "could not be painted" in app.notice[0]
        assert engine.sent == []


async def test_fills_are_toasts() -> None:
    story = normal()
    app, engine, _ = desk_app(story)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        more = normal()
        sold(more, "XLK", 135.0, "10:45", "hard_stop")
        engine.push(*more.events[len(story.events) :])
        await settled(pilot)
        assert any("sold 140 XLK at 135.00" in n.message for n in app._notifications)


async def test_fault_in_the_background_is_told_and_can_be_mended() -> None:
    story = normal()
    first, second = FakeConnection(story.state), FakeConnection(normal().state)
    app, _, _ = desk_app(story, first, second)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        last = story.events[-1]
        first.push(ev.SignalDecided(id=last.id + 1, at=last.at, signal_id="none", symbols=(),
                                    decision="approved", by="person"))  # fmt: skip
        await settled(pilot)
        assert phase_of(app) is Phase.FAILED
        assert "KeyError" in line_two(app)
        await press(pilot, "r")
        await settled(pilot)
        assert phase_of(app) is Phase.LIVE


async def test_failing_screen_leaves_its_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _, _ = desk_app(normal())

    def broken() -> None:
        raise RuntimeError("broken")

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            app.call_later(broken)
            await settled(pilot)

    with pytest.raises(RuntimeError, match="broken"):
        await run()
    assert "the screen failed" in caplog.text
    assert app.return_code == 1
    assert app._exit_renderables == []
