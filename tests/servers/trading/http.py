"""The HTTP side: sign-on, the rate limit, faults of requests, and the way to the routes."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers.trading.clock import ServerClock
from tests.servers.trading.faults import Fault, FaultPlan

CONTROL = "/_control/"
KEPT = 10_000
PAGE = b"<html><head><title>Maintenance</title></head><body>We are back soon.</body></html>"

Answering = Callable[[str, str, Mapping[str, str], Mapping[str, Any]], tuple[int, Any]]
Controlling = Callable[[str, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came, the status it was answered with (0: none), and why it was refused."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    status: int
    fault: str
    refusal: str = ""


class RateLimit:
    """``limit`` requests in any minute of the server's clock."""

    def __init__(self, clock: ServerClock, limit: int = 200) -> None:
        self.limit = limit
        self._clock = clock
        self._taken: deque[datetime] = deque()

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count a request; whether it is within the limit, and the headers that say so."""
        now = self._clock.now()
        while self._taken and self._taken[0] <= now - timedelta(minutes=1):
            self._taken.popleft()
        allowed = len(self._taken) < self.limit
        if allowed:
            self._taken.append(now)
        reset = (self._taken[0] if self._taken else now) + timedelta(minutes=1)
        return allowed, {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - len(self._taken)),
            "X-RateLimit-Reset": str(int((reset + self._clock.skew).timestamp())),
        }


class Gate:
    """What stands between the wire and the broker. ``answer`` and ``control`` take the lock."""

    def __init__(
        self,
        *,
        clock: ServerClock,
        plan: FaultPlan,
        answer: Answering,
        control: Controlling,
        lock: threading.RLock,
        keys: Mapping[str, str],
    ) -> None:
        self.clock, self.plan = clock, plan
        self.answer, self.control = answer, control
        self.lock = lock
        self.keys = dict(keys)
        self.read_only: set[str] = set()
        self.rate = RateLimit(clock)
        self.asked: deque[Asked] = deque(maxlen=KEPT)
        self.down = False
        self.released = threading.Event()
        # Lets so many seconds pass before or after a request is processed.
        self.pause: Callable[[float], object] = self.released.wait

    def signed_on(self, key_id: str, secret: str) -> bool:
        """Whether a pair of keys is one of this environment's."""
        return self.keys.get(key_id) == secret

    def judge(self, method: str, headers: Mapping[str, str]) -> tuple[int, Any] | None:
        """Return the refusal of a request by its keys; None: it may pass."""
        given = {name.upper(): value for name, value in headers.items()}
        key_id = given.get("APCA-API-KEY-ID", "")
        if not self.signed_on(key_id, given.get("APCA-API-SECRET-KEY", "")):
            return 401, {"code": 40110000, "message": "request is not authorized"}
        if key_id in self.read_only and method != "GET":
            return 403, {"message": "forbidden."}
        return None


class Handler(BaseHTTPRequestHandler):
    """One connection's requests."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes: without this each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    gate: Gate
    _asked: Asked | None = None

    def do_GET(self) -> None:
        self._take("GET")

    def do_POST(self) -> None:
        self._take("POST")

    def do_PATCH(self) -> None:
        self._take("PATCH")

    def do_DELETE(self) -> None:
        self._take("DELETE")

    def _take(self, method: str) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            self._reply(400, {"code": 40010000, "message": "request body format is invalid"})
            return
        if parts.path.startswith(CONTROL):
            self._control(parts.path.removeprefix(CONTROL), body)
            return
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        gate = self.gate
        with gate.lock:
            fault = gate.plan.take("request", method=method, path=parts.path)
        self._asked = Asked(
            at=gate.clock.now(),
            method=method,
            path=parts.path,
            query=query,
            body=body,
            status=0,
            fault="" if fault is None else fault.kind,
        )
        self._serve(method, parts.path, query, body, fault)

    def _note(self, status: int, refusal: str = "") -> None:
        """Write down what was asked, before whoever asked can know that it was answered."""
        if self._asked is not None:
            with self.gate.lock:
                self.gate.asked.append(replace(self._asked, status=status, refusal=refusal))
            self._asked = None

    def _serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any],
        fault: Fault | None,
    ) -> None:
        """Answer a request, with its fault."""
        gate, kind = self.gate, "" if fault is None else fault.kind
        if kind in ("kill_before", "kill_after") and not gate.down:
            self._kill(method, path, query, body, kind)
            return
        if gate.down or kind == "lost_before":
            self._hang_up()
            return
        if fault is not None and kind == "delay":
            gate.pause(fault.seconds)
        with gate.lock:
            allowed, headers = gate.rate.take()
        if fault is not None and kind == "error":
            self._reply(fault.status, _error(fault.status), headers)
            return
        if not allowed:
            self._reply(429, _error(429), headers)
            return
        refusal = gate.judge(method, dict(self.headers.items()))
        if refusal is not None:
            self._reply(*refusal, headers)
            return
        status, answer = gate.answer(method, path, query, body)
        if kind == "twice":
            gate.answer(method, path, query, body)
        if kind == "lost_after":
            self._hang_up()
            return
        if fault is not None and kind == "late":
            gate.pause(fault.seconds)
        if fault is not None and kind == "error_after":
            self._reply(fault.status, _error(fault.status), headers)
            return
        if kind == "html":
            self._send(200, PAGE, {**headers, "Content-Type": "text/html"})
            return
        if kind == "truncated":
            text = json.dumps(answer).encode()
            self._send(status, text[: len(text) // 2], headers)
            return
        self._reply(status, answer, headers)
        if kind == "kill_answered":
            gate.plan.kill()

    def _kill(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any], kind: str
    ) -> None:
        """End who asks, before or after what it asked is done."""
        if kind == "kill_after" and self.gate.judge(method, dict(self.headers.items())) is None:
            self.gate.answer(method, path, query, body)
        self.gate.plan.kill()
        self._hang_up()

    def _control(self, name: str, body: Mapping[str, Any]) -> None:
        try:
            self._reply(200, self.gate.control(name, body))
        except (ValueError, TypeError, KeyError, AssertionError) as error:
            self._reply(422, {"message": f"{type(error).__name__}: {error}"})

    def _reply(self, status: int, answer: Any, headers: Mapping[str, str] | None = None) -> None:
        if status >= 400 and isinstance(answer, dict):
            self._note(status, str(answer.get("message", "")))
        text = b"" if answer is None else json.dumps(answer).encode()
        self._send(status, text, headers or {})

    def _send(self, status: int, text: bytes, headers: Mapping[str, str]) -> None:
        self._note(status)
        length = {} if status == 204 else {"Content-Length": str(len(text))}
        kind = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Request-ID": uuid.uuid4().hex,
        }
        try:
            self.send_response(status)
            for name, value in {**kind, **headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if status == 204 else text)
        except OSError:
            self.close_connection = True

    def _hang_up(self) -> None:
        self._note(0)
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header: the server's clock, off by its skew."""
        clock = self.gate.clock
        return email.utils.format_datetime(clock.now() + clock.skew, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: what was asked stands in ``asked``."""


def _error(status: int) -> dict[str, Any]:
    """Return the body of an error that the broker's front gives."""
    messages = {
        429: (42910000, "rate limit exceeded"),
        500: (50010000, "internal server error occurred"),
    }
    if status in messages:
        code, message = messages[status]
        return {"code": code, "message": message}
    return {"message": {502: "bad gateway", 503: "service unavailable"}.get(status, "timeout")}
