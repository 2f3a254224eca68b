"""The trade-updates stream: sign-on, listening, JSON in binary frames, and its faults."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.servers.trading.faults import FaultPlan

PATH = "/stream"
KEPT = 10_000


# A frame to send, something to do after the frames before it, or (None) the end of the wire.
Told = bytes | Callable[[], None] | None


class Updates:
    """Who listens, and what they are sent. ``sent`` are the events in the order of publishing.

    ``later`` runs a job in so many seconds of the server's clock; ``signed_on`` judges keys.
    ``publish`` is called with the server's lock held; connections have a thread of their own.
    """

    def __init__(
        self,
        plan: FaultPlan,
        signed_on: Callable[[str, str], bool],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.plan, self.signed_on, self.later = plan, signed_on, later
        self.sent: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.connects = 0
        self.down = False
        self.url = ""
        # Told of frames on their way to whom listens: +n when they are queued, -1 when one is out.
        self.moving: Callable[[int], None] = lambda count: None
        self._listeners: dict[ServerConnection, queue.SimpleQueue[Told]] = {}
        self._open: set[ServerConnection] = set()
        self._swapped: list[bytes] = []
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> int:
        """How many connections listen to trade updates."""
        return len(self._listeners)

    def start(self, port: int = 0) -> None:
        """Serve on 127.0.0.1; ``url`` says where."""
        self._server = serve(
            self._talk, "127.0.0.1", port, process_request=self._greet, close_timeout=0.2
        )
        address = self._server.socket.getsockname()
        self.url = f"ws://127.0.0.1:{address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cut everyone off and end."""
        if self._server is not None and self._thread is not None:
            # First: shutting down waits for who is connected.
            self.down = True
            self.cut()
            self._server.shutdown()
            self._thread.join()

    def cut(self) -> None:
        """Drop every connection without a close frame."""
        with self._lock:
            going = list(self._open)
        for connection in going:
            self._drop(connection)

    def publish(self, data: dict[str, Any]) -> None:
        """Send an event to who listens, if its fault lets it through."""
        self.sent.append(data)
        order: Mapping[str, Any] = data["order"]
        fault = self.plan.take(
            "event",
            event=str(data["event"]),
            symbol=str(order["symbol"]),
            side=str(order["side"]),
            type=str(order["type"]),
            client_order_id=str(order["client_order_id"]),
        )
        frame = json.dumps({"stream": "trade_updates", "data": data}).encode()
        kind = "" if fault is None else fault.kind
        if kind == "swap":
            self._swapped.append(frame)
            return
        if kind == "late" and fault is not None:
            self.later(fault.seconds, lambda: self._send(frame))
            return
        if kind == "kill":
            self.plan.kill()
        if kind == "cut":
            self._end_all()
        if kind not in ("drop", "cut"):
            self._send(frame[: len(frame) // 2] if kind == "garbage" else frame)
        if kind == "kill_sent":
            self._tell_all(self.plan.kill)
        if kind == "twice":
            self._send(frame)
        held, self._swapped = self._swapped, []
        for swapped in held:
            self._send(swapped)
        if kind == "cut_after":
            self._end_all()

    def _send(self, frame: bytes) -> None:
        self._tell_all(frame)

    def _end_all(self) -> None:
        """Cut who listens off, when what was published before is out."""
        with self._lock:
            listeners = list(self._listeners.values())
            self._listeners.clear()
        for frames in listeners:
            frames.put(None)

    def _tell_all(self, told: Told) -> None:
        with self._lock:
            self.moving(len(self._listeners))
            for frames in self._listeners.values():
                frames.put(told)

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connects += 1
        if self.down:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "down")
        if request.path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "not found")
        fault = self.plan.take("connect")
        if fault is not None and fault.kind == "refuse":
            return connection.respond(HTTPStatus(fault.status), "refused")
        connection.mute = fault is not None  # type: ignore[attr-defined]
        return None

    def _talk(self, connection: ServerConnection) -> None:
        with self._lock:
            self._open.add(connection)
        known = False
        try:
            for message in connection:
                asked = json.loads(message)
                if getattr(connection, "mute", False):
                    continue
                if asked.get("action") == "listen":
                    streams = asked.get("data", {}).get("streams", [])
                    self._listen(connection, streams if known else None)
                    continue
                data = asked.get("data") or asked
                known = self.signed_on(
                    str(data.get("key_id", data.get("key"))),
                    str(data.get("secret_key", data.get("secret"))),
                )
                state = "authorized" if known else "unauthorized"
                self._say(connection, "authorization", status=state, action="authenticate")
        except (ConnectionClosed, OSError, ValueError):
            return
        finally:
            with self._lock:
                self._open.discard(connection)
                frames = self._listeners.pop(connection, None)
            if frames is not None:
                frames.put(None)

    def _listen(self, connection: ServerConnection, streams: list[str] | None) -> None:
        if streams is None:
            self._say(connection, "authorization", status="unauthorized", action="listen")
            return
        if "trade_updates" in streams and connection not in self._listeners:
            frames: queue.SimpleQueue[Told] = queue.SimpleQueue()
            sender = threading.Thread(target=self._pump, args=(connection, frames), daemon=True)
            self._say(connection, "listening", streams=streams)
            with self._lock:
                self._listeners[connection] = frames
            sender.start()
            return
        self._say(connection, "listening", streams=streams)

    def _pump(self, connection: ServerConnection, frames: queue.SimpleQueue[Told]) -> None:
        is_up = True
        while (frame := frames.get()) is not None:
            try:
                if not isinstance(frame, bytes):
                    frame()
                elif is_up:
                    connection.send(frame)
            except (ConnectionClosed, OSError):
                is_up = False
            finally:
                with self._lock:
                    self.moving(-1)
        self._drop(connection)

    def _say(self, connection: ServerConnection, stream: str, **data: Any) -> None:
        connection.send(json.dumps({"stream": stream, "data": data}).encode())

    def _drop(self, connection: ServerConnection) -> None:
        """Cut a connection's wire: no close frame; the other side sees it end."""
        with self._lock:
            frames = self._listeners.pop(connection, None)
        if frames is not None:
            frames.put(None)
        try:
            connection.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
