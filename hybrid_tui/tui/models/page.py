"""Tier 2's models: who is champion, how well each did, drift, decisions, training."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from hybrid_tui.domain.commands import PromoteModel, RollBackModel, TrainNow
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import HybridError
from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import PANE_BINDINGS
from hybrid_tui.tui.models.cards import Card
from hybrid_tui.tui.models.rows import (
    ModelView,
    decision_rows,
    drift_rows,
    figure_rows,
    model_rows,
    model_title,
    promote_rows,
    roll_back_rows,
    training_rows,
    views_of,
)
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.widgets.dialogs import CANCEL, Question, Reading
from hybrid_tui.tui.widgets.lines import Row, row
from hybrid_tui.tui.widgets.markdown import markdown_rows
from hybrid_tui.tui.widgets.rows_view import RowsView

log = logging.getLogger(__name__)

READING_WIDTH = 94


class ModelsPage(Paned):
    """The page of models."""

    NAME: ClassVar[str] = "Models"
    CSS_PATH = "models.tcss"
    PANES = ("models", "model", "model-drift", "model-decisions")
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "models-left": ("models", "model-drift", "model-decisions")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *PANE_BINDINGS,
        Binding("enter", "open", "card", id="look.open",
                tooltip="The whole card of the selected model"),
        Binding("t", "train", "train", id="models.train",
                tooltip="Train a new model now, beside the desk; it has to earn its place"),
        Binding("P", "promote", "promote", id="models.promote",
                tooltip="Make the selected model the champion; asks first"),
        Binding("R", "roll_back", "roll back", id="models.roll_back",
                tooltip="Take the last promotion back; asks first"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[Card] = []
        self._said = "reading the models ..."
        self._of: object = None
        self._version = 0

    def body(self) -> ComposeResult:
        """Lay the panes out."""
        with Horizontal():
            with Vertical(id="models-left"):
                yield RowsView(id="models", marks_always=True)
                yield RowsView(id="model-drift")
                yield RowsView(id="model-decisions")
            yield RowsView(id="model")

    def looks(self) -> object:
        """Return what was read, what is selected, and the panes' sizes."""
        selected = self.panes["models"].cursor_key
        return (self._version, selected, self._current, self.sizes())

    def paint_body(self, wall: float) -> None:
        """Read the cards where a model came or went, and paint what is known."""
        model = self.desk.model
        state, now, stale = model.state, model.now(wall), model.is_stale
        if state is None or now is None:
            for name, view in self.panes.items():
                self.entitle(view, name.removeprefix("model-").capitalize())
            return
        self._read_anew(state)
        book = state.models
        found = views_of(book, self._cards)
        rows, head = model_rows(found, now, self.width_of("models"))
        if not found and self._said:
            rows = [row((self._said, "dim"))]
        listed = self.panes["models"]
        listed.show(rows, head, stale=stale)
        self.entitle(listed, f"Models · {len(found)}", book.market and f"{book.market} market")
        rows, head = drift_rows(book, self.width_of("model-drift"))
        self.panes["model-drift"].show(rows, head, stale=stale)
        day = f" · {book.drift_day:%a %d %b}" if book.drift_day is not None and book.drift else ""
        self.entitle(self.panes["model-drift"], f"Drift{day}", ".1 a shift, .25 a strong one")
        width = self.width_of("model-decisions")
        decided = [*training_rows(book.training, width), row(""), *decision_rows(book, width)]
        self.panes["model-decisions"].show(decided, stale=stale)
        self.entitle(self.panes["model-decisions"], "Training and decisions", "")
        shown, chosen = self.panes["model"], self._chosen(found)
        if chosen is None:
            shown.show(self._without(state), stale=stale)
            self.entitle(shown, "Model", "")
            return
        width = self.width_of("model")
        figures = figure_rows(chosen, book, state.live_calibration, now, width)
        shown.show(figures, stale=stale)
        below = shown.below()
        self.entitle(shown, model_title(chosen), f"{below} more" if below else "")

    def action_move(self, by: int) -> None:
        """Move the cursor; another model may be selected then."""
        super().action_move(by)
        self.paint()

    def action_open(self) -> None:
        """Read the whole card of the selected model."""
        chosen = self._selected()
        if chosen is None or chosen.card is None or not chosen.card.text:
            self.say("no model with a card is selected")
            return
        width = min(READING_WIDTH, self.size.width - 6)
        self.app.push_screen(Reading(f.clean(chosen.id), markdown_rows(chosen.card.text, width)))

    def action_train(self) -> None:
        """Have a new model trained."""
        if not self.is_repeated("t"):
            self.send(TrainNow())

    def action_promote(self) -> None:
        """Ask, then make the selected model the champion."""
        state, chosen = self.desk.model.state, self._selected()
        if state is None or chosen is None:
            self.say("no model is selected", "warn")
            return
        if chosen.id == state.models.champion and not state.models.suspended:
            self.say(f"{f.clean(chosen.id)} is the champion already", "warn")
            return
        command = PromoteModel(model_id=chosen.id)
        self._ask("Promote", promote_rows(chosen, state.models), command)

    def action_roll_back(self) -> None:
        """Ask, then take the last promotion back."""
        state = self.desk.model.state
        if state is not None:
            self._ask("Roll back", roll_back_rows(state.models), RollBackModel())

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_open()

    def _ask(self, title: str, rows: list[Row], command: PromoteModel | RollBackModel) -> None:
        if self.refuses():
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.send(command)

        choices = [("yes", title, "warning"), (CANCEL, "Cancel", "default")]
        self.app.push_screen(Question(title, rows, choices), answered)

    def _selected(self) -> ModelView | None:
        state = self.desk.model.state
        return self._chosen(views_of(state.models, self._cards)) if state is not None else None

    def _chosen(self, found: list[ModelView]) -> ModelView | None:
        key = self.panes["models"].cursor_key
        return next((view for view in found if view.id == key), None)

    def _without(self, state: DeskState) -> list[Row]:
        if state.started is not None and "ml" not in state.started.tiers:
            return [row(("Tier 2 is switched off: no model is asked.", "dim"))]
        beat = state.beats.get("ml")
        if beat is not None and beat.health == "failed":
            return [row((line, "bad")) for line in f.wrap(f.clean(beat.reason), 60)]
        return [row(("No model; t trains one.", "dim"))]

    def _read_anew(self, state: DeskState) -> None:
        """Read the folders again where the desk knows of another model."""
        of = tuple(state.models.entries)
        if self.desk.cards is None:
            self._said = ""
        elif of != self._of:
            self._of = of
            self.run_worker(self._read(), name="models", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        cards = self.desk.cards
        assert cards is not None
        try:
            self._cards = await asyncio.to_thread(cards.cards)
            self._said = ""
        except (HybridError, OSError) as error:
            said = error.render() if isinstance(error, HybridError) else str(error)
            log.warning("the models cannot be read: %s", said)
            self._said = f"the models cannot be read: {said}"
        self._version += 1
        self.paint()
