"""What the page of a symbol has asked for: its chart, its rules and its record, kept up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrid_tui.domain.inquiries import Chart, ChartInquiry, RulesInquiry
from hybrid_tui.errors import HybridError
from hybrid_tui.journal.symbol_record import SymbolRecord
from hybrid_tui.tui.model import Phase

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.tui.app import DeskApp

log = logging.getLogger(__name__)

BARS = 600
LEAST_SECONDS = 0.5
"""Between two questions of a kind, however fast the market's clock runs."""
REFUSED_SECONDS = 5.0
"""Until what was refused is asked again."""


@dataclass(slots=True)
class _Question:
    """When something was asked last, and as of what."""

    of: object = None
    at: float = -1e9
    is_open: bool = False

    def come_again(self, refused: str) -> None:
        """Have what was refused asked again after a while."""
        if refused:
            self.of = None
            self.at += REFUSED_SECONDS


class Watch:
    """The answers about one symbol, and the questions on their way."""

    def __init__(self, desk: DeskApp) -> None:
        self._desk = desk
        self.symbol = ""
        self.interval = 60
        self.chart: Chart | None = None
        self.refused = ""
        self.rules: Mapping[str, Any] | None = None
        self.rules_refused = ""
        self.record = SymbolRecord()
        self.version = 0
        self._questions = {name: _Question() for name in ("chart", "rules", "record")}

    def turn_to(self, symbol: str, interval: int) -> None:
        """Watch another symbol, or other bars; what was known of others is forgotten."""
        if symbol != self.symbol:
            self.rules, self.rules_refused, self.record = None, "", SymbolRecord()
            self._questions["rules"] = _Question()
            self._questions["record"] = _Question()
        if (symbol, interval) != (self.symbol, self.interval):
            self.chart, self.refused = None, ""
            self._questions["chart"] = _Question()
        self.symbol, self.interval = symbol, interval
        self.version += 1

    def look(self, state: DeskState, wall: float) -> None:
        """Ask for what is out of date: one question of a kind at once, at most two a second."""
        symbol = self.symbol
        bar = (state.closed_at.get(symbol), state.splits_seen.get(symbol))
        held = state.positions.get(symbol)
        level = (held.quantity, held.level) if held is not None else None
        prediction = state.predictions.get(symbol)
        made = (prediction.id if prediction is not None else None, state.trades_closed, level)
        decided = (bar, made, state.paused, state.strategy_id, len(state.locks), len(state.orders))
        if self._desk.model.link.phase is Phase.LIVE:
            self._ask("chart", bar, wall)
            self._ask("rules", decided, wall)
        self._ask("record", made, wall)

    def _ask(self, name: str, of: object, wall: float) -> None:
        question = self._questions[name]
        if question.is_open or question.of == of or wall - question.at < LEAST_SECONDS:
            return
        question.of, question.at, question.is_open = of, wall, True
        task = {"chart": self._chart, "rules": self._rules, "record": self._record}[name]
        self._desk.run_worker(task(question), name=f"symbol {name}", exit_on_error=False)

    async def _chart(self, question: _Question) -> None:
        # Imported with the first chart: the codec loads what the first picture does not need.
        from hybrid_tui.journal.codec import load_chart

        symbol, interval = self.symbol, self.interval
        chart, refused = None, ""
        try:
            answer = await self._desk.ask(
                ChartInquiry(symbol=symbol, interval=interval, count=BARS)
            )
            refused = answer.refused
            if answer.document is not None:
                chart = load_chart(answer.document)
        except HybridError as error:
            log.warning("no chart: %s", error.render())
            refused = error.message
        finally:
            question.is_open = False
        if self._questions["chart"] is question:
            # A chart that is there stays while the engine is asked in vain: the page dims it.
            self.chart, self.refused = chart or self.chart, refused
            self.version += 1
            question.come_again(refused)

    async def _rules(self, question: _Question) -> None:
        try:
            answer = await self._desk.ask(RulesInquiry(symbol=self.symbol))
        finally:
            question.is_open = False
        if self._questions["rules"] is question:
            self.rules, self.rules_refused = answer.document, answer.refused
            self.version += 1
            question.come_again(answer.refused)

    async def _record(self, question: _Question) -> None:
        state, history = self._desk.model.state, self._desk.history
        try:
            if state is None or state.started is None or state.now is None or history is None:
                return
            record = await asyncio.to_thread(
                history.symbol, state.started.run, self.symbol, state.now, state.last_id
            )
        except HybridError as error:
            log.warning("no record of %s: %s", self.symbol, error.render())
            return
        finally:
            question.is_open = False
        if self._questions["record"] is question:
            self.record = record
            self.version += 1
