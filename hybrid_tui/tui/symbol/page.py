"""One symbol: its chart, what the rules wait for, what predictions came to, and its headlines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from hybrid_tui.domain.inquiries import Chart
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.approving import Approving
from hybrid_tui.tui.bindings import APPROVE_BINDINGS, POSITION_BINDINGS
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.symbol.bindings import SIGNS, SYMBOL_BINDINGS
from hybrid_tui.tui.symbol.chart import WIDEST, Look, Scene, chart_rows
from hybrid_tui.tui.symbol.marks import Level, Mark, by_bar, marks_of
from hybrid_tui.tui.symbol.panes import (
    TIMEFRAMES,
    condition_rows,
    conditions_title,
    cursor_row,
    head_row,
    headline_rows,
    news_rows,
    record_rows,
    record_title,
    verdict_row,
)
from hybrid_tui.tui.symbol.watch import Watch
from hybrid_tui.tui.widgets.dialogs import Reading
from hybrid_tui.tui.widgets.lines import Row, Span, row
from hybrid_tui.tui.widgets.rows_view import RowsView

TITLES = {"chart": "Chart", "rules": "Rules", "record": "Predictions", "news": "News"}
OVERLAYS = (("bands", True), ("averages", True), ("bands", False), ("none", False))


ON_ONE = [
    binding
    for binding in APPROVE_BINDINGS
    if isinstance(binding, Binding) and binding.action in ("approve", "veto", "undo")
]
"""Decisions on the page's own symbol; those on the whole list belong where the list is seen."""


class SymbolPage(Approving, Paned):
    """The page of one symbol."""

    NAME: ClassVar[str] = "Symbol"
    SIGNS: ClassVar[tuple[tuple[str, str], ...]] = SIGNS
    PANES = ("chart", "rules", "record", "news")
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {"symbol-panes": ("rules", "record", "news")}
    CSS_PATH = Path(__file__).with_name("symbol.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        *SYMBOL_BINDINGS,
        *ON_ONE,
        *POSITION_BINDINGS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._symbol = ""
        self._interval = TIMEFRAMES["1m"]
        self._look = Look()
        self._overlay = 0
        self._watch: Watch | None = None
        self._drawn: object = None
        self._marks: list[Mark] = []
        self._seen: Chart | None = None

    def body(self) -> ComposeResult:
        """Lay the page out."""
        yield RowsView(id="symbol-head", focusable=False)
        yield RowsView(id="symbol-tabs", focusable=False)
        yield RowsView(id="chart", focusable=True)
        with Horizontal(id="symbol-panes"):
            for name in self.PANES[1:]:
                yield RowsView(id=name)

    def ready(self) -> None:
        """Find the panes."""
        self._head = self.query_one("#symbol-head", RowsView)
        self._tabs = self.query_one("#symbol-tabs", RowsView)
        self._watch = Watch(self.desk)
        self._watch.turn_to(self._symbol, self._interval)
        super().ready()

    def turn_to(self, subject: str) -> None:
        """Show a symbol."""
        if subject == self._symbol:
            return
        self._symbol = subject
        # Until it is painted, and a moment longer, nobody has seen what a decision would be on.
        self._waiting = None
        self._look = replace(self._look, cursor=None, end=0)
        if self._watch is not None:
            self._watch.turn_to(subject, self._interval)
            for view in self.panes.values():
                view.show([])
            self.call_later(self.paint)

    def on_resize(self) -> None:
        """Choose between all panes and one."""
        self.mark_current()

    def on_rows_view_opened(self) -> None:
        """Read what was clicked twice."""
        self.action_open()

    def looks(self) -> object:
        """Return what was answered, how the chart is looked at, and the panes' sizes."""
        watch = self._watch
        return (watch.version if watch else 0, self._look, self._current, self.sizes())

    def chosen_symbol(self) -> str | None:
        """Return the page's symbol: its position is the selected one."""
        return self._symbol

    def chosen_waiting(self) -> str | None:
        """Return the page's symbol: it is what a decision is on."""
        return self._symbol

    def choose_waiting(self, symbol: str) -> None:
        """Stay: the page is about its own symbol."""

    def paint_body(self, wall: float) -> None:
        """Ask for what is out of date, and paint what is known."""
        model, watch = self.desk.model, self._watch
        state, now = model.state, model.now(wall)
        if state is None or now is None or watch is None:
            self._head.show([row((f" {self._symbol}", "bold"))])
            return
        focus = model.focus(now)
        waits = focus is not None and focus.is_pending(now) and self._symbol in focus.symbols
        self.shown(focus if waits else None, wall)
        watch.look(state, wall)
        self._follow(watch.chart)
        self._paint_head(state, now, watch)
        self._paint_chart(state, now, watch)
        self._paint_panes(state, now, watch)
        self._tabs.show([self._tabs_row()])

    def _paint_head(self, state: DeskState, now: datetime, watch: Watch) -> None:
        width, chart = self.size.width, watch.chart
        before = chart.close_before if chart is not None else None
        shown = chart.interval if chart is not None else self._interval
        first = head_row(state, self._symbol, now, before, shown, width)
        index = self._index(chart)
        if chart is not None and index is not None:
            marks = by_bar(chart, self._marks).get(index, ())
            second = cursor_row(chart, index, marks, width)
        else:
            second = verdict_row(watch.rules, watch.rules_refused, width)
        self._head.show([first, second], stale=self.desk.model.is_stale)

    def _paint_chart(self, state: DeskState, now: datetime, watch: Watch) -> None:
        view, chart = self.panes["chart"], watch.chart
        stale = self.desk.model.is_stale
        shown = chart.interval if chart is not None else self._interval
        name = next((name for name, s in TIMEFRAMES.items() if s == shown), f"{shown} s")
        self.entitle(view, f"{self._symbol} · {name}", self._chart_note(chart, watch.refused))
        if chart is None:
            said = "No engine is connected: bars come from it." if stale else "Asking for bars ..."
            said = f"No chart: {watch.refused}" if watch.refused else said
            view.show([row((said, "dim"))], stale=stale)
            return
        labels = self._labels(state)
        looks = (chart, labels, self._look, view.size, watch.version, len(state.news),
                 state.strategy_id, stale)  # fmt: skip
        if looks == self._drawn:
            return
        self._drawn = looks
        self._marks = marks_of(state, self._symbol, watch.record.fills)
        scene = Scene(
            marks=by_bar(chart, self._marks),
            stops=self._stops(state, watch),
            labels=labels,
        )
        width, height = view.size.width - 1, view.size.height
        view.show(chart_rows(chart, scene, self._look, width, height), stale=stale)

    def _paint_panes(self, state: DeskState, now: datetime, watch: Watch) -> None:
        stale = self.desk.model.is_stale
        predictions = watch.record.predictions
        sizes = {name: view.size.width - 1 for name, view in self.panes.items()}
        filled: dict[str, tuple[str, list[Row]]] = {
            "rules": (
                conditions_title(watch.rules),
                condition_rows(watch.rules, watch.rules_refused, sizes["rules"]),
            ),
            "record": (
                record_title(predictions),
                record_rows(predictions, state, self._symbol, sizes["record"]),
            ),
            "news": ("News", news_rows(state, self._symbol, now, sizes["news"])),
        }
        for name, (title, rows) in filled.items():
            view = self.panes[name]
            view.show(rows, stale=stale)
            below = view.below()
            self.entitle(view, title, f"{below} more" if below else "")

    def _labels(self, state: DeskState) -> tuple[tuple[float, str, str], ...]:
        """Return the prices named at the right: the last, the stop, the entry, the forecast."""
        found: list[tuple[float, str, str]] = []
        price, _ = last_price(state, self._symbol)
        if price is not None:
            found.append((price, f"◂ {f.money(price)}", "bold"))
        held = state.positions.get(self._symbol)
        if held is not None and held.level > 0:
            found.append((held.level, f"{f.money(held.level)} stop", "warn"))
        if held is not None:
            found.append((held.entry_price, f"{f.money(held.entry_price)} entry", "good"))
        prediction = state.predictions.get(self._symbol)
        if prediction is not None and state.now is not None and prediction.is_fresh(state.now):
            interval = prediction.interval
            found += [
                (prediction.price_forecast_1h, f"{f.money(prediction.price_forecast_1h)} in 1h",
                 "blue"),
                (interval.high, f"{f.money(interval.high)} {interval.level:.0%}", "dim"),
                (interval.low, f"{f.money(interval.low)} {interval.level:.0%}", "dim"),
            ]  # fmt: skip
        return tuple(found)

    def _stops(self, state: DeskState, watch: Watch) -> list[Level]:
        """Return the stops of what is held, from its entry on."""
        held = state.positions.get(self._symbol)
        if held is None:
            return []
        levels = [
            Level(at=at, price=price) for at, price in watch.record.stops if at >= held.entry_at
        ]
        if not levels and held.level > 0:
            levels = [Level(at=held.entry_at, price=held.level)]
        return levels

    def _chart_note(self, chart: Chart | None, refused: str) -> str:
        overlay, with_panels = OVERLAYS[self._overlay]
        words = {
            "bands": "Bollinger bands (20, 2)",
            "averages": "── EMA 9, SMA 50",
            "none": "candles",
        }[overlay]
        panels = " · RSI · MACD" if with_panels else ""
        note = f"{words}{panels} · New York time"
        return f"{note} · {f.clean(refused)}" if chart is not None and refused else note

    def _index(self, chart: Chart | None) -> int | None:
        if chart is None or self._look.cursor is None or not len(chart):
            return None
        return max(0, len(chart) - 1 - self._look.cursor)

    def _follow(self, chart: Chart | None) -> None:
        """Keep cursor and scroll on their bars while new ones come."""
        before, self._seen = self._seen, chart
        if chart is None or before is None or chart is before or not len(before):
            return
        if (chart.symbol, chart.interval) != (before.symbol, before.interval):
            return
        fresh = len(chart) - bisect_right(chart.start, before.start[-1])
        if fresh and self._look.cursor is not None:
            self._look = replace(
                self._look,
                cursor=min(len(chart) - 1, self._look.cursor + fresh),
                end=self._look.end + fresh if self._look.end else 0,
            )

    def action_timeframe(self, by: int) -> None:
        """Show longer or shorter bars."""
        lengths = list(TIMEFRAMES.values())
        at = min(len(lengths) - 1, max(0, lengths.index(self._interval) + by))
        if lengths[at] == self._interval or self._watch is None:
            return
        self._interval = lengths[at]
        self._look = replace(self._look, cursor=None, end=0)
        self._watch.turn_to(self._symbol, self._interval)
        self.paint()

    def action_cursor(self, by: int) -> None:
        """Move the crosshair by bars; the chart scrolls with it."""
        chart = self._watch.chart if self._watch is not None else None
        if chart is None or not len(chart):
            self.say("there are no bars yet")
            return
        before = self._look.cursor
        cursor = 0 if before is None and by < 0 else max(0, (before or 0) - by)
        cursor = min(len(chart) - 1, cursor)
        room = max(1, (self.panes["chart"].size.width - 24) // self._look.step)
        end = self._look.end
        if cursor < end:
            end = cursor
        elif cursor >= end + room:
            end = cursor - room + 1
        self._look = replace(self._look, cursor=cursor, end=end)
        self.paint()

    def action_wider(self, by: int) -> None:
        """Give each bar more or fewer cells."""
        step = min(WIDEST, max(1, self._look.step + by))
        self._look = replace(self._look, step=step, cursor=None, end=0)
        self.paint()

    def action_indicators(self) -> None:
        """Show the next set of indicators."""
        self._overlay = (self._overlay + 1) % len(OVERLAYS)
        overlay, with_panels = OVERLAYS[self._overlay]
        self._look = replace(self._look, overlay=overlay, with_panels=with_panels)
        self.paint()

    def action_back(self) -> None:
        """Take the crosshair away, then go back."""
        if self._look.cursor is not None:
            self._look = replace(self._look, cursor=None, end=0)
            self.paint()
        else:
            super().action_back()

    def action_news(self) -> None:
        """Go to the headlines, or from them back to the chart."""
        self.choose("chart" if self._current == "news" else "news")

    def action_symbol(self, by: int) -> None:
        """Show another symbol of the watchlist."""
        state = self.desk.model.state
        listed = state.started.watchlist if state is not None and state.started is not None else ()
        if not listed:
            return
        at = listed.index(self._symbol) if self._symbol in listed else 0
        self.turn_to(listed[(at + by) % len(listed)])

    def action_open(self) -> None:
        """Read the headline under the cursor."""
        state, key = self.desk.model.state, self.panes["news"].cursor_key
        if self._current != "news" or state is None or key is None:
            self.say("n goes to the headlines, enter reads one; e says why it was bought")
            return
        width = min(90, self.size.width - 6)
        self.app.push_screen(Reading(self._symbol, headline_rows(state, key, width)))

    def action_explain(self) -> None:
        """Show the chain behind what is held, or was held last."""
        state, watch = self.desk.model.state, self._watch
        held = state.positions.get(self._symbol) if state is not None else None
        name = held.entry_order_id if held is not None else ""
        if not name and watch is not None and watch.record.fills:
            name = watch.record.fills[-1].order_id
        if name:
            self.desk.tell_story(name)
        else:
            self.desk.read_symbol(self._symbol)

    def mark_current(self) -> None:
        """Show the panes that there is room for."""
        super().mark_current()
        self.set_class(self.has_little_room, "-single")

    def _tabs_row(self) -> Row:
        spans: list[Span] = [(" ", "")]
        for name in self.PANES:
            mark = ("[", "]") if name == self._current else (" ", " ")
            style = "bold" if name == self._current else "dim"
            spans += [(mark[0], "accent"), (TITLES[name], style), (mark[1], "accent"), (" ", "")]
        return row(*spans)
