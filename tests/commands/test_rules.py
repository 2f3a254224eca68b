"""``hybrid-tui rules``: the sets, and an explanation that agrees with what the engine did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.desk import hybrid_tui

MINE = """
[rules]
entry = "dip_buyer"
[rules.sets.dip_buyer]
all = ["macd_cross_above", "rsi_below(period=14, level=45, bars=20)"]
not = ["gap_down"]
"""
EAGER = ("--set", "approval.policy=auto", "--set", "app.tiers=rules,llm")


def document(home: Path, *words: str) -> dict[str, Any]:
    done = hybrid_tui(home, *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(home: Path, until: str, *options: str) -> list[dict[str, Any]]:
    """Run the simulated market without waiting; return its events."""
    words = ("run", "--headless", "--speed", "0", "--until", until, "--json")
    done = hybrid_tui(home, *options, *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def configure(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text)


def test_list_shows_the_sets_with_every_parameter(tmp_path: Path) -> None:
    home = tmp_path / "home"
    configure(home, MINE)
    found = document(home, "rules", "list", "--conditions", "--json")
    sets = {row["name"]: row for row in found["sets"]}
    assert list(sets) == ["rsi_macd", "rsi_macd_strict", "bollinger", "dip_buyer"]
    assert found["entry"] == "dip_buyer"
    assert sets["dip_buyer"] == {
        "name": "dip_buyer",
        "from": "config",
        "all": [
            "macd_cross_above(fast=12, slow=26, signal=9, bars=1)",
            "rsi_below(period=14, level=45, bars=20)",
        ],
        "any": [],
        "not": ["gap_down(fraction=0.02)"],
    }
    assert sets["rsi_macd"]["from"] == "built in"
    assert "volume_spike" in {row["name"] for row in found["conditions"]}
    text = hybrid_tui(home, "rules", "list").stdout
    assert "dip_buyer (config, rules.entry)" in text


def test_explain_says_what_the_engine_decided(tmp_path: Path) -> None:
    first = tmp_path / "first"
    configure(first, MINE)
    events = run(first, "2026-01-05T12:30:00-05:00", *EAGER)
    bought = [
        event
        for event in events
        if event["event"] == "OrderIntended" and event["order"]["side"] == "buy"
    ]
    refused = [event for event in events if event["event"] == "EntryRefused"]
    assert bought
    assert refused
    for event, symbol in (
        (bought[0], bought[0]["order"]["symbol"]),
        (refused[-1], refused[-1]["symbol"]),
    ):
        home = tmp_path / event["event"]
        configure(home, MINE)
        run(home, event["at"], *EAGER)
        entry = document(home, "rules", "explain", symbol, "--json")["entry"]
        assert entry["set"] == "dip_buyer"
        assert {row["condition"].partition("(")[0]: row["met"] for row in entry["technical"]} == {
            "macd_cross_above": True,
            "rsi_below": True,
            "gap_down": True,
        }
        reason = event.get("reason", "held, or an order in it is open")
        assert entry["missing"] == [reason]
        assert bought[0]["order"]["reason"] == "dip_buyer"


def test_explain_tells_of_a_position_its_stop_and_its_exits(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "2026-01-05T11:00:00-05:00", *EAGER, "--set", "rules.rsi_exit=0")
    held = document(home, "positions", "--json")["positions"]
    assert held
    symbol = held[0]["symbol"]
    found = document(home, "--set", "rules.exit=bollinger", "rules", "explain", symbol, "--json")
    position = found["position"]
    assert found["running"] is False
    assert found["at"] == "2026-01-05T16:00:00Z"
    assert position["stop"] == held[0]["stop"]
    assert position["to_stop"] == pytest.approx(1 - held[0]["stop"] / held[0]["last"])
    assert [row["name"] for row in position["conditions"]] == [
        "thesis_invalidated",
        "technical",
        "buy probability < 0.4",
        "overnight",
    ]
    assert {row["set"] for row in position["technical"]} == {"exit", "bollinger"}
    # Where the engine's market cannot be made again, the bars that it journalled stand in.
    other = document(home, "--set", "sim.edge_bps=3", "rules", "explain", symbol, "--json")
    (note,) = other["warnings"]
    assert "from the 90 bars that this run has in the journal" in note
    assert other["last_bar"] == found["last_bar"] == "2026-01-05T15:59:00Z"
    macd = [
        row["values"]["macd(12, 26, 9)"]
        for row in (*found["entry"]["technical"], *other["entry"]["technical"])
        if row["condition"].startswith("macd")
    ]
    assert macd[0] == pytest.approx(macd[1], abs=0.01)
    text = hybrid_tui(home, "rules", "explain", symbol.lower()).stdout
    assert f"{symbol} as of 2026-01-05T16:00:00Z (no engine runs)" in text
    unknown = hybrid_tui(home, "rules", "explain", f"{symbol}X")
    assert unknown.returncode == 2
    assert f"did you mean '{symbol}'?" in unknown.stderr


def test_explain_without_a_journal_is_an_error(tmp_path: Path) -> None:
    done = hybrid_tui(tmp_path / "home", "rules", "explain", "SPY")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
