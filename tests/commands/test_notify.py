"""Notifications: what is said, how often, through a real server, and what never leaks or waits."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.notify import Notifier, prepare_notifier
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Fill, Side
from hybrid_tui.engine.notices import Notices
from hybrid_tui.errors import ConfigError
from tests.desk import hybrid_tui, wait_for
from tests.tui.builders import normal

NOON = datetime(2026, 3, 20, 16, tzinfo=UTC)
TOKEN = "tk-very-secret-987"
ALL = ("fill", "stop", "veto_needed", "failure")


class Mailbox:
    """A server on loopback that takes messages, or refuses them while ``status`` is not 200."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.asked = 0
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mailbox.asked += 1
                mailbox.gate.wait(30)
                if mailbox.status == 200:
                    mailbox.messages.append(json.loads(body))
                self.send_response(mailbox.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address for Apprise, with a token in it."""
        return f"json://127.0.0.1:{self.server.server_address[1]}/{TOKEN}"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    yield found
    found.server.shutdown()
    found.server.server_close()


def alert(number: int, text: str = "") -> ev.Alert:
    return ev.Alert(id=number, at=NOON, text=text or f"trouble {number}")


def filled(reason: str, side: Side = Side.SELL) -> ev.OrderFilled:
    fill = Fill(order_id="o1", at=NOON, symbol="NVDA", side=side, quantity=12, price=181.5,
                commission=0.0, slippage=0.0, reason=reason)  # fmt: skip
    return ev.OrderFilled(id=1, at=NOON, fill=fill)


def proposed() -> ev.SignalProposed:
    found = next(e for e in normal().events if isinstance(e, ev.SignalProposed))
    return ev.SignalProposed(
        id=1, at=NOON, signal=found.signal, pending_until=NOON + timedelta(minutes=30)
    )


def test_each_topic_has_its_events() -> None:
    failed = ev.Heartbeat(id=1, at=NOON, tier="llm", health="failed", reason="HTTP 503")
    events = {
        "fill": filled("signal_exit"),
        "stop": filled("trailing_stop"),
        "veto_needed": proposed(),
        "failure": failed,
    }
    for topic in ALL:
        notices = Notices([topic], asks=True)  # type: ignore[list-item]
        said = {name: notices.line_of(event) for name, event in events.items()}
        assert [name for name, line in said.items() if line] == [topic]
    notices = Notices(ALL, asks=False)  # type: ignore[arg-type]
    assert notices.line_of(proposed()) is None
    assert notices.line_of(filled("hard_stop")) == "12:00 sold 12 NVDA at 181.50 (hard stop)"
    assert notices.line_of(failed) == "12:00 llm failed: HTTP 503"
    assert notices.line_of(failed) is None, "told again although nothing changed"
    well = ev.Heartbeat(id=2, at=NOON, tier="llm", health="ok")
    assert notices.line_of(well) is None
    assert notices.line_of(failed) is not None
    assert notices.line_of(alert(1, "a\x1b[31m\nb")) == "12:00 a b"


def test_a_burst_becomes_one_message_and_the_next_waits() -> None:
    sent: list[tuple[float, str]] = []

    def post(title: str, body: str) -> str:
        sent.append((time.monotonic(), body))
        return ""

    opened = threading.Event()

    def open_post() -> Any:
        opened.wait()
        return post

    notifier = Notifier(Notices(ALL, asks=True), open_post, pytest.fail, title="t", pause=0.4)  # type: ignore[arg-type]
    for number in range(250):
        notifier(alert(number))
    opened.set()
    wait_for(lambda: sent)
    notifier(alert(1))
    wait_for(lambda: len(sent) == 2)
    notifier.close()
    lines = sent[0][1].splitlines()
    assert lines[0] == "12:00 trouble 0"
    assert lines[-1] == "and 238 more: the desk's tape has them"
    assert sent[1][0] - sent[0][0] >= 0.4
    assert sent[1][1] == "12:00 trouble 1"


def test_what_fails_is_reported_once_and_holds_nothing_up(
    home: Path, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="apprise")
    state = CliState(overrides=(f"notify.urls={mailbox.url}",))
    make = prepare_notifier(state, state.config())
    assert make is not None
    reports: list[str] = []
    notifier = make(reports.append)
    notifier._pause = 0.05
    mailbox.status = 500
    for number in range(3):
        asked = mailbox.asked
        notifier(alert(number))
        wait_for(lambda before=asked: mailbox.asked > before)  # type: ignore[misc]
    wait_for(lambda: reports)
    mailbox.gate.clear()
    asked = mailbox.asked
    for number in range(1000):  # a service that is silent: the engine hands over and goes on
        notifier(alert(number))
    wait_for(lambda: mailbox.asked > asked)
    mailbox.gate.set()
    wait_for(lambda: not notifier._lines)
    notifier(alert(9, reports[0]))  # the alert that the report becomes is not sent in its turn
    mailbox.status = 200
    notifier(filled("hard_stop"))
    notifier.close()
    assert len(reports) == 1
    assert "did not take" in reports[0]
    assert TOKEN not in str(state.settings())
    assert mailbox.messages[-1]["message"] == "12:00 sold 12 NVDA at 181.50 (hard stop)"
    assert mailbox.messages[-1]["title"] == "hybrid-tui sim (default)"
    assert TOKEN not in reports[0] + caplog.text


def test_a_key_stands_for_an_address(
    home: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = CliState(overrides=("notify.urls=MY_PHONE", "notify.on=stop"))
    with pytest.raises(ConfigError, match="neither in the environment nor in the keyring"):
        prepare_notifier(state, state.config())
    monkeypatch.setenv("MY_PHONE", mailbox.url)
    make = prepare_notifier(state, state.config())
    assert make is not None
    notifier = make(pytest.fail)
    notifier(filled("overnight"))
    notifier(filled("tightened_stop"))
    wait_for(lambda: mailbox.messages)
    notifier.close()
    (message,) = mailbox.messages
    assert "tightened stop" in message["message"]


def test_an_address_that_is_none_is_not_repeated(home: Path) -> None:
    reports: list[str] = []
    state = CliState(overrides=(f"notify.urls=nosuch://{TOKEN}",))
    make = prepare_notifier(state, state.config())
    assert make is not None
    notifier = make(reports.append)
    wait_for(lambda: reports)
    notifier.close()
    assert "the 1. address" in reports[0]
    assert TOKEN not in reports[0]


def test_the_engine_sends_and_its_settings_do_not_tell(tmp_path: Path, mailbox: Mailbox) -> None:
    home = tmp_path / "home"
    words = ("--set", f"notify.urls={mailbox.url}", "--set", "app.tiers=rules")
    done = hybrid_tui(
        home, *words, "run", "--headless", "--speed", "0", "--until", "2026-01-05T10:00"
    )
    assert done.returncode == 0, done.stderr
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert any("bought" in message["message"] for message in mailbox.messages)


def test_without_the_extra_it_says_how_to_get_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    state = CliState(overrides=("notify.urls=json://127.0.0.1",))
    with pytest.raises(ConfigError, match="extra 'notify'"):
        prepare_notifier(state, state.config())
