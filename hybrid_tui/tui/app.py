"""The screen as a program: it keeps the model, follows an engine, and never stands in its way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import ConfigError, HybridError, Refused
from hybrid_tui.tui.bindings import DESK_BINDINGS
from hybrid_tui.tui.desk import NARROW, SHORT, DeskScreen
from hybrid_tui.tui.link import BACKOFF_SECONDS, Link
from hybrid_tui.tui.model import DeskModel, LinkStatus, Phase

if TYPE_CHECKING:
    from hybrid_tui.config import Paths
    from hybrid_tui.tui.connection import Connector
    from hybrid_tui.tui.history import History

log = logging.getLogger(__name__)

COLOURS = {"up": "#62b5a0", "down": "#e58a6c", "muted": "#8d95a1", "cursor-line": "#2b3440"}
DARK = Theme(
    name="desk",
    primary="#7aa2c9",
    secondary="#5a6f86",
    accent="#e0af68",
    warning="#e0a458",
    error="#e0705a",
    success="#6fb7a3",
    foreground="#d5d9e0",
    background="#12151a",
    surface="#181c23",
    panel="#1f242c",
    dark=True,
    variables=COLOURS,
)


class DeskApp(App[str]):
    """The screen of one profile's desk; its result is what to say after it."""

    TITLE = "hybrid-tui"
    CSS_PATH = Path(__file__).with_name("desk.tcss")
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "leave", show=False, priority=True, id="app.quit",
                tooltip="Leave at once; the desk goes on"),
    ]  # fmt: skip

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (NARROW, "-wide"),
        (160, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-short"),
        (SHORT, "-tall"),
        (46, "-high"),
    ]

    def __init__(
        self,
        connect: Connector,
        history: History | None = None,
        *,
        read_only: bool = False,
        wall: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
    ) -> None:
        """Build the screen around a way to an engine; ``wall`` gives monotonic seconds."""
        super().__init__()
        self.read_only = read_only
        self.wall = wall
        self.zone = zone
        self.model = DeskModel(read_only=read_only, heard_at=wall())
        self._history = history
        self._link = Link(
            connect,
            on_status=self._on_status,
            on_begin=self._on_begin,
            on_event=self._on_event,
            backoff=backoff,
        )
        self._follower: Worker[None] | None = None
        self.desk_screen = DeskScreen()
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the desk's own colours for themes that do not name them."""
        return dict(COLOURS)

    def get_default_screen(self) -> Screen[object]:
        """Begin with the desk."""
        return self.desk_screen  # type: ignore[return-value]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer everything that has a key, and the themes."""
        desk = self.desk_screen
        for binding in DESK_BINDINGS:
            if binding.id is not None and not binding.id.startswith("look."):
                words = (binding.tooltip or binding.description).split(";")[0]

                async def act(action: str = binding.action) -> None:
                    await desk.run_action(action)

                yield SystemCommand(words, f"key {binding.key_display or binding.key}", act)
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)

    def begin(self) -> None:
        """Look for an engine; called when the first picture stands."""
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop = asyncio.get_running_loop()
            for name in ("SIGHUP", "SIGTERM"):
                if hasattr(signal, name):
                    loop.add_signal_handler(getattr(signal, name), self.exit)
        self._follow()

    async def send(self, command: Command) -> Ack:
        """Send a command to the engine; read-only sends nothing."""
        if self.read_only:
            return Ack(ok=False, message="read-only: nothing was sent")
        return await self._link.send(command)

    async def ask(self, inquiry: Inquiry) -> Answer:
        """Ask the engine something; it changes nothing, so a read-only screen may as well."""
        return await self._link.ask(inquiry)

    def again(self) -> None:
        """Start the engine again, or try again now."""
        if self._follower is None or not self._follower.is_running:
            self._follow()
        self._link.again()

    def leave(self, *, running: bool) -> None:
        """End the screen."""
        words = "the desk goes on running; hybrid-tui returns to it" if running else "stopped"
        self.exit(result=words)

    async def action_quit(self) -> None:
        """Leave at once; the engine goes on."""
        self.leave(running=True)

    async def causes(self, event: ev.Event) -> list[ev.Event]:
        """Return an event and its causes from the journal, as far as they can be read."""
        started = self.model.state.started if self.model.state is not None else None
        if self._history is None or started is None:
            return [event]
        try:
            found = await asyncio.to_thread(self._history.causes, started.run, event.id)
        except HybridError as error:
            log.warning("the journal could not be read: %s", error.render())
            found = []
        return found or [event]

    async def on_unmount(self) -> None:
        """Hang up."""
        await self._link.close()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Log and tell what failed in the background; it never ends the screen."""
        if event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        log.error("%s failed", event.worker.name, exc_info=error)
        words = f"{type(error).__name__}: {error}; the log says more"
        if event.worker is self._follower:
            self._on_status(LinkStatus(phase=Phase.FAILED, text=f"the screen lost it: {words}"))
        self.desk_screen.say(f"internal error: {words}", "bad")

    def _fatal_error(self) -> None:
        """End the screen with its traceback in the log, not on the terminal."""
        log.critical("the screen failed", exc_info=True)
        self._close_messages_no_wait()

    def _follow(self) -> None:
        self._follower = self.run_worker(self._link.run(), name="link", exit_on_error=False)

    def _on_status(self, status: LinkStatus) -> None:
        self.model.link = status
        log.info("link: %s %s", status.phase, status.text)
        if self.desk_screen.is_mounted:
            self.call_later(self.desk_screen.paint)

    def _on_begin(self, state: DeskState) -> None:
        self.model.begin(state, self.wall())
        if self._history is not None and state.started is not None:
            self.run_worker(
                self._remember(self._history, state, state.started.run, state.last_id),
                exit_on_error=False,
            )

    def _on_event(self, event: ev.Event) -> None:
        self.model.apply(event, self.wall())

    async def _remember(self, history: History, state: DeskState, run: str, until: int) -> None:
        try:
            events = await asyncio.to_thread(history.recent, run, until)
        except HybridError as error:
            log.warning("no tape from the journal: %s", error.render())
            self.desk_screen.say(f"no tape from the journal: {error.message}", "warn")
            return
        if self.model.state is state:
            self.model.remember(events)


def run_screen(
    paths: Paths, *, global_options: Sequence[str], options: Sequence[str], read_only: bool
) -> None:
    """Show the desk of a profile until the person leaves.

    ``global_options`` stand before ``run --headless`` and ``options`` after it, where the engine
    has to be started. Raises ConfigError without a terminal, Refused when the screen failed.
    """
    from hybrid_tui.logs import log_to
    from hybrid_tui.tui.connection import EngineConnector
    from hybrid_tui.tui.history import JournalHistory

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "the screen needs a terminal", hint="hybrid-tui run --headless needs none"
        )
    log_to(paths.logs / "screen.log", kept=1)
    app = DeskApp(
        EngineConnector(paths, global_options, options, read_only=read_only),
        JournalHistory(paths.journal),
        read_only=read_only,
    )
    said = app.run()
    if app.return_code:
        raise Refused(
            "the screen failed; the desk goes on running",
            hint=f"{paths.logs / 'screen.log'} says why",
        )
    if said:
        sys.stderr.write(f"hybrid-tui: {said}\n")
