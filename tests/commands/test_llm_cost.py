"""``llm cost``: before anything was asked, and after a desk has asked a local endpoint."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.desk import begin, hybrid_tui, wait_for
from tests.servers.llm import Act, LlmServer, failing, strategy_for

FIRST_DAY = "2026-01-05"


@dataclass
class Desk:
    """A simulated desk that asks a local endpoint at 1 and 4 dollars a million tokens."""

    home: Path
    server: LlmServer
    settings: list[str] = field(default_factory=list)

    def run(self, until: str, *settings: str) -> dict[str, list[dict[str, Any]]]:
        """Run until an instant and return the events by their kind."""
        done = hybrid_tui(
            self.home,
            *(word for one in (*self.settings, *settings) for word in ("--set", one)),
            *("run", "--headless", "--speed", "0", "--until", until, "--json"),
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in done.stdout.splitlines():
            event = json.loads(line)
            found[event["event"]].append(event)
        return found

    def cost(self) -> dict[str, Any]:
        """Return the account."""
        done = hybrid_tui(self.home, "llm", "cost", "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture
def desk(home: Path) -> Iterator[Desk]:
    """A desk of rules and strategist on two symbols."""
    server = LlmServer()
    server.writes, server.price_in, server.price_out = strategy_for, 1.0, 4.0
    with server.running():
        yield Desk(
            home=home,
            server=server,
            settings=[
                "llm.provider=openai",
                f"llm.base_url={server.url}",
                "llm.price_in=1",
                "llm.price_out=4",
                "app.watchlist=NVDA,AMD",
                "app.tiers=rules,llm",
            ],
        )


def test_nothing_was_asked_and_nothing_cost(home: Path) -> None:
    done = hybrid_tui(home, "llm", "cost", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["month_usd"], document["decisions"]) == (0, 0.0, [])
    assert document["prices"]["date"]
    assert document["prices"]["most_a_month_usd"] < document["month_cap_usd"]


def test_a_session_is_reserved_asked_settled_and_shown(desk: Desk) -> None:
    events = desk.run(f"{FIRST_DAY}T12:30:00-05:00")
    reserved, settled, *more = events["LlmCharged"]
    assert (reserved["settled_usd"], reserved["call_id"]) == (None, settled["call_id"])
    assert 0 < settled["settled_usd"] < reserved["reserved_usd"]
    assert len(more) == 2
    first, second = events["SignalProposed"]
    assert first["signal"]["source"].endswith("/gpt-6-luna")
    assert first["signal"]["cost_usd"] == settled["settled_usd"]
    assert any(event["text"] for event in events["StrategistWrote"])
    # The session's instant is over when its call is made: nothing of it can be lost with the call.
    assert reserved["id"] > max(
        e["id"] for e in events["BarsClosed"] if e["at"] == first["signal"]["at"]
    )
    account = desk.cost()
    assert account["month_usd"] == pytest.approx(desk.server.counted_usd, abs=4e-6)
    assert account["month_usd"] == pytest.approx(more[-1]["month_usd"])
    assert [row["decision"] for row in account["decisions"]] == [
        first["signal"]["id"],
        second["signal"]["id"],
    ]
    assert account["models"][0]["calls"] == 2
    assert account["reserved_usd"] == 0


def test_at_the_cap_the_local_analyst_takes_the_session_and_says_so(desk: Desk) -> None:
    events = desk.run(f"{FIRST_DAY}T10:30:00-05:00", "llm.monthly_cap_usd=0.001")
    assert desk.server.requests == []
    assert events["LlmCharged"] == []
    said = [event["text"] for event in events["Alert"]]
    assert sum("not asked" in text for text in said) == 2
    assert any("shorter context" in text for text in said)
    told = events["SignalProposed"] or events["SignalAbstained"]
    assert "cap of $0.00 would be passed" in json.dumps(told[0])
    if events["SignalProposed"]:
        assert told[0]["signal"]["source"] == "local"


def test_a_cheaper_model_is_asked_before_the_local_analyst(desk: Desk) -> None:
    events = desk.run(
        f"{FIRST_DAY}T10:30:00-05:00", "llm.session_cap_usd=0.001", "llm.cheaper_model=tiny"
    )
    assert [request["model"] for request in desk.server.requests] == ["tiny"]
    flags = json.dumps(events["SignalProposed"][0]["signal"]["flags"])
    assert "gpt-6-luna, full context: the session's cap" in flags


@pytest.mark.parametrize(
    ("act", "health", "text"),
    [
        (failing(401, "no"), "failed", "refused the key in OPENAI_API_KEY (401)"),
        (failing(429, "no", headers={"Retry-After": "999"}), "failed", "limits the rate (429)"),
        (Act(text="I would rather not.", refusal=""), "ok", "no usable answer"),
    ],
)
def test_a_failing_endpoint_leaves_the_other_tiers_running(
    desk: Desk, act: Act, health: str, text: str
) -> None:
    desk.server.acts = [act]
    events = desk.run(f"{FIRST_DAY}T10:10:00-05:00")
    (abstained,) = events["SignalAbstained"]
    assert text in abstained["reason"]
    beats = [event for event in events["Heartbeat"] if event["tier"] == "llm"]
    assert beats[-1]["health"] == health
    assert text in beats[-1]["reason"]
    after = [event for event in events["BarsClosed"] if event["at"] > abstained["at"]]
    assert len(after) >= 9


def test_commands_and_the_end_do_not_wait_for_a_model(desk: Desk) -> None:
    desk.server.acts = [Act(delay_s=60)]
    words = [word for one in desk.settings for word in ("--set", one)]
    engine = begin(desk.home, *words, "run", "--headless", "--speed", "0")
    try:
        wait_for(lambda: desk.server.requests, 60)
        assert hybrid_tui(desk.home, "pause").returncode == 0
        engine.send_signal(signal.SIGTERM)
        engine.communicate(timeout=30)
        assert engine.returncode == 0
    finally:
        engine.kill()
    account = desk.cost()
    # Nobody knows what the call will cost: all that was reserved counts.
    assert account["month_usd"] == account["reserved_usd"] > 0
    status = json.loads(hybrid_tui(desk.home, "status", "--json").stdout)
    assert status["paused"]


def test_an_unknown_price_stops_the_start_with_a_hint(home: Path) -> None:
    done = hybrid_tui(
        home,
        *("--set", "llm.provider=openai", "--set", "llm.base_url=https://gateway.example/v1"),
        *("--set", "llm.api_key_env=PATH", "run", "--headless", "--speed", "0"),
    )
    assert done.returncode == 2
    assert "no price is known" in done.stderr
    assert "llm.price_in" in done.stderr
