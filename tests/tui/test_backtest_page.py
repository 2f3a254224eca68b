"""The backtest page: a plan is filled in, run, read, and two runs are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hybrid_tui.errors import ConfigError
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.backtest.plan import FIELDS, first_plan, plan_of, words_of
from hybrid_tui.tui.backtest.process import BacktestProcess, OnProgress, backtest_options
from hybrid_tui.tui.backtest.runs import RunFolder
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.desk import environment, hybrid_tui
from tests.tui.builders import desk_app, normal, press, settled

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    known = (registry.DESK, registry.SYMBOL, registry.TRADES, registry.BACKTEST, registry.HEALTH)
    monkeypatch.setattr(registry, "PAGES", known)


OPTIONS = ("--data", "DATA", "--symbols", "IBM", "--start", "2014-01-01", "--end", "2014-12-31")


class FakeBacktests:
    """Gives prepared documents, or raises what is prepared; waits at the gate before it does."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.stops = 0

    async def run(self, words: Sequence[str], on_progress: OnProgress) -> dict[str, Any]:
        """Tell of some progress and answer."""
        self.asked.append(list(words))
        on_progress("running", 0.25)
        await self.gate.wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """Note that it should stop, and let it end."""
        self.stops += 1
        self.gate.set()


@pytest.fixture(scope="module")
def documents(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two real runs of the command that differ in one setting."""
    home = tmp_path_factory.mktemp("runs") / "home"
    words = [str(shared_data / "bars_hour_lean") if word == "DATA" else word for word in OPTIONS]
    words += ["--check-causality", "off", "--json", "--depth"]
    found = []
    for extra in ((), ("--set", "rules.rsi_below=45")):
        done = hybrid_tui(home, "backtest", *words, *extra)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
        found[-1]["settings"]["code_version"] = "0.1.0"
    return found[0], found[1]


def screen(
    folder: Path, *answers: dict[str, Any] | Exception
) -> tuple[DeskApp, FakeBacktests, RunFolder]:
    """Return a screen that can run backtests."""
    backtests, runs = FakeBacktests(*answers), RunFolder(folder / "backtests")
    app, _, _ = desk_app(normal(), backtests=backtests, runs=runs)
    return app, backtests, runs


async def opened(pilot: Pilot[Any]) -> None:
    """Go to the page."""
    await settled(pilot)
    await press(pilot, "5")
    await quiet(pilot)


async def quiet(pilot: Pilot[Any]) -> None:
    """Wait until what runs beside the page has ended, and paint."""
    for _ in range(500):
        await settled(pilot)
        if not any(w.is_running for w in pilot.app.workers if w.name != "link"):
            break
    await settled(pilot)


async def typed(pilot: Pilot[Any], text: str) -> None:
    for letter in text:
        await press(pilot, {"=": "equals_sign", ".": "full_stop", "_": "underscore"}.get(
            letter, letter))  # fmt: skip


def text(pilot: Pilot[Any], name: str) -> str:
    """Return what a pane shows."""
    view = pilot.app.screen.query_one(f"#{name}", RowsView)
    return "\n".join(text_of(shown.line) for shown in view.rows)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page_with_a_result(
    snap_compare: Compare,
    documents: tuple[dict[str, Any], dict[str, Any]],
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    app, _, runs = screen(tmp_path)
    runs.save(OPTIONS, documents[0], datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC))

    async def read(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await press(pilot, "tab")
        await settled(pilot)
        await press(pilot, "enter")
        await quiet(pilot)
        if size == (80, 24):
            await press(pilot, "tab")
            await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=read)


async def test_a_plan_is_filled_in_run_kept_and_shown(
    documents: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    app, backtests, runs = screen(tmp_path, documents[0])
    backtests.gate.clear()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "j")
        await press(pilot, "enter")
        await typed(pilot, "IBM")
        await press(pilot, "enter")
        await settled(pilot)
        assert "symbols       IBM" in text(pilot, "plan")
        await press(pilot, "R")
        await settled(pilot)
        assert "25 %" in text(pilot, "backtest-running")
        # A second one is refused while the first runs.
        await press(pilot, "R")
        await settled(pilot)
        assert backtests.asked == [["--data", "store", "--symbols", "IBM", "--tiers", "rules"]]
        backtests.gate.set()
        await quiet(pilot)
        total = documents[0]["summary"]["total_return"]
        assert f"{total:+.2%}" in text(pilot, "result")
        assert len(text(pilot, "trades").splitlines()) == len(documents[0]["trades"])
        (kept,) = runs.runs()
        assert runs.document(kept.name) == documents[0]
        assert kept.figures["total_return"] == total


async def test_what_the_command_says_stands_where_the_result_would(tmp_path: Path) -> None:
    app, _, runs = screen(tmp_path, ConfigError("--tiers 'rulez': unknown tier", hint="rules"))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "R")
        await quiet(pilot)
        assert "unknown tier (rules)" in text(pilot, "backtest-running")
        assert runs.runs() == []


async def test_a_run_is_stopped_and_keeps_nothing(tmp_path: Path) -> None:
    app, backtests, runs = screen(tmp_path, ConfigError("interrupted: nothing was written"))
    backtests.gate.clear()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "R")
        await settled(pilot)
        await press(pilot, "C")
        await quiet(pilot)
        assert backtests.stops == 1
        assert "interrupted" in text(pilot, "backtest-running")
        assert runs.runs() == []


async def test_a_read_only_screen_makes_and_removes_no_run(
    documents: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    backtests, runs = FakeBacktests(documents[0]), RunFolder(tmp_path)
    kept = runs.save(OPTIONS, documents[0], datetime(2026, 3, 20, tzinfo=UTC))
    app, _, _ = desk_app(normal(), backtests=backtests, runs=runs, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        for key in ("R", "tab", "d"):
            await press(pilot, key)
            await quiet(pilot)
        assert app.notice is not None
        assert app.notice[0] == "read-only: runs are neither made nor removed"
    assert backtests.asked == []
    assert runs.runs() == [kept]


async def test_two_runs_are_compared_day_by_day_with_what_differs(
    documents: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    app, _, runs = screen(tmp_path)
    one = runs.save(OPTIONS, documents[0], datetime(2026, 3, 20, 15, tzinfo=UTC))
    other = runs.save(OPTIONS, documents[1], datetime(2026, 3, 20, 16, tzinfo=UTC))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "tab")
        await settled(pilot)
        await press(pilot, "m")
        await press(pilot, "j")
        await press(pilot, "m")
        await quiet(pilot)
        shown = text(pilot, "result")
        assert f"less {other.name}" in shown
        difference = (
            documents[0]["summary"]["total_return"] - documents[1]["summary"]["total_return"]
        )
        assert f"{difference:+.2%}" in shown
        assert "252 days of both runs" in shown
        assert "rules.rsi_below" in shown
        await press(pilot, "d")
        await quiet(pilot)
        assert [run.name for run in runs.runs()] == [other.name]
        assert one.name not in text(pilot, "runs")


async def test_the_options_of_a_run_become_the_plan_again(
    documents: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    app, _, runs = screen(tmp_path)
    runs.save([*OPTIONS, "--set", "rules.entry=bollinger"], documents[0], datetime.now(UTC))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "tab")
        await settled(pilot)
        await press(pilot, "t")
        await settled(pilot)
        for said in ("IBM", "2014-12-31", "bollinger"):
            assert said in text(pilot, "plan")


async def test_a_file_that_is_no_run_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "backtests"
    folder.mkdir()
    (folder / "20260320-150000.head.json").write_text('{"name": "x"}')
    (folder / "20260320-160000.head.json").write_text("nothing")
    assert RunFolder(folder).runs() == []


def test_every_field_comes_back_from_its_words() -> None:
    plan = first_plan() | {
        "data": "store 'my bars'",
        "symbols": "A,B",
        "start": "2026-03-02",
        "end": "2026-03-20",
        "tiers": "rules,ml",
        "entry": "bollinger",
        "hybrid": "parallel",
        "cash": "5000",
        "slippage": "2",
        "walk": "3",
        "settings": "rules.rsi_below=30 risk.max_gross=0.5",
    }
    assert set(plan) == {field.name for field in FIELDS}
    assert plan_of(words_of(plan)) == plan


def test_a_backtest_shares_the_profile_and_the_rules_but_not_the_desks_market() -> None:
    options = [
        "--live",
        "--profile",
        "two",
        "--set",
        "app.mode=paper",
        "--set",
        "rules.rsi_exit=60",
    ]
    assert backtest_options([*options, "--set", "broker.kind=alpaca"]) == [
        "--profile", "two", "--set", "rules.rsi_exit=60",
    ]  # fmt: skip


async def test_the_process_reports_its_progress_and_its_complaints(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    steps: list[tuple[str, float]] = []
    process = BacktestProcess()
    words = [str(shared_data / "bars_hour_lean") if word == "DATA" else word for word in OPTIONS]
    words += ["--check-causality", "off"]
    document = await process.run(words, lambda phase, share: steps.append((phase, share)))
    assert document["depth"]["intervals"]
    assert {phase for phase, _ in steps} == {"running"}
    assert steps == sorted(steps)
    with pytest.raises(Exception, match="does not exist"):
        await process.run(["--data", "absent.csv"], lambda *_: None)
