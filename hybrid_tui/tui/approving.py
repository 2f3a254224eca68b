"""The keys that decide on the list that waits: on what is seen, once for a key held down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_tui.domain.commands import Ack, Approve, Command, Veto
from hybrid_tui.tui.page import Page

if TYPE_CHECKING:
    from hybrid_tui.domain.tiers import SignalState

REPEAT_SECONDS = 0.3


class Approving(Page):
    """A page that shows the list that waits for the person."""

    _waiting: SignalState | None = None
    _waiting_since: float = 0.0
    _pressed: tuple[str, float] = ("", -1.0)

    def chosen_waiting(self) -> str | None:
        """Return the symbol under the cursor of the list."""
        raise NotImplementedError

    def choose_waiting(self, symbol: str) -> None:
        """Put the cursor of the list on a symbol."""
        raise NotImplementedError

    def shown(self, waiting: SignalState | None, wall: float) -> None:
        """Note which list the person sees; a list that has just changed cannot be decided on."""
        before = self._waiting.signal.id if self._waiting is not None else None
        after = waiting.signal.id if waiting is not None else None
        if before != after:
            self._waiting_since = wall
        self._waiting = waiting

    def applies(self, action: str) -> bool:
        """Decisions apply where something waits for one."""
        if action.startswith(("approve", "veto")):
            return self._waiting is not None
        return super().applies(action)

    def action_approve(self) -> None:
        """Approve the symbol under the strategy's cursor."""
        self._decide("a", Approve, one=True)

    def action_veto(self) -> None:
        """Veto the symbol under the strategy's cursor."""
        self._decide("v", Veto, one=True)

    def action_approve_all(self) -> None:
        """Approve all that still waits."""
        self._decide("A", Approve, one=False)

    def action_veto_all(self) -> None:
        """Veto all that still waits."""
        self._decide("V", Veto, one=False)

    def answered(self, command: Command, ack: Ack) -> None:
        """Move the list's cursor from a decided symbol to the next that waits."""
        if ack.ok and isinstance(command, (Approve, Veto)) and command.symbols:
            self._to_next_waiting(command.symbols[0])

    def _decide(self, key: str, kind: type[Approve] | type[Veto], *, one: bool) -> None:
        """Send a decision on the list that the person sees, once for a key that is held down."""
        wall = self.desk.wall()
        before, self._pressed = self._pressed, (key, wall)
        if before[0] == key and wall - before[1] < REPEAT_SECONDS:
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
        self.send(kind(signal_id=waiting.signal.id, symbols=symbols))

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
