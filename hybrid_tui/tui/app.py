"""The screen as a program: it keeps the model, follows an engine, and never stands in its way."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.keys import format_key
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import HybridError
from hybrid_tui.tui import format as f
from hybrid_tui.tui import registry
from hybrid_tui.tui.bindings import bindings_of
from hybrid_tui.tui.details import symbol_page
from hybrid_tui.tui.drivers import own_driver
from hybrid_tui.tui.hanging_up import end_on_signals
from hybrid_tui.tui.link import BACKOFF_SECONDS, Link
from hybrid_tui.tui.model import DeskModel, LinkStatus, Phase
from hybrid_tui.tui.page import Page
from hybrid_tui.tui.preferences import welcome
from hybrid_tui.tui.registry import DESK, PageEntry
from hybrid_tui.tui.settings import ScreenSettings, check_keys
from hybrid_tui.tui.stories import show_entry, show_story
from hybrid_tui.tui.themes import DARK, THEMES, themes
from hybrid_tui.tui.widgets.dialogs import Reading

if TYPE_CHECKING:
    from hybrid_tui.tui.backtest.process import Backtests
    from hybrid_tui.tui.backtest.runs import RunFolder
    from hybrid_tui.tui.connection import Connector
    from hybrid_tui.tui.history import History
    from hybrid_tui.tui.models.cards import Cards
    from hybrid_tui.tui.tape import Entry

log = logging.getLogger(__name__)

PAINT_SECONDS = 0.25
NOTICE_SECONDS = 8.0
SETTLED_SECONDS = 3.0
MOST_TOASTS = 2
TOASTED = ("fill", "alert", "trouble", "lock")
TOAST_SECONDS = 4.0
NARROW, SHORT = 100, 30
READING_WIDTH = 94
SYMBOL = "Symbol"

Notice = tuple[str, str, float]
"""A text, its style, and until when it shows (monotonic seconds)."""


class DeskApp(App[str]):
    """The screen of one profile's desk; its result is what to say after it."""

    TITLE = "hybrid-tui"
    CSS_PATH = Path(__file__).with_name("screen.tcss")
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "leave", show=False, priority=True, id="app.quit",
                tooltip="Leave at once; the desk goes on"),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, priority=True, id="app.suspend",
                tooltip="Back to the shell; fg returns, and the desk goes on meanwhile"),
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
        backtests: Backtests | None = None,
        runs: RunFolder | None = None,
        cards: Cards | None = None,
        read_only: bool = False,
        wall: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
        settings: ScreenSettings | None = None,
        once_settled: Callable[[], None] | None = None,
    ) -> None:
        """Build the screen around a way to an engine; ``wall`` gives monotonic seconds.

        ``once_settled`` is called a while after the first figures have come.
        """
        super().__init__(driver_class=own_driver())
        self.settings = settings or ScreenSettings()
        self.backtests = backtests
        self.runs = runs
        self.cards = cards
        self.read_only = read_only
        self.wall = wall
        self.zone = zone
        self.model = DeskModel(read_only=read_only, heard_at=wall())
        self._history = history
        self._once_settled = once_settled
        self._link = Link(
            connect,
            on_status=self._on_status,
            on_begin=self._on_begin,
            on_event=self._on_event,
            backoff=backoff,
        )
        self._follower: Worker[None] | None = None
        self.notice: Notice | None = None
        self._pages: dict[str, Page] = {}
        if self.settings.keys:
            check_keys(self.settings.keys, [bindings_of(_kind_of(e)) for e in registry.PAGES])
        for theme in themes(up_is_red=self.settings.up_is_red):
            self.register_theme(theme)
        self.theme = self.settings.theme
        self.set_keymap(dict(self.settings.keys))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the desk's own colours for themes that do not name them."""
        return dict(DARK.variables)

    def get_default_screen(self) -> Screen[object]:
        """Begin with the desk."""
        return self._page_of(DESK)  # type: ignore[return-value]

    def on_mount(self) -> None:
        """Begin to paint, and keep the theme that is chosen from now on."""
        self.set_interval(PAINT_SECONDS, self.paint)
        if self.settings.is_first and not self.read_only:
            self.call_after_refresh(welcome, self)
        self.theme_changed_signal.subscribe(self, self._keep_theme)

    @property
    def page(self) -> Page:
        """The page that shows, also while a dialog stands over it."""
        found = [screen for screen in self.screen_stack if isinstance(screen, Page)]
        return found[-1]

    def paint(self) -> None:
        """Paint the page that shows, and tell what has just happened."""
        if self.is_running and self.screen_stack:
            self._toast()
            self.page.paint()

    def say(self, text: str, style: str = "") -> None:
        """Show a line for a while, on whatever page."""
        self.notice = (f.clean(text), style, self.wall() + NOTICE_SECONDS)
        self.call_next(self.paint)

    def numbered_pages(self) -> list[tuple[PageEntry, str]]:
        """Return the pages that have a number, with the key that each has."""
        numbered = (entry for entry in registry.PAGES if entry.key)
        given = self.settings.keys
        return [(entry, given.get(f"page.{entry.name.lower()}", entry.key)) for entry in numbered]

    def remapped(self, binding: Binding) -> Binding:
        """Return a binding with the key that it has."""
        given = self.settings.keys.get(binding.id or "")
        return binding.with_key(given) if given else binding

    def _keep_theme(self, theme: Theme) -> None:
        """Write the theme that was chosen to the configuration."""
        if self.settings.save is None or theme.name not in {known.name for known in THEMES}:
            return
        try:
            self.settings.save("ui.theme", theme.name)
        except HybridError as error:
            self.say(f"the theme was not kept: {error.render()}", "warn")

    def go(self, name: str) -> None:
        """Show a page in place of the one that shows; the desk stays under it."""
        entry = registry.entry_of(name)
        if entry is None:
            self.say(f"there is no page {name}", "warn")
            return
        wanted = self._page_of(entry)
        if wanted is self.page:
            return
        depth = 1 if entry is DESK else 2
        while len(self.screen_stack) > depth:
            self.pop_screen()
        if entry is DESK:
            return
        if len(self.screen_stack) == 1:
            self.push_screen(entry.name)
        else:
            self.switch_screen(entry.name)

    def back(self) -> None:
        """Show what was there before; the desk is the last."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def open_symbol(self, symbol: str) -> None:
        """Show the page of a symbol over the page that shows."""
        entry = registry.entry_of(SYMBOL)
        if entry is None:
            self.read_symbol(symbol)
            return
        page = self._page_of(entry)
        page.turn_to(symbol)
        if page not in self.screen_stack:
            self.push_screen(entry.name)

    def read_symbol(self, symbol: str) -> None:
        """Show all that is known of a symbol as a page of text."""
        now = self.model.now(self.wall())
        if now is not None:
            rows = symbol_page(self.model, symbol, now, self._reading_width)
            self.push_screen(Reading(symbol, rows))

    @property
    def history(self) -> History | None:
        """The journal, where there is one; it blocks, so it is asked in a thread."""
        return self._history

    def tell_story(self, name: str) -> None:
        """Show what led to an order, a signal or a prediction, and what came of it."""
        self.run_worker(show_story(self, name, self._reading_width), exit_on_error=False)

    def explain(self, entry: Entry) -> None:
        """Show the chain behind an entry of the tape."""
        self.run_worker(show_entry(self, entry, self._reading_width), exit_on_error=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer everything that has a key, and the themes."""
        page = self.page
        for binding in page.current_bindings():
            if binding.id is not None and not binding.id.startswith("look."):
                words = (binding.tooltip or binding.description).split(";")[0]

                async def act(action: str = binding.action) -> None:
                    await page.run_action(action)

                key = binding.key_display or format_key(binding.key)
                yield SystemCommand(words, f"key {key}", act)
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)

    def begin(self) -> None:
        """Look for an engine; called when the first picture stands."""
        end_on_signals(self.exit)
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
        self.say(f"internal error: {words}", "bad")

    def _fatal_error(self) -> None:
        """End the screen with its traceback in the log, not on the terminal."""
        log.critical("the screen failed", exc_info=True)
        self._close_messages_no_wait()

    def _follow(self) -> None:
        self._follower = self.run_worker(self._link.run(), name="link", exit_on_error=False)

    def _on_status(self, status: LinkStatus) -> None:
        self.model.link = status
        log.info("link: %s %s", status.phase, status.text)
        self.call_later(self.paint)

    def _on_begin(self, state: DeskState) -> None:
        self.model.begin(state, self.wall())
        if self._once_settled is not None:
            self.set_timer(SETTLED_SECONDS, self._once_settled)
            self._once_settled = None
        if self._history is not None and state.started is not None:
            self.run_worker(
                self._remember(self._history, state, state.started.run, state.last_id),
                exit_on_error=False,
            )

    def _on_event(self, event: ev.Event) -> None:
        self.model.apply(event, self.wall())

    def _page_of(self, entry: PageEntry) -> Page:
        """Return the page of an entry, imported and made when it is first asked for."""
        found = self._pages.get(entry.name)
        if found is None:
            found = self._pages[entry.name] = _kind_of(entry)()
            self.install_screen(found, entry.name)
        return found

    @property
    def _reading_width(self) -> int:
        return min(READING_WIDTH, self.size.width - 6)

    def _toast(self) -> None:
        """Show fills and alerts that have just come."""
        fresh = [e for e in self.model.tape.take_fresh() if e.kind in TOASTED]
        if fresh and self.settings.bell:
            self.bell()
        for entry in fresh[-MOST_TOASTS:]:
            parts = [part for part in entry.text.split("   ") if not part.startswith("slippage")]
            self.notify(
                " ".join(" ".join(parts).split()),
                markup=False,
                severity="information" if entry.kind == "fill" else "warning",
                timeout=TOAST_SECONDS,
            )
        if len(fresh) > MOST_TOASTS:
            more = f"and {len(fresh) - MOST_TOASTS} more: the tape has them"
            self.notify(more, markup=False, timeout=TOAST_SECONDS)

    async def _remember(self, history: History, state: DeskState, run: str, until: int) -> None:
        try:
            events = await asyncio.to_thread(history.recent, run, until)
        except HybridError as error:
            log.warning("no tape from the journal: %s", error.render())
            self.say(f"no tape from the journal: {error.message}", "warn")
            return
        if self.model.state is state:
            self.model.remember(events)


def _kind_of(entry: PageEntry) -> type[Page]:
    kind: type[Page] = getattr(importlib.import_module(entry.module), entry.kind)
    return kind
