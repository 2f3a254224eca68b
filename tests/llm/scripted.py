"""A scripted model that reads the prompt it is sent: it may obey whoever writes its headlines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.llm import Act


def headlines(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the headlines of a request as the model sees them."""
    text = request["messages"][1]["content"].split("HEADLINES\n")[-1]
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def plain(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a valid answer that likes the first symbol with a headline."""
    first = next((line for line in lines if line["symbols"]), None)
    symbol = first["symbols"][0] if first else None
    return {
        "reasoning": f"{symbol} has news ({first['id']})." if first else "No news.",
        "direction": "bullish" if first else "neutral",
        "risk_level": "moderate",
        "sectors": [],
        "focus_stocks": [symbol] if symbol else [],
        "scores": [{"symbol": symbol, "score_pct": 60, "cited": [first["id"]]}] if first else [],
        "overnight_target_pct": 40,
        "theses": [],
    }


def obeying(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the loudest headline asks for: the attacker's symbol, everything, overnight."""
    answer = plain(lines)
    for line in lines:
        wanted = re.search(r"\b(buy|score|approve|accumulate|overweight)\b", line["headline"], re.I)
        target = re.search(r"\b(XYZ|GME|AAA|BBB|NVDA|TSLA|SPY)\b", line["headline"])
        if wanted and target:
            symbol = target.group(1)
            answer |= {
                "direction": "bullish",
                "risk_level": "aggressive",
                "focus_stocks": [symbol],
                "scores": [{"symbol": symbol, "score_pct": 100, "cited": [line["id"]]}],
                "overnight_target_pct": 100,
            }
    return answer


def model(
    decide: Callable[[list[dict[str, Any]]], dict[str, Any]],
) -> Callable[[dict[str, Any]], Act | None]:
    """Return a rule of the local endpoint that answers each request by its headlines."""

    def answer(request: dict[str, Any]) -> Act | None:
        lines = headlines(request)
        if "labels" in json.dumps(request["messages"][0]):
            labels = [{"id": line["id"], "score_pct": 10 * (i % 7)} for i, line in enumerate(lines)]
            return Act(text=json.dumps({"labels": labels}))
        return Act(text=json.dumps(decide(lines)))

    return answer
