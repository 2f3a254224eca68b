"""The wire format of a strategist's answer: a JSON Schema that every strict mode takes.

Every key is required, no key is dynamic and nothing is optional; scores and shares are whole per
cents, as grammars do not bound floats. The bounds stand here and are checked again in ``answer``:
no endpoint is trusted to enforce them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hybrid_tui.domain.signals import Direction, RiskLevel
from hybrid_tui.llm.plan import MAX_FOCUS, SECTORS

SECTOR_NAMES: Final = tuple(sorted(set(SECTORS.values())))
LONGEST_REASONING: Final = 1_200
LONGEST_CLAIM: Final = 160
LONGEST_CONDITION: Final = 120
MOST_SCORES: Final = 24
MOST_CITED: Final = 4
MOST_SECTORS: Final = 4
MOST_THESES: Final = MAX_FOCUS


def answer_schema(symbols: Sequence[str], headlines: Sequence[str]) -> dict[str, Any]:
    """Return the schema for a session over ``symbols`` with the numbers of the shown headlines."""
    symbol = {"type": "string", "enum": list(symbols)}
    return _object(
        reasoning=_text(LONGEST_REASONING),
        direction={"type": "string", "enum": [one.value for one in Direction]},
        risk_level={"type": "string", "enum": [one.value for one in RiskLevel]},
        sectors=_list({"type": "string", "enum": list(SECTOR_NAMES)}, MOST_SECTORS),
        focus_stocks=_list(symbol, min(MAX_FOCUS, len(symbols))),
        scores=_list(
            _object(
                symbol=symbol,
                score_pct={"type": "integer", "minimum": -100, "maximum": 100},
                cited=_cited(headlines),
            ),
            min(MOST_SCORES, len(symbols)),
        ),
        overnight_target_pct={"type": "integer", "minimum": 0, "maximum": 100},
        theses=_list(
            _object(
                symbol=symbol,
                claim=_text(LONGEST_CLAIM),
                invalid_if=_text(LONGEST_CONDITION),
            ),
            min(MOST_THESES, len(symbols)),
        ),
    )


def label_schema(numbers: Sequence[str]) -> dict[str, Any]:
    """Return the schema of a batch of labels: one score for each headline's number."""
    return _object(
        labels=_list(
            _object(
                id={"type": "string", "enum": list(numbers)},
                score_pct={"type": "integer", "minimum": -100, "maximum": 100},
            ),
            len(numbers),
        )
    )


def _cited(headlines: Sequence[str]) -> dict[str, Any]:
    if not headlines:
        # An empty enum is not a schema: without headlines nothing can be cited.
        return _list({"type": "string", "enum": ["none"]}, 0)
    return _list({"type": "string", "enum": list(headlines)}, MOST_CITED)


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}
