"""The keys that ask something of the engine: each is one command, guarded and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen
from textual.worker import Worker

from hybrid_tui.domain.commands import (
    Ack,
    AdoptPosition,
    ClosePosition,
    Command,
    Flatten,
    LiftLock,
    Pause,
    Resume,
    RunSession,
    SetSpeed,
    Stop,
    TightenStop,
)
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.questions import (
    adopt_rows,
    close_rows,
    flatten_rows,
    lock_rows,
    quit_rows,
    tighten_rows,
    wrong_level,
)
from hybrid_tui.tui.widgets.dialogs import CANCEL, Asking, Question

if TYPE_CHECKING:
    from hybrid_tui.tui.app import DeskApp

MOST_LIFTED = 4
REPEAT_SECONDS = 0.3
"""A key that comes again within this time is held down, and counts once."""
SPEEDS = (1.0, 10.0, 60.0, 300.0, 0.0)


class Commanding(Screen[None]):
    """What a page can ask of the engine."""

    _pressed: tuple[str, float] = ("", -1.0)

    @property
    def desk(self) -> DeskApp:
        """The application."""
        return cast("DeskApp", self.app)

    def say(self, text: str, style: str = "") -> None:
        """Show a line for a while."""
        self.desk.say(text, style)

    def send(self, command: Command) -> None:
        """Send a command and show the answer; says why where nothing can be sent."""
        if not self.refuses():
            self.run_worker(self._deliver(command), exit_on_error=False)

    def answered(self, command: Command, ack: Ack) -> None:
        """Go on after a command was answered."""

    def chosen_symbol(self) -> str | None:
        """Return the symbol that the keys act on, where one is selected."""
        return None

    def refuses(self) -> bool:
        """Say why nothing can be sent, where that is so."""
        if self.desk.read_only:
            self.say("read-only: nothing was sent", "warn")
            return True
        if self.desk.model.link.phase is not Phase.LIVE:
            self.say("not sent: no engine is connected", "bad")
            return True
        return False

    def is_repeated(self, key: str) -> bool:
        """Whether a key is held down or was just pressed."""
        wall = self.desk.wall()
        before, self._pressed = self._pressed, (key, wall)
        return before[0] == key and wall - before[1] < REPEAT_SECONDS

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell what failed in the background."""
        self.desk.on_worker_state_changed(event)

    def action_pause(self) -> None:
        """Pause entries, or allow them again."""
        state = self.desk.model.state
        self.send(Resume() if state is not None and state.paused else Pause())

    def action_run_session(self) -> None:
        """Have tier 3 hold a session now."""
        if not self.is_repeated("L"):
            self.send(RunSession())

    def action_speed(self, step: int) -> None:
        """Run a simulated or recorded clock faster or slower."""
        state = self.desk.model.state
        if state is None or state.started is None:
            self.say("no engine is connected", "warn")
            return
        if state.started.mode not in ("sim", "recorded"):
            self.say(f"the clock of mode {state.started.mode} is the wall's", "warn")
            return
        self.send(SetSpeed(speed=next_speed(state.speed, step)))

    def action_close_position(self) -> None:
        """Ask, then sell the selected position."""
        state = self.desk.model.state
        symbol = self.chosen_symbol()
        if state is None or symbol is None or symbol not in state.positions:
            self.say("no position is selected", "warn")
            return
        if self.refuses():
            return

        def answered(answer: str | None) -> None:
            if answer == "close":
                self.send(ClosePosition(symbol=symbol))

        choices = [("close", f"Sell {symbol}", "error"), (CANCEL, "Cancel", "default")]
        self.app.push_screen(
            Question(
                f"Close {symbol}",
                lambda: close_rows(self.desk.model.state or state, symbol),
                choices,
            ),
            answered,
        )

    def action_tighten(self) -> None:
        """Ask for a higher stop of the selected position, and set it."""
        state = self.desk.model.state
        symbol = self.chosen_symbol()
        if state is None or symbol is None or symbol not in state.positions:
            self.say("no position is selected", "warn")
            return
        if self.refuses():
            return

        def check(text: str) -> str:
            price = state.last_price(symbol)
            return wrong_level(text, state.positions.get(symbol), price)

        def answered(text: str | None) -> None:
            if text is not None:
                self.send(TightenStop(symbol=symbol, level=float(text)))

        asking = Asking(
            f"Tighten the stop of {symbol}",
            tighten_rows(state, symbol),
            placeholder="dollars",
            check=check,
            wall=self.desk.wall,
        )
        self.app.push_screen(asking, answered)

    def action_adopt(self) -> None:
        """Ask for the symbol of the selected external position to be typed, and take it over."""
        state = self.desk.model.state
        outside = state.externals.positions if state is not None and state.externals else {}
        symbol = self.chosen_symbol()
        if symbol is None or symbol not in outside:
            self.say("no external position is selected", "warn")
            return
        if self.refuses():
            return

        def check(text: str) -> str:
            return "" if text.upper() == symbol else f"type {symbol} to take it over"

        def answered(text: str | None) -> None:
            if text is not None:
                self.send(AdoptPosition(symbol=symbol))

        asking = Asking(
            f"Own {symbol}",
            adopt_rows(symbol, outside[symbol]),
            placeholder=f"type {symbol}",
            check=check,
            wall=self.desk.wall,
        )
        self.app.push_screen(asking, answered)

    def action_flatten(self) -> None:
        """Say exactly what would be sold, ask, then sell everything."""
        state = self.desk.model.state
        if state is None or self.refuses():
            if state is None:
                self.say("no engine is connected", "warn")
            return

        def answered(answer: str | None) -> None:
            if answer == "flatten":
                self.send(Flatten())

        is_live = state.started is not None and state.started.mode == "live"
        choices = [("flatten", "Sell everything", "error"), (CANCEL, "Cancel", "default")]
        self.app.push_screen(
            Question(
                "Sell everything",
                lambda: flatten_rows(self.desk.model.state or state),
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
                self.send(LiftLock(name=lock.name, symbol=lock.symbol))

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
        self.app.push_screen(
            Question(
                "Quit", lambda: quit_rows(self.desk.model.state or state), choices, focus="leave"
            ),
            answered,
        )

    async def _stop(self) -> None:
        ack = await self.desk.send(Stop())
        state = self.desk.model.state
        has_stopped = state is not None and not state.running
        if ack.ok or has_stopped:
            self.desk.leave(running=False)
        else:
            self.say(f"not stopped: {ack.message}", "bad")

    async def _deliver(self, command: Command) -> None:
        ack = await self.desk.send(command)
        self.say(ack.message if ack.ok else f"refused: {ack.message}", "good" if ack.ok else "bad")
        self.answered(command, ack)


def next_speed(speed: float, step: int) -> float:
    """Return the next faster (or slower) speed; 0, as fast as it goes, is the fastest."""
    order = [value if value else float("inf") for value in SPEEDS]
    current = speed if speed else float("inf")
    if step > 0:
        found = next((value for value in order if value > current), order[-1])
    else:
        found = next((value for value in reversed(order) if value < current), order[0])
    return 0.0 if found == float("inf") else found
