"""The keys that ask something of the engine: each is one command, guarded and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen
from textual.worker import Worker

from hybrid_tui.domain.commands import (
    Approve,
    ClosePosition,
    Command,
    Flatten,
    LiftLock,
    Pause,
    Resume,
    SetSpeed,
    Stop,
    Veto,
)
from hybrid_tui.tui import format as f
from hybrid_tui.tui.dialogs import CANCEL, Question
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.pages import close_rows, flatten_rows, lock_rows, quit_rows
from hybrid_tui.tui.rows_view import RowsView

if TYPE_CHECKING:
    from hybrid_tui.domain.tiers import SignalState
    from hybrid_tui.tui.app import DeskApp

REPEAT_SECONDS = 0.3
NOTICE_SECONDS = 8.0
MOST_TOASTS = 2
MOST_LIFTED = 4
TOAST_SECONDS = 4.0
SPEEDS = (1.0, 10.0, 60.0, 300.0, 0.0)

Notice = tuple[str, str, float]
"""A text, its style, and until when it shows (monotonic seconds)."""


class Deciding(Screen[None]):
    """The part of the desk that commands."""

    notice: Notice | None = None
    _waiting: SignalState | None = None
    _waiting_since: float = 0.0
    _pressed: tuple[str, float] = ("", -1.0)

    @property
    def desk(self) -> DeskApp:
        """The application."""
        return cast("DeskApp", self.app)

    def paint(self) -> None:
        """Paint what changed."""
        raise NotImplementedError

    def say(self, text: str, style: str = "") -> None:
        """Show a line for a while."""
        self.notice = (f.clean(text), style, self.desk.wall() + NOTICE_SECONDS)
        self.call_next(self.paint)

    def shown(self, waiting: SignalState | None, wall: float) -> None:
        """Note which list the person sees; a list that has just changed cannot be decided on."""
        before = self._waiting.signal.id if self._waiting is not None else None
        after = waiting.signal.id if waiting is not None else None
        if before != after:
            self._waiting_since = wall
        self._waiting = waiting

    def say_fresh(self, wall: float) -> None:
        """Show fills and alerts that have just come as toasts."""
        fresh = [e for e in self.desk.model.tape.take_fresh() if e.kind in ("fill", "alert")]
        for entry in fresh[-MOST_TOASTS:]:
            severity = "information" if entry.kind == "fill" else "warning"
            parts = [part for part in entry.text.split("   ") if not part.startswith("slippage")]
            text = " ".join(" ".join(parts).split())
            self.app.notify(text, markup=False, severity=severity, timeout=TOAST_SECONDS)  # type: ignore[arg-type]
        if len(fresh) > MOST_TOASTS:
            self.app.notify(
                f"and {len(fresh) - MOST_TOASTS} more: the tape has them",
                markup=False,
                timeout=TOAST_SECONDS,
            )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell what failed in the background."""
        self.desk.on_worker_state_changed(event)

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

    def action_pause(self) -> None:
        """Pause entries, or allow them again."""
        state = self.desk.model.state
        self._send(Resume() if state is not None and state.paused else Pause())

    def action_speed(self, step: int) -> None:
        """Run a simulated or recorded clock faster or slower."""
        state = self.desk.model.state
        if state is None or state.started is None:
            self.say("no engine is connected", "warn")
            return
        if state.started.mode not in ("sim", "recorded"):
            self.say(f"the clock of mode {state.started.mode} is the wall's", "warn")
            return
        self._send(SetSpeed(speed=next_speed(state.speed, step)))

    def action_close_position(self) -> None:
        """Ask, then sell the selected position."""
        state = self.desk.model.state
        symbol = self.query_one("#positions", RowsView).cursor_key
        if state is None or symbol is None or symbol not in state.positions:
            self.say("no position is selected", "warn")
            return
        if self._refuses():
            return

        def answered(answer: str | None) -> None:
            if answer == "close":
                self._send(ClosePosition(symbol=symbol))

        choices = [("close", f"Sell {symbol}", "error"), (CANCEL, "Cancel", "default")]
        self.app.push_screen(
            Question(f"Close {symbol}", close_rows(state, symbol), choices), answered
        )

    def action_flatten(self) -> None:
        """Say exactly what would be sold, ask, then sell everything."""
        state = self.desk.model.state
        if state is None or self._refuses():
            if state is None:
                self.say("no engine is connected", "warn")
            return

        def answered(answer: str | None) -> None:
            if answer == "flatten":
                self._send(Flatten())

        is_live = state.started is not None and state.started.mode == "live"
        choices = [("flatten", "Sell everything", "error"), (CANCEL, "Cancel", "default")]
        self.app.push_screen(
            Question(
                "Flatten",
                flatten_rows(state),
                choices,
                typed="FLATTEN" if is_live else None,
            ),
            answered,
        )

    def action_locks(self) -> None:
        """Show the locks in force, and lift the one that is chosen."""
        state, now = self.desk.model.state, self.desk.model.now(self.desk.wall())
        held = [k for k in state.locks if k.holds(now)] if state and now else []
        if not held or now is None:
            self.say("no locks: entries are not locked by a protection")
            return
        can_lift = not self.desk.read_only and self.desk.model.link.phase is Phase.LIVE
        offered = held[:MOST_LIFTED] if can_lift else []

        def answered(answer: str | None) -> None:
            if answer is not None and answer.startswith("lift-"):
                lock = offered[int(answer.removeprefix("lift-"))]
                self._send(LiftLock(name=lock.name, symbol=lock.symbol))

        choices = [
            (f"lift-{index}", f"Lift {lock.label}", "warning") for index, lock in enumerate(offered)
        ]
        choices.append((CANCEL, "Keep all", "default"))
        self.app.push_screen(Question("Locks", lock_rows(held, now), choices), answered)

    def action_again(self) -> None:
        """Start the engine again, or try again now."""
        if self.desk.model.link.phase in (Phase.ENDED, Phase.FAILED, Phase.GONE):
            self.desk.again()
        else:
            self.say("the engine runs")

    def action_ask_quit(self) -> None:
        """Ask whether the desk goes on running; without an engine, just leave."""
        state = self.desk.model.state
        if state is None or self.desk.model.link.phase is not Phase.LIVE or self.desk.read_only:
            self.app.exit()
            return

        def answered(answer: str | None) -> None:
            if answer == "leave":
                self.desk.leave(running=True)
            elif answer == "stop":
                self.run_worker(self._stop(), exit_on_error=False)

        choices = [
            ("leave", "Leave it running", "primary"),
            ("stop", "Stop it", "warning"),
            (CANCEL, "Cancel", "default"),
        ]
        self.app.push_screen(Question("Quit", quit_rows(state), choices, focus="leave"), answered)

    async def _stop(self) -> None:
        ack = await self.desk.send(Stop())
        state = self.desk.model.state
        has_stopped = state is not None and not state.running
        if ack.ok or has_stopped:
            self.desk.leave(running=False)
        else:
            self.say(f"not stopped: {ack.message}", "bad")

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
            view = self.query_one("#strategy", RowsView)
            symbol = view.cursor_key
            if symbol is None:
                self.say("no symbol is selected; A and V decide on the whole list", "warn")
                return
            status = waiting.symbols.get(symbol)
            if status != "pending":
                self.say(f"{symbol} is {status or 'not on the list'} already", "warn")
                return
            symbols = (symbol,)
        self._send(kind(signal_id=waiting.signal.id, symbols=symbols))

    def _refuses(self) -> bool:
        """Say why nothing can be sent, where that is so."""
        if self.desk.read_only:
            self.say("read-only: nothing was sent", "warn")
            return True
        if self.desk.model.link.phase is not Phase.LIVE:
            self.say("not sent: no engine is connected", "bad")
            return True
        return False

    def _send(self, command: Command) -> None:
        if not self._refuses():
            self.run_worker(self._deliver(command), exit_on_error=False)

    async def _deliver(self, command: Command) -> None:
        ack = await self.desk.send(command)
        self.say(ack.message if ack.ok else f"refused: {ack.message}", "good" if ack.ok else "bad")
        if ack.ok and isinstance(command, (Approve, Veto)) and command.symbols:
            self._to_next_waiting(command.symbols[0])

    def _to_next_waiting(self, decided: str) -> None:
        """Move the strategy's cursor from a decided symbol to the next that waits."""
        waiting = self._waiting
        view = self.query_one("#strategy", RowsView)
        if waiting is None or view.cursor_key != decided:
            return
        listed = list(waiting.symbols)
        at = listed.index(decided) if decided in listed else 0
        for symbol in (*listed[at + 1 :], *listed[:at]):
            if waiting.symbols[symbol] == "pending" and symbol != decided:
                view.select_key(symbol)
                return


def next_speed(speed: float, step: int) -> float:
    """Return the next faster (or slower) speed; 0, as fast as it goes, is the fastest."""
    order = [value if value else float("inf") for value in SPEEDS]
    current = speed if speed else float("inf")
    if step > 0:
        found = next((value for value in order if value > current), order[-1])
    else:
        found = next((value for value in reversed(order) if value < current), order[0])
    return 0.0 if found == float("inf") else found
