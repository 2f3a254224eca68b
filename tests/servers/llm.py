"""An OpenAI-compatible endpoint on 127.0.0.1: each provider's ways, and their faults, to order.

It counts what it would charge: four bytes a token, at the prices it is given.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-local-secret-1234567890"
ANSWER: dict[str, Any] = {
    "direction": "bullish",
    "focus": ["NVDA"],
    "scores": [{"symbol": "NVDA", "score_pct": 40, "cited": ["n1"]}],
    "overnight_target_pct": 30,
    "reasoning": 'Chips are "strong": NVDA leads, 中文 too.',
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": list(ANSWER),
    "properties": {
        "direction": {"type": "string", "enum": ["bullish", "neutral", "bearish"]},
        "focus": {"type": "array", "maxItems": 3, "items": {"type": "string", "enum": ["NVDA"]}},
        "scores": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["symbol", "score_pct", "cited"],
                "properties": {
                    "symbol": {"type": "string", "enum": ["NVDA"]},
                    "score_pct": {"type": "integer", "minimum": -100, "maximum": 100},
                    "cited": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
                },
            },
        },
        "overnight_target_pct": {"type": "integer", "minimum": 0, "maximum": 100},
        "reasoning": {"type": "string", "maxLength": 400},
    },
}
GOOD = json.dumps(ANSWER, ensure_ascii=False)
BYTES_A_TOKEN = 4


@dataclass(frozen=True, kw_only=True)
class Act:
    """One answer. ``hang_up`` ends the connection after so many pieces of the stream."""

    text: str = GOOD
    status: int = 200
    error: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kind: str = "application/json"
    finish: str = "stop"
    refusal: str | None = None
    choices: bool = True
    usage: dict[str, Any] | None = None
    tells_usage: bool = True
    thoughts: str = ""
    delay_s: float = 0.0
    piece_delay_s: float = 0.0
    hang_up: int | None = None
    streams: bool = True


def failing(status: int, message: str, code: str = "", **more: Any) -> Act:
    """Return an error as OpenAI writes it."""
    return Act(status=status, error={"message": message, "type": code, "code": code}, **more)


Rule = Callable[[dict[str, Any]], Act | None]
"""What an endpoint says to a request that it does not take, or None."""


def wants_completion_tokens(request: dict[str, Any]) -> Act | None:
    """Refuse what OpenAI's reasoning models refuse."""
    if "max_tokens" in request:
        return failing(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
        )
    if "temperature" in request:
        return failing(400, "Unsupported value: 'temperature' does not support 0", "unsupported")
    return None


def wants_max_tokens(request: dict[str, Any]) -> Act | None:
    """Refuse the newer name of the token limit."""
    if "max_completion_tokens" in request:
        return failing(422, "max_completion_tokens: extra fields not permitted")
    return None


def object_only(request: dict[str, Any]) -> Act | None:
    """Know json_object only, and say so with 400, as DeepSeek does."""
    wanted = request.get("response_format", {}).get("type")
    if wanted == "json_schema":
        return failing(400, "This response_format type is unavailable now", "invalid_request_error")
    if wanted == "json_object" and "json" not in json.dumps(request["messages"]).lower():
        return failing(400, "Prompt must contain the word 'json'")
    return None


def breaks_on_schema(request: dict[str, Any]) -> Act | None:
    """Answer json_schema with 500, as llama-cpp-python's server does."""
    if request.get("response_format", {}).get("type") == "json_schema":
        return failing(500, "response_format.type Input should be 'text' or 'json_object'")
    return None


def no_bounds(request: dict[str, Any]) -> Act | None:
    """Refuse the bounds of numbers and lists in a strict schema."""
    if '"maxItems"' in json.dumps(request.get("response_format", {})):
        return failing(400, "Invalid schema for response_format: 'maxItems' is not permitted")
    return None


def text_only(request: dict[str, Any]) -> Act | None:
    """Know no response_format at all."""
    if "response_format" in request:
        return failing(422, "response_format: extra inputs are not permitted")
    return None


def no_stream_options(request: dict[str, Any]) -> Act | None:
    """Refuse stream_options."""
    if "stream_options" in request:
        return failing(400, "Unrecognized request argument supplied: stream_options")
    return None


class LlmServer:
    """A scripted endpoint; ``acts`` are given in turn, and the last again and again."""

    def __init__(self) -> None:
        self.acts: list[Act] = [Act()]
        self.rules: Sequence[Rule] = ()
        self.writes: Callable[[dict[str, Any]], str] | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.price_in = 100.0
        self.price_out = 500.0
        self.counted_usd = 0.0
        self.on_request: Callable[[int], None] = lambda number: None
        self.on_piece: Callable[[int, int], None] = lambda number, piece: None
        self.on_end: Callable[[int], None] = lambda number: None
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"desk": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[LlmServer]:
        """Answer until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def act_for(self, request: dict[str, Any]) -> tuple[int, Act]:
        """Return a request's number and what is answered to it."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            for rule in self.rules:
                refused = rule(request)
                if refused is not None:
                    return number, refused
            act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
            if self.writes is not None and act.text == GOOD:
                act = replace(act, text=self.writes(request))
            return number, act

    def charge(self, tokens_in: int, tokens_out: int) -> None:
        """Count a call."""
        with self._lock:
            self.counted_usd += (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


def strategy_for(request: dict[str, Any]) -> str:
    """Return a strategy that keeps to the schema of a request: a score for the first symbol."""
    schema = request["response_format"]["json_schema"]["schema"]["properties"]
    symbol = schema["focus_stocks"]["items"]["enum"][0]
    cited = schema["scores"]["items"]["properties"]["cited"]["items"].get("enum", [])[:1]
    score = {"symbol": symbol, "score_pct": 30, "cited": cited}
    return json.dumps(
        {
            "reasoning": f"{symbol} leads on the headlines.",
            "direction": "bullish",
            "risk_level": "moderate",
            "sectors": [],
            "focus_stocks": [symbol] if cited else [],
            "scores": [score] if cited else [],
            "overnight_target_pct": 20,
            "theses": [],
        }
    )


def tokens_in(request: dict[str, Any]) -> int:
    """Return the tokens of a prompt, four bytes each."""
    size = sum(len(message["content"].encode()) for message in request["messages"])
    return -(-size // BYTES_A_TOKEN)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: LlmServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one request."""
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        desk = self.desk
        desk.keys.append(self.headers.get("authorization", ""))
        number, act = desk.act_for(request)
        desk.on_request(number)
        if act.delay_s:
            time.sleep(act.delay_s)
        if act.status == 200 and act.body is None:
            # An endpoint charges when it has generated, whether or not anybody reads it.
            desk.charge(tokens_in(request), -(-len(act.text.encode()) // BYTES_A_TOKEN))
        if act.status != 200 or act.body is not None:
            self._send(act.status, self._error(act), act)
        elif request.get("stream") and act.streams:
            self._stream(number, request, act)
        else:
            self._send(200, json.dumps(self._whole(request, act)).encode(), act)
        desk.on_end(number)

    def _error(self, act: Act) -> bytes:
        return act.body if act.body is not None else json.dumps({"error": act.error}).encode()

    def _usage(self, request: dict[str, Any], act: Act) -> dict[str, Any] | None:
        if not act.tells_usage:
            return None
        prompt, out = tokens_in(request), -(-len(act.text.encode()) // BYTES_A_TOKEN)
        usage = {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out}
        return {**usage, **(act.usage or {})}

    def _whole(self, request: dict[str, Any], act: Act) -> dict[str, Any]:
        message = {"role": "assistant", "content": act.text, "refusal": act.refusal}
        body: dict[str, Any] = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": act.finish}],
        }
        if not act.choices:
            body["choices"] = []
        usage = self._usage(request, act)
        return body if usage is None else {**body, "usage": usage}

    def _send(self, status: int, body: bytes, act: Act) -> None:
        self.send_response(status)
        self.send_header("content-type", act.kind)
        self.send_header("content-length", str(len(body)))
        for name, value in act.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, number: int, request: dict[str, Any], act: Act) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        deltas: list[dict[str, Any]] = [{"reasoning_content": act.thoughts}] if act.thoughts else []
        deltas += [{"content": act.text[at : at + 12]} for at in range(0, len(act.text), 12)]
        if act.refusal:
            deltas = [{"refusal": act.refusal}]
        for place, delta in enumerate(deltas if act.choices else ()):
            if place == act.hang_up:
                self.connection.close()
                self.close_connection = True
                return
            self._event(request, [{"index": 0, "delta": delta, "finish_reason": None}])
            self.desk.on_piece(number, place)
            if act.piece_delay_s:
                time.sleep(act.piece_delay_s)
        if act.choices and act.finish:
            self._event(request, [{"index": 0, "delta": {}, "finish_reason": act.finish}])
        usage = self._usage(request, act)
        if usage is not None and "stream_options" in request:
            self._event(request, [], usage)
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(
        self,
        request: dict[str, Any],
        choices: list[dict[str, Any]],
        usage: dict[str, Any] | None = None,
    ) -> None:
        body: dict[str, Any] = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": request["model"],
            "choices": choices,
        }
        if usage is not None:
            body["usage"] = usage
        self._chunk(b"data: " + json.dumps(body).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()
