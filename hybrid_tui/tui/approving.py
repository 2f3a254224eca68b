"""The keys that decide on the list that waits: on what is seen, once for a key held down."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from hybrid_tui.domain.commands import Ack, Approve, Command, Undo, Veto
from hybrid_tui.domain.inquiries import PreviewInquiry
from hybrid_tui.tui import format as f
from hybrid_tui.tui.commanding import REPEAT_SECONDS
from hybrid_tui.tui.page import Page
from hybrid_tui.tui.preview import Preview, preview_of
from hybrid_tui.tui.questions import veto_rows
from hybrid_tui.tui.widgets.dialogs import Asking

if TYPE_CHECKING:
    from hybrid_tui.domain.tiers import SignalState

PREVIEW_SECONDS = 5.0


class Approving(Page):
    """A page that shows the list that waits for the person."""

    _waiting: SignalState | None = None
    _waiting_since: float = 0.0
    _previewed: tuple[object, ...] = ()
    _asked_preview: float = 0.0
    preview: Preview | None = None
    """What approving the list that is shown would make possible, once the engine has said."""

    @abstractmethod
    def chosen_waiting(self) -> str | None:
        """Return the symbol under the cursor of the list."""

    @abstractmethod
    def choose_waiting(self, symbol: str) -> None:
        """Put the cursor of the list on a symbol."""

    def shown(self, waiting: SignalState | None, wall: float) -> None:
        """Note which list the person sees; a list that has just changed cannot be decided on.

        The engine is asked now and then what approving it would make possible.
        """
        before = self._waiting.signal.id if self._waiting is not None else None
        after = waiting.signal.id if waiting is not None else None
        if before != after:
            self._waiting_since = wall
        self._waiting = waiting
        self._ask_preview(waiting, wall)

    def _ask_preview(self, waiting: SignalState | None, wall: float) -> None:
        state = self.desk.model.state
        if waiting is None or state is None or self.desk.model.is_stale:
            self.preview, self._previewed = None, ()
            return
        about = (waiting.signal.id, tuple(waiting.symbols.values()), state.prediction_event)
        if about == self._previewed and wall - self._asked_preview < PREVIEW_SECONDS:
            return
        if about[:1] != self._previewed[:1]:
            self.preview = None
        self._previewed, self._asked_preview = about, wall
        self.run_worker(self._take_preview(waiting.signal.id), exit_on_error=False)

    async def _take_preview(self, signal_id: str) -> None:
        answer = await self.desk.ask(PreviewInquiry(signal_id=signal_id))
        if answer.document is not None and self._previewed[:1] == (signal_id,):
            self.preview = preview_of(answer.document)

    def applies(self, action: str) -> bool:
        """Decisions apply where something waits for one."""
        if action.startswith(("approve", "veto")):
            return self._waiting is not None
        if action == "undo":
            return self._undoable() is not None
        return super().applies(action)

    def action_approve(self) -> None:
        """Approve the symbol under the strategy's cursor."""
        self._decide("a", Approve, one=True)

    def action_veto(self) -> None:
        """Ask why, and veto the symbol under the strategy's cursor."""
        self._decide("v", Veto, one=True)

    def action_approve_all(self) -> None:
        """Approve all that still waits."""
        self._decide("A", Approve, one=False)

    def action_veto_all(self) -> None:
        """Ask why, and veto all that still waits."""
        self._decide("V", Veto, one=False)

    def action_undo(self) -> None:
        """Take back the last decision on the list."""
        if self.is_repeated("u"):
            return
        found = self._undoable()
        if found is None:
            self.say("nothing was decided that could be taken back", "warn")
            return
        self.send(Undo(signal_id=found.signal.id))

    def answered(self, command: Command, ack: Ack) -> None:
        """Move the list's cursor from a decided symbol to the next that waits."""
        if ack.ok and isinstance(command, (Approve, Veto)) and command.symbols:
            self._to_next_waiting(command.symbols[0])

    def _decide(self, key: str, kind: type[Approve] | type[Veto], *, one: bool) -> None:
        """Send a decision on the list that the person sees, once for a key that is held down."""
        wall = self.desk.wall()
        if self.is_repeated(key):
            return
        waiting = self._waiting
        now = self.desk.model.now(wall)
        if waiting is None or now is None or not waiting.is_pending(now):
            self.say("nothing waits for a decision", "warn")
            return
        if wall - self._waiting_since < REPEAT_SECONDS:
            self.say("the list has just changed: look again", "warn")
            return
        symbols: tuple[str, ...] = ()
        if one:
            symbol = self.chosen_waiting()
            if symbol is None:
                self.say("no symbol is selected; A and V decide on the whole list", "warn")
                return
            status = waiting.symbols.get(symbol)
            if status != "pending":
                self.say(f"{symbol} is {status or 'not on the list'} already", "warn")
                return
            symbols = (symbol,)
        if kind is Approve:
            self.send(Approve(signal_id=waiting.signal.id, symbols=symbols))
        elif not self.refuses():
            self._ask_why(waiting, symbols)

    def _ask_why(self, waiting: SignalState, symbols: tuple[str, ...]) -> None:
        undecided = [symbol for symbol, status in waiting.symbols.items() if status == "pending"]

        def answered(reason: str | None) -> None:
            if reason is not None:
                signal_id = waiting.signal.id
                self.send(Veto(signal_id=signal_id, symbols=symbols, reason=reason))

        asking = Asking(
            f"Veto · {f.clean(waiting.signal.session)}",
            veto_rows(symbols or undecided),
            placeholder="why? may stay empty",
            wall=self.desk.wall,
        )
        self.app.push_screen(asking, answered)

    def _undoable(self) -> SignalState | None:
        """Return the list on which something was decided that could be taken back."""
        model = self.desk.model
        now = model.now(self.desk.wall())
        if model.state is None or now is None:
            return None
        lists = (model.focus(now), model.state.strategy(now))
        for found in lists:
            if found is not None:
                in_force = model.state.strategy_id == found.signal.id
                if not found.why_not_undone(now, in_force=in_force):
                    return found
        return None

    def _to_next_waiting(self, decided: str) -> None:
        waiting = self._waiting
        if waiting is None or self.chosen_waiting() != decided:
            return
        listed = list(waiting.symbols)
        at = listed.index(decided) if decided in listed else 0
        for symbol in (*listed[at + 1 :], *listed[:at]):
            if waiting.symbols[symbol] == "pending" and symbol != decided:
                self.choose_waiting(symbol)
                return
