"""Notifications of the engine to a person who is away, from a thread of their own.

Apprise (BSD-2-Clause, kept since 2017, releases every few weeks; 14 MB, of which 0.35 s of CPU to
import with its plugins; extra ``notify``) knows some 130 services by address. The engine hands a
line over and goes on: what cannot be sent is left out, and said once.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from hybrid_tui.engine.notices import Notices
from hybrid_tui.errors import ConfigError
from hybrid_tui.keys import find_key

if TYPE_CHECKING:
    from hybrid_tui.commands.context import CliState
    from hybrid_tui.config import Config
    from hybrid_tui.domain.events import Event

log = logging.getLogger(__name__)

MOST_WAITING = 200
MOST_LINES = 12
PAUSE_SECONDS = 10.0
LAST_SECONDS = 3.0
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
EXTRA = "pip install 'hybrid-tui[notify]'"

Report = Callable[[str], None]


class Post(Protocol):
    """A way to send a message to all addresses."""

    def __call__(self, title: str, body: str) -> str:
        """Send; return what did not work, without any secret, or nothing."""


class Notifier:
    """Sends lines as messages, at most one every ``pause`` seconds.

    What comes in between goes into the next message, up to ``MOST_LINES`` lines and a count of the
    rest. A failure is reported once, until a message has arrived again.
    """

    def __init__(
        self,
        notices: Notices,
        open_post: Callable[[], Post],
        report: Report,
        *,
        title: str,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """Begin; ``open_post`` is called in the thread, for it may take long."""
        self._notices = notices
        self._open = open_post
        self._report = report
        self._title = title
        self._pause = pause
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._own = ""
        self._has_failed = False
        self._state = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take an event; never waits for anything but the thread's own bookkeeping."""
        line = self._notices.line_of(event)
        if line is None or (self._own and self._own in line):
            return
        with self._state:
            if len(self._lines) < MOST_WAITING:
                self._lines.append(line)
            else:
                self._left_out += 1
            self._state.notify()

    def close(self) -> None:
        """Send what waits, if that takes no longer than ``LAST_SECONDS``."""
        self._ended.set()
        with self._state:
            self._state.notify()
        self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        try:
            post = self._open()
        except ConfigError as error:
            self._fail(error.render())
            return
        while True:
            with self._state:
                self._state.wait_for(lambda: self._lines or self._ended.is_set())
                body = self._take()
            if not body:
                return
            failed = post(self._title, body)
            if failed:
                self._fail(failed)
            else:
                self._has_failed = False
            self._ended.wait(self._pause)

    def _take(self) -> str:
        lines = [self._lines.popleft() for _ in range(min(len(self._lines), MOST_LINES))]
        rest = len(self._lines) + self._left_out
        self._lines.clear()
        self._left_out = 0
        if rest:
            lines.append(f"and {rest} more: the desk's tape has them")
        return "\n".join(lines)

    def _fail(self, why: str) -> None:
        log.warning("notifications: %s", why)
        if not self._has_failed:
            self._has_failed = True
            self._own = f"notifications do not arrive: {why}"
            self._report(self._own)


def prepare_notifier(state: CliState, config: Config) -> Callable[[Report], Notifier] | None:
    """Return what makes the notifier of a configuration; None where it has no address.

    Raises ConfigError without the extra, or for a key that is nowhere.
    """
    addresses = [address.get_secret_value() for address in config.notify.urls]
    if not addresses:
        return None
    if importlib.util.find_spec("apprise") is None:
        raise ConfigError("notify.urls needs the extra 'notify'", hint=EXTRA)
    found = [_address(given, number, state) for number, given in enumerate(addresses, 1)]
    notices = Notices(config.notify.on, asks=config.approval.policy == "ask")
    name = state.profile or "default"
    title = f"hybrid-tui {config.app.mode} ({name})"
    return lambda report: Notifier(notices, lambda: _apprise(found), report, title=title)


def _address(given: str, number: int, state: CliState) -> str:
    """Return an address, or that which a key of this name holds."""
    if "://" in given:
        return given
    if not NAME.fullmatch(given):
        raise ConfigError(
            f"notify.urls: the {number}. is neither an address nor a key's name",
            hint="e.g. 'ntfy://topic', or 'NOTIFY_URL' for an environment variable of that name",
        )
    secret = find_key(given, os.environ, state.profile)
    if secret is None:
        raise ConfigError(
            f"notify.urls: {given} is neither in the environment nor in the keyring",
            hint=f"hybrid-tui keys set {given}",
        )
    return secret.value


def _apprise(addresses: Sequence[str]) -> Post:
    """Load the library and give it the addresses; raises ConfigError, naming none of them."""
    import apprise

    # What it logs may hold addresses, and with them tokens; results say what went wrong.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    for number, address in enumerate(addresses, 1):
        if not service.add(address):
            raise ConfigError(
                f"notify.urls: the {number}. address is none that Apprise knows",
                hint="appriseit.com lists the services",
            )

    def post(title: str, body: str) -> str:
        result = service.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
        failed = sorted({str(found.name) for found in result if not found})
        if result:
            return ""
        return f"{', '.join(failed) or 'no service'} did not take the last message"

    return post
