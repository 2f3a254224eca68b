"""A loopback Yahoo for the real yfinance: charts, news, earnings dates and faults."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HANG_UP = -1
"""In place of a status: the answer ends in its middle."""
HOST = re.compile(r"^https?://([^/]+)")
NEW_YORK_META = {
    "currency": "USD",
    "exchangeName": "NMS",
    "instrumentType": "EQUITY",
    "exchangeTimezoneName": "America/New_York",
    "timezone": "EST",
    "gmtoffset": -18000,
    "priceHint": 2,
    "validRanges": ["1d", "5d", "1mo", "1y", "max"],
}
Row = tuple[int, float | None, float | None, float | None, float | None, float | None]


@dataclass(slots=True)
class Share:
    """What the server has of one symbol: rows (start, o, h, l, c, v) by interval name."""

    rows: dict[str, Sequence[Row]] = field(default_factory=dict)
    splits: Sequence[tuple[int, float, float]] = ()
    dividends: Sequence[tuple[int, float]] = ()
    articles: Sequence[Any] = ()
    earnings: Sequence[int] = ()
    recorded: Any = None


@dataclass(slots=True)
class Yahoo:
    """The server's contents, the faults that the next data requests meet, and what was asked."""

    port: int = 0
    shares: dict[str, Share] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def charts(self) -> list[str]:
        """Return the chart requests for bars, without those that ask for a time zone."""
        return [path for path in self.asked if "/chart/" in path and "period1" in path]

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a request."""
        parts = urlsplit(path)
        if "getcrumb" in path:
            return 200, b"crumb123"
        if "/v8/finance/chart/" in path:
            symbol = parts.path.rpartition("/")[2]
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return self._chart(symbol, query)
        if "/xhr/ncp" in path:
            symbol = json.loads(body)["serviceConfig"]["s"][0]
            share = self.shares.get(symbol)
            stream = list(share.articles) if share is not None else []
            return self._data({"data": {"tickerStream": {"stream": stream}}})
        if "/quoteSummary/" in path:
            stamps = list(self.shares[parts.path.rpartition("/")[2]].earnings)
            events = {"calendarEvents": {"earnings": {"earningsDate": stamps}}}
            return self._data({"quoteSummary": {"result": [events], "error": None}})
        return 200, b"{}"

    def _chart(self, symbol: str, query: dict[str, str]) -> tuple[int, bytes]:
        share = self.shares.get(symbol)
        if share is None:
            return 404, error("Not Found", "No data found, symbol may be delisted")
        if "period1" not in query:
            return 200, json.dumps(chart(symbol, [], query["interval"])).encode()
        if share.recorded is not None:
            return self._data(share.recorded)
        first, end = int(query["period1"]), int(query["period2"])
        rows = [row for row in share.rows.get(query["interval"], ()) if first <= row[0] < end]
        document = chart(symbol, rows, query["interval"])
        result = document["chart"]["result"][0]
        result["events"] = {
            "splits": {
                str(at): {"date": at, "numerator": new, "denominator": old}
                for at, new, old in share.splits
                if first <= at < end
            },
            "dividends": {
                str(at): {"date": at, "amount": amount}
                for at, amount in share.dividends
                if first <= at < end
            },
        }
        return self._data(document)

    def _data(self, document: Any) -> tuple[int, bytes]:
        text = json.dumps(document)
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "":
                return 200, text.encode()
            case "html":
                return 200, b"<html>Will be right back</html>"
            case "truncated":
                return 200, text[: len(text) // 2].encode()
            case "null":
                return 200, b"null"
            case "empty":
                return 200, b'{"chart": {"result": [], "error": null}}'
            case "no timestamp":
                del document["chart"]["result"][0]["timestamp"]
                return 200, json.dumps(document).encode()
            case "short column":
                document["chart"]["result"][0]["indicators"]["quote"][0]["close"].pop()
                return 200, json.dumps(document).encode()
            case "text for numbers":
                document["chart"]["result"][0]["indicators"]["quote"][0]["close"][0] = "n/a"
                return 200, json.dumps(document).encode()
            case "not then":
                said = "Data doesn't exist for startDate = 1, endDate = 2"
                return 400, error("Bad Request", said)
            case "hang up":
                return HANG_UP, text.encode()
            case "time-out":
                time.sleep(0.6)
                return 200, text.encode()
        status, _, said = fault.partition(" ")
        return int(status), said.encode() or b"Edge: Too Many Requests"


def error(code: str, description: str) -> bytes:
    """Return a chart answer that is an error."""
    said = {"code": code, "description": description}
    return json.dumps({"chart": {"result": None, "error": said}}).encode()


def chart(symbol: str, rows: Sequence[Row], interval: str) -> dict[str, Any]:
    """Return a chart answer of rows as Yahoo writes one."""
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[]] * 6
    names = ("open", "high", "low", "close", "volume")
    quote = dict(zip(names, columns[1:], strict=True))
    meta: dict[str, Any] = {
        **NEW_YORK_META,
        "symbol": symbol,
        "dataGranularity": interval,
        "regularMarketTime": columns[0][-1] if rows else 0,
        "currentTradingPeriod": {
            name: {"timezone": "EST", "start": 0, "end": 0, "gmtoffset": -18000}
            for name in ("pre", "regular", "post")
        },
    }
    if interval != "1d" and rows:
        # One period over everything: what lies outside sessions is the client's to find.
        whole = {"start": columns[0][0], "end": columns[0][-1] + 3600, "gmtoffset": -18000}
        meta["tradingPeriods"] = [[{"timezone": "EST", **whole}]]
    result: dict[str, Any] = {"meta": meta, "indicators": {"quote": [quote if rows else {}]}}
    if rows:
        result["timestamp"] = columns[0]
        if interval == "1d":
            result["indicators"]["adjclose"] = [{"adjclose": columns[4]}]
    return {"chart": {"result": [result], "error": None}}


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; other errors show."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def yahoo_server() -> Iterator[Yahoo]:
    """Run the server on a free port of the loopback interface."""
    yahoo = Yahoo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            yahoo.asked.append(self.path)
            status, answer = yahoo.answer(self.path, body)
            hangs_up = status == HANG_UP
            self.send_response(200 if hangs_up else status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[: len(answer) // 2] if hangs_up else answer)
            self.close_connection = hangs_up

        do_POST = do_GET

    server = _QuietServer(("127.0.0.1", 0), Handler)
    yahoo.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield yahoo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def loopback(base: type[Any], port: int) -> type[Any]:
    """Return a session class of an HTTP library that sends every request to the loopback server."""

    class Loopback(base):  # type: ignore[misc]
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            local = HOST.sub(rf"http://127.0.0.1:{port}/\1", url)
            return super().request(method, local, *args, **kwargs)

    return Loopback
