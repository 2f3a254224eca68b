"""A server in another process, commanded over its control URL."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from pydantic import TypeAdapter

from tests.servers.trading.account import Gap, Ledger


class Remote:
    """A server in another process, commanded over its control URL."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url.rstrip("/")

    def do(self, name: str, **body: Any) -> Any:
        """Call a method of the server; returns its JSON; raises HTTPError where it refuses."""
        request = urllib.request.Request(
            f"{self._url}/{name}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def ledger(self) -> Ledger:
        """Return every fill, the cash and the positions, exact."""
        return TypeAdapter(Ledger).validate_python(self.do("ledger"))

    def unprotected(self) -> list[Gap]:
        """Return the times in which a position stood without a working stop."""
        return TypeAdapter(list[Gap]).validate_python(self.do("unprotected"))
