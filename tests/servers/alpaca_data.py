"""Alpaca's market data REST API on 127.0.0.1, as its OpenAPI file describes it, faults to order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.calendar import NEW_YORK

KEYS = AlpacaKeys(key_id="PKLOCALKEY", secret="local/secret+value")
PAGE = 1_000


@dataclass(kw_only=True)
class Fault:
    """An answer in place of the right one. ``times`` None is for ever; ``cut_at`` cuts the JSON."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    delay_s: float = 0.0
    cut_at: int | None = None
    hang_up: bool = False


@dataclass(kw_only=True)
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


def bar(at: datetime, close: float = 100.0, **changes: Any) -> dict[str, Any]:
    """Return one bar as Alpaca writes it."""
    figures = {"o": close, "h": close + 1, "l": close - 1, "c": close, "v": 500, "n": 7}
    return {"t": f"{at:%Y-%m-%dT%H:%M:%SZ}", **figures, "vw": close, **changes}


def minutes(first: datetime, count: int, close: float = 100.0) -> list[dict[str, Any]]:
    """Return bars of consecutive minutes, each a dollar above the one before."""
    return [bar(first + timedelta(minutes=i), close + i) for i in range(count)]


def clock_says(at: datetime, is_open: bool) -> dict[str, Any]:
    """Return the market's clock as Alpaca writes it, in New York's offset and nanoseconds."""
    local = at.astimezone(NEW_YORK)
    later = (local + timedelta(days=1)).isoformat()
    stamp = f"{local:%Y-%m-%dT%H:%M:%S}.123456789{local:%z}"
    stamp = f"{stamp[:-2]}:{stamp[-2:]}"
    return {"timestamp": stamp, "is_open": is_open, "next_open": later, "next_close": later}


def article(key: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """Return one headline as Alpaca writes it."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "id": key,
        "headline": f"Headline {key}",
        "author": "Newsdesk",
        "created_at": stamp,
        "updated_at": stamp,
        "summary": "A summary.",
        "content": "<p>Content</p>",
        "images": [],
        "symbols": ["AAPL"],
        "source": "benzinga",
        "url": f"https://news.example/{key}",
        **changes,
    }


class AlpacaData:
    """The data to serve, the faults to make, and what was asked.

    ``clock`` is what the trading API's clock says (None: this server has none). ``page`` is the
    most items of a page; ``now`` bounds nothing: what is in ``bars`` is served.
    """

    def __init__(self, page: int = PAGE) -> None:
        self.page = page
        self.bars: dict[str, list[dict[str, Any]]] = {}
        self.quotes: dict[str, Any] = {}
        self.news: list[dict[str, Any]] = []
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.clock: dict[str, Any] | None = None
        self.released = threading.Event()
        self.url = ""

    def fault(self, **kind: Any) -> None:
        """Answer the coming request(s) wrongly."""
        self.faults.append(Fault(**kind))

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Return the status and JSON of the right answer."""
        known = {"APCA-API-KEY-ID": KEYS.key_id, "APCA-API-SECRET-KEY": KEYS.secret}
        if any(asked.headers.get(name) != value for name, value in known.items()):
            return 401, {"message": "forbidden."}
        query = asked.query
        if asked.path == "/v2/stocks/bars":
            return self._bars(query)
        if asked.path == "/v2/stocks/quotes/latest":
            wanted = query["symbols"].split(",")
            return 200, {"quotes": {s: q for s, q in self.quotes.items() if s in wanted}}
        if asked.path == "/v2/clock" and self.clock is not None:
            return 200, self.clock
        if asked.path == "/v1beta1/news":
            return self._news(query)
        if asked.path == "/v1/corporate-actions":
            return self._actions(query)
        return 404, {"message": "endpoint not found"}

    def _bars(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if query.get("adjustment") != "raw" or query.get("sort") != "asc":
            return 400, {"message": "this server has raw bars, oldest first"}
        symbol = query["symbols"]
        if not symbol.replace(".", "").isalpha():
            return 422, {"message": f"invalid symbol: {symbol}"}
        rows = [r for r in self.bars.get(symbol, []) if _within(r.get("t"), query)]
        page, token = self._page(rows, query)
        return 200, {"bars": {symbol: page} if page else {}, "next_page_token": token}

    def _news(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        wanted = set(query["symbols"].split(",")) if "symbols" in query else None
        rows = [
            row
            for row in sorted(self.news, key=lambda row: str(row["updated_at"]))
            if _within(row["updated_at"], query)
            and (wanted is None or wanted & set(row["symbols"]))
        ]
        page, token = self._page(rows, query)
        return 200, {"news": page, "next_page_token": token}

    def _actions(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        first, last = (date.fromisoformat(query[name]) for name in ("start", "end"))
        rows = [
            (kind, row)
            for kind, rows in self.actions.items()
            if kind.removesuffix("s") in query["types"].split(",")
            for row in rows
            if row["symbol"] in query["symbols"].split(",")
            and first <= date.fromisoformat(row["process_date"]) <= last
        ]
        page, token = self._page(rows, query)
        grouped: dict[str, list[Any]] = {}
        for kind, row in page:
            grouped.setdefault(kind, []).append(row)
        return 200, {"corporate_actions": grouped, "next_page_token": token}

    def _page(self, rows: list[Any], query: dict[str, str]) -> tuple[list[Any], str | None]:
        first = int(query.get("page_token", "page-0").removeprefix("page-"))
        last = first + min(self.page, int(query.get("limit", PAGE)))
        return rows[first:last], f"page-{last}" if last < len(rows) else None


def _within(at: object, query: dict[str, str]) -> bool:
    """Whether an instant lies in [start, end]; what is no instant is served, to see it dropped."""
    try:
        instant = datetime.fromisoformat(str(at))
    except ValueError:
        return True
    first, last = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
    return first <= instant <= last


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    data: AlpacaData

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(path=parts.path, query=query, headers=dict(self.headers.items()))
        self.data.asked.append(asked)
        fault = self._fault() or Fault()
        body = fault.body
        status = fault.status
        if body is None:
            right, parsed = self.data.answer(asked)
            status, body = status if status != 200 else right, json.dumps(parsed).encode()
        if fault.delay_s:
            self.data.released.wait(fault.delay_s)
        body = body if fault.cut_at is None else body[: fault.cut_at]
        length = len(body) + (10 if fault.hang_up else 0)
        headers = {"Content-Type": "application/json; charset=UTF-8", **fault.headers}
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True
        if fault.hang_up or fault.delay_s:
            self.close_connection = True

    def _fault(self) -> Fault | None:
        if not self.data.faults:
            return None
        fault = self.data.faults[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.data.faults.pop(0)
        return fault

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: what was asked stands in ``asked``."""


@contextmanager
def serve_data(page: int = PAGE) -> Iterator[AlpacaData]:
    """Serve on a free port until the block ends; ``url`` says where."""
    data = AlpacaData(page)
    handler = type("Handler", (_Handler,), {"data": data})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    data.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield data
    finally:
        data.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
