"""Builders for tests that ask a local server: a provider, a desk that books, and a question."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybrid_tui.domain.charges import Booked, Charge
from hybrid_tui.engine.ledger import reserved
from hybrid_tui.llm.budget import Caps, refusal
from hybrid_tui.llm.calls import Ask
from hybrid_tui.llm.endpoints import Endpoints
from hybrid_tui.llm.prices import FlatPrices
from hybrid_tui.llm.provider import Provider
from tests.servers.llm import KEY, SCHEMA, LlmServer

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
CAPS = Caps(month_usd=150.0, session_usd=10.0, event_usd=30.0)


@dataclass
class Books:
    """A desk that keeps everything in memory."""

    caps: Caps = CAPS
    booked: dict[str, Booked] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def reserve(self, charge: Charge) -> str | None:
        """Book, or say why not."""
        why = refusal(charge, list(self.booked.values()), self.caps, NOW)
        if why is None:
            self.booked[charge.call_id] = reserved(charge, NOW)
        return why

    def settle(self, call_id: str, usd: float) -> None:
        """Note what it cost."""
        old = self.booked[call_id]
        self.booked[call_id] = Booked(
            call_id=call_id,
            decision=old.decision,
            model=old.model,
            purpose=old.purpose,
            paid_at=old.paid_at,
            reserved_usd=old.reserved_usd,
            settled_usd=usd,
        )

    def say(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)

    def wrote(self, decision: str, text: str) -> None:
        """Keep it."""
        self.written.append(text)

    @property
    def usd(self) -> float:
        """All that was booked."""
        return sum(charge.usd for charge in self.booked.values())


@dataclass
class Pauses:
    """Waits for nobody, and keeps how long it would have."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        """Keep it."""
        self.seconds.append(seconds)


def provider(
    server: LlmServer,
    folder: Path | None = None,
    *,
    model: str = "test-model",
    most_tokens: int = 1_000,
    pauses: Pauses | None = None,
    read_seconds: float = 5.0,
    whole_seconds: float = 10.0,
    stopped: threading.Event | None = None,
) -> Provider:
    """Return a provider of the server's model at the server's prices."""
    return Provider(
        model=model,
        base_url=server.url,
        key=KEY,
        key_name="OPENAI_API_KEY",
        prices=FlatPrices(input=server.price_in, output=server.price_out, text="test"),
        most_tokens=most_tokens,
        endpoints=Endpoints(folder / "endpoints.json" if folder is not None else None),
        wall=lambda: NOW,
        stopped=stopped,
        pause=pauses or Pauses(),
        read_seconds=read_seconds,
        whole_seconds=whole_seconds,
    )


def check(data: dict[str, Any]) -> str | None:
    """Complain as the reader of answers does: types, symbols and ranges."""
    target, scores = data["overnight_target_pct"], data["scores"]
    if not isinstance(target, int) or not isinstance(scores, list):
        return "overnight_target_pct is not an integer, or scores is not a list"
    if not 0 <= target <= 100:
        return f"overnight_target_pct is {target}, outside 0..100"
    if any(score.get("symbol") != "NVDA" for score in scores):
        return "a symbol is not on the watchlist"
    return None


def question(**more: Any) -> Ask:
    """Return a question to a strategist."""
    messages = (
        {"role": "system", "content": "You are a strategist."},
        {"role": "user", "content": "News: " + "NVDA rises on strong demand. " * 20},
    )
    return Ask(decision="20261120-1000", messages=messages, schema=SCHEMA, check=check, **more)
