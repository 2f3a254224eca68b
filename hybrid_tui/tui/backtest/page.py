"""Backtests from the screen: a plan, a run in a process of its own, its result, two compared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from hybrid_tui.errors import HybridError
from hybrid_tui.tui.backtest.plan import FIELDS, first_plan, plan_of, words_of
from hybrid_tui.tui.backtest.rows import (
    plan_rows,
    run_rows,
    running_row,
    text_rows,
    trade_rows,
)
from hybrid_tui.tui.backtest.runs import Run
from hybrid_tui.tui.bindings import PANE_BINDINGS
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.widgets.edit_line import EditLine
from hybrid_tui.tui.widgets.lines import Row, row
from hybrid_tui.tui.widgets.rows_view import RowsView

log = logging.getLogger(__name__)

Document = Mapping[str, Any]


class BacktestPage(Paned):
    """Plan, run, read and compare."""

    NAME: ClassVar[str] = "Backtest"
    CSS_PATH = "backtest.tcss"
    PANES = ("plan", "runs", "result", "trades")
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "backtest-left": ("plan", "runs"),
        "backtest-right": ("result", "trades"),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *PANE_BINDINGS,
        Binding("enter,e", "open", "change, open", id="backtest.open", key_display="enter",
                tooltip="Change the selected field of the plan, or open the selected run"),
        Binding("R", "run", "run", id="backtest.run",
                tooltip="Run the plan, in a process of its own at low priority"),
        Binding("C", "stop", "stop", id="backtest.stop", tooltip="Stop the run that is under way"),
        Binding("m", "mark", "compare", id="backtest.mark",
                tooltip="Mark the selected run; on another one: compare the two"),
        Binding("t", "take", "take its plan", id="backtest.take", show=False,
                tooltip="Make the selected run's options the plan"),
        Binding("d", "remove", "remove", id="backtest.remove", show=False,
                tooltip="Remove the selected run's files"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """Lay the panes out."""
        with Horizontal():
            with Vertical(id="backtest-left"):
                yield RowsView(id="plan")
                yield EditLine()
                yield RowsView(id="runs")
            with Vertical(id="backtest-right"):
                yield RowsView(id="backtest-running", focusable=False)
                yield RowsView(id="result")
                yield RowsView(id="trades")

    def ready(self) -> None:
        """Read which runs there are."""
        super().ready()
        self._edit = self.query_one(EditLine)
        self._running_line = self.query_one("#backtest-running", RowsView)
        self._plan = first_plan()
        self._runs: list[Run] = []
        self._opened: str | None = None
        self._marked: str | None = None
        self._title = "Result"
        self._lines: list[str] = []
        self._warnings: list[str] = []
        self._traded: list[Mapping[str, Any]] = []
        self._said: tuple[str, str] = ("", "")
        self._phase, self._share, self._began = "", 0.0, 0.0
        self._is_running = False
        self._changes = 0
        self.run_worker(self._list(), exit_on_error=False)

    def looks(self) -> object:
        """Return what the panes show beside the model."""
        return (self._current, self._changes, self._share, self._is_running, self.sizes())

    def applies(self, action: str) -> bool:
        """Offer to stop only what runs, and to run when nothing does."""
        if action in ("stop", "run"):
            return self._is_running == (action == "stop")
        return super().applies(action)

    def paint_body(self, wall: float) -> None:
        """Fill the panes."""
        self.entitle(self.panes["plan"], "Plan", "enter changes, R runs")
        self.panes["plan"].show(plan_rows(self._plan, self.width_of("plan")))
        rows, head = run_rows(self._runs, self._opened, self._marked, self.width_of("runs"))
        self.panes["runs"].show(rows, head)
        self.entitle(self.panes["runs"], f"Runs · {len(self._runs)}", "enter opens, m compares")
        self._running_line.show([self._running_row(wall)])
        self._running_line.display = self._is_running or bool(self._said[0])
        result = self.panes["result"]
        width = self.width_of("result")
        result.show(
            text_rows(self._lines, self._warnings, width)
            if self._lines
            else [row(("R runs the plan; enter on a run opens it", "dim"))]
        )
        below = f"{result.below()} more" if result.below() else ""
        self.entitle(result, self._title, below)
        rows, head = trade_rows(self._traded, self.width_of("trades"))
        self.panes["trades"].show(rows, head)
        self.entitle(self.panes["trades"], f"Trades · {len(self._traded):,}")

    def _running_row(self, wall: float) -> Row:
        if self._is_running:
            passed = timedelta(seconds=max(0.0, wall - self._began))
            return running_row(self._phase or "starting", self._share, passed)
        text, style = self._said
        return row((f" {text}", style))

    def action_open(self) -> None:
        """Change a field, or open a run."""
        key = self.view.cursor_key
        if self._current == "plan" and key is not None:
            field = next(field for field in FIELDS if field.name == key)
            self._edit.open(key, self._plan[key], f"{field.title}: {field.hint}")
        elif self._current == "runs" and key is not None:
            self.run_worker(self._read(key), exclusive=True, exit_on_error=False)

    def on_edit_line_given(self, message: EditLine.Given) -> None:
        """Take what was typed, and go on to the next field."""
        if message.text is not None:
            self._plan[message.name] = message.text
            self._changed()
        self.choose("plan")
        if message.text is not None:
            self.call_after_refresh(self.action_move, 1)

    def action_run(self) -> None:
        """Run the plan."""
        if self._keeps_nothing():
            return
        if self.desk.backtests is None or self.desk.runs is None:
            self.say("this screen cannot start backtests", "warn")
            return
        if self._is_running:
            self.say("a backtest runs already: C stops it", "warn")
            return
        try:
            words = words_of(self._plan)
        except ValueError as error:
            self.say(f"the plan cannot be read: {error}", "bad")
            return
        self.run_worker(self._follow(words), name="backtest", exit_on_error=False)

    def action_stop(self) -> None:
        """Stop the run."""
        if self.desk.backtests is not None and self._is_running:
            self.desk.backtests.stop()
            self._phase = "stopping"
            self._changed()

    def action_mark(self) -> None:
        """Mark a run, or compare it with the marked one."""
        key = self.panes["runs"].cursor_key
        if key is None:
            self.say("no run is selected")
        elif self._marked in (None, key):
            self._marked = None if self._marked == key else key
            self._changed()
            if self._marked:
                self.say("marked: m on another run compares the two")
        else:
            self.run_worker(self._compare(str(self._marked), key), exit_on_error=False)

    def action_take(self) -> None:
        """Make a run's options the plan."""
        key = self.panes["runs"].cursor_key
        run = next((run for run in self._runs if run.name == key), None)
        if run is not None:
            self._plan = plan_of(list(run.words))
            self._changed()
            self.choose("plan")

    def action_remove(self) -> None:
        """Remove a run."""
        if self._keeps_nothing():
            return
        key = self.panes["runs"].cursor_key
        if key is None or self.desk.runs is None or self._current != "runs":
            self.say("no run is selected")
            return
        self.desk.runs.remove(key)
        self._marked = None if self._marked == key else self._marked
        self.say(f"the run {key} is removed")
        self.run_worker(self._list(), exit_on_error=False)

    def _keeps_nothing(self) -> bool:
        """Say that a screen that only looks neither makes nor removes files, where that is so."""
        if self.desk.read_only:
            self.say("read-only: runs are neither made nor removed", "warn")
        return self.desk.read_only

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_open()

    async def _list(self) -> None:
        if self.desk.runs is not None:
            self._runs = await asyncio.to_thread(self.desk.runs.runs)
            self._changed()

    async def _follow(self, words: list[str]) -> None:
        assert self.desk.backtests is not None
        assert self.desk.runs is not None
        self._is_running, self._began, self._said = True, self.desk.wall(), ("", "")
        self._phase, self._share = "starting", 0.0
        self._changed()
        try:
            document = await self.desk.backtests.run(words, self._advance)
            run = await asyncio.to_thread(self.desk.runs.save, words, document, datetime.now(UTC))
        except HybridError as error:
            self._said = (error.render(), "warn")
        except OSError as error:
            self._said = (f"the result could not be kept: {error}", "bad")
        else:
            await self._show(document, run.name)
            await self._list()
            if self.desk.page is not self:
                self.say("the backtest is done: 5 shows it", "good")
        finally:
            self._is_running = False
            self._changed()

    def _advance(self, phase: str, share: float) -> None:
        if phase != self._phase and self._phase != "stopping":
            self._phase, self._began = phase, self.desk.wall()
        self._share = share

    async def _read(self, name: str) -> None:
        assert self.desk.runs is not None
        try:
            document = await asyncio.to_thread(self.desk.runs.document, name)
            await self._show(document, name)
        except (HybridError, KeyError, TypeError) as error:
            self.say(f"the run {name} cannot be read: {error}", "bad")

    async def _show(self, document: Document, name: str) -> None:
        lines = await asyncio.to_thread(_result, document)
        self._opened, self._title = name, f"Result · {name}"
        self._put(lines, document["warnings"], document["trades"])

    async def _compare(self, one: str, other: str) -> None:
        assert self.desk.runs is not None
        try:
            first = await asyncio.to_thread(self.desk.runs.document, one)
            second = await asyncio.to_thread(self.desk.runs.document, other)
            lines = await asyncio.to_thread(_compared, first, second, (one, other))
        except (HybridError, KeyError, TypeError) as error:
            self.say(f"the runs cannot be compared: {error}", "bad")
            return
        self._opened, self._title = other, f"{other} against {one}"
        self._put(lines, [], second["trades"])

    def _put(self, lines: list[str], warnings: list[str], trades: list[Any]) -> None:
        self._lines, self._warnings, self._traded = lines, warnings, trades
        self.panes["result"].go(end=False)
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self.paint()


def _result(document: Document) -> list[str]:
    from hybrid_tui.tui.backtest.results import result_lines

    return result_lines(document)


def _compared(first: Document, second: Document, names: tuple[str, str]) -> list[str]:
    from hybrid_tui.tui.backtest.results import compared_lines

    return compared_lines(first, second, names)
