"""The parts of a prompt but the headlines, each as lines of JSON, the most important first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final

from hybrid_tui.domain.briefing import PastStrategy
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.ports import StrategistBrief
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.text import clean_text

LONGEST_NOTE: Final = 160


def market_lines(brief: StrategistBrief) -> list[str]:
    """Return the account: equity, cash, today's profit, locks and the last trades."""
    fields: dict[str, object] = {}
    if brief.equity is not None:
        fields["equity"] = round(brief.equity)
    if brief.cash is not None:
        fields["cash"] = round(brief.cash)
    execution = brief.execution
    if execution is not None:
        fields["profit_today"] = round(execution.current_pnl, 2)
        for name, given in (
            ("alerts", execution.risk_alerts),
            ("locks", execution.locks),
            ("last_trades", execution.recent_trades[-5:]),
        ):
            if given:
                fields[name] = list(given)
    return [_line(fields)] if fields else []


def holding_lines(brief: StrategistBrief) -> list[str]:
    """Return the positions, the largest first."""
    held = sorted(brief.holdings, key=lambda one: (-one.quantity * one.price, one.symbol))
    return [
        _line(
            {
                "symbol": one.symbol,
                "quantity": round(one.quantity, 4),
                "entry": _price(one.entry_price),
                "price": _price(one.price),
                "profit": round(one.pnl, 2),
                "profit_pct": _percent(one.price / one.entry_price - 1),
                "stop": _price(one.level),
            }
        )
        for one in held
    ]


def symbol_lines(brief: StrategistBrief) -> list[str]:
    """Return prices over several timeframes and indicators: what is held first, then the rest."""
    held = {one.symbol for one in brief.holdings}
    ordered = sorted(
        (symbol for symbol in brief.watchlist if symbol in brief.facts),
        key=lambda symbol: (symbol not in held, brief.watchlist.index(symbol)),
    )
    lines = []
    for symbol in ordered:
        facts = brief.facts[symbol]
        fields: dict[str, object] = {"symbol": symbol, "price": _price(facts.price)}
        fields |= {f"{name}_pct": _percent(value) for name, value in facts.changes.items()}
        fields |= {name: _figure(value) for name, value in facts.indicators.items()}
        lines.append(_line(fields))
    return lines


def prediction_lines(brief: StrategistBrief) -> list[str]:
    """Return tier 2's fresh predictions, likeliest first, after how such predictions came out."""
    lines = []
    record = brief.track_record
    if record is not None:
        fields: dict[str, object] = {
            "known_outcomes": record.outcomes,
            "claimed_on_average": round(record.claimed, 3),
            "came_true": round(record.came_true, 3),
        }
        if record.error is not None:
            fields["calibration_error"] = round(record.error, 3)
        lines.append(_line(fields))
    fresh = sorted(
        (p for p in brief.predictions.values() if p.is_fresh(brief.now)),
        key=lambda p: (-p.buy_probability, p.symbol),
    )
    return lines + [_prediction(one) for one in fresh]


def _prediction(one: MLPrediction) -> str:
    fields: dict[str, object] = {
        "symbol": one.symbol,
        "buy_probability": round(one.buy_probability, 2),
        "confidence": round(one.confidence, 2),
        "forecast_1h_pct": _percent(one.price_forecast_1h / one.reference_price - 1),
        "volatility_1h_pct": _percent(one.volatility_forecast),
    }
    if not one.familiar:
        fields["familiar"] = False
    return _line(fields)


def earnings_lines(brief: StrategistBrief) -> list[str]:
    """Return the earnings that are due, the next first."""
    due = sorted(
        (one for one in brief.earnings if one.dates and one.symbol in brief.watchlist),
        key=lambda one: (one.dates, one.symbol),
    )
    return [
        _line({"symbol": one.symbol, "earnings": [day.isoformat() for day in one.dates]})
        for one in due
    ]


def past_lines(brief: StrategistBrief) -> list[str]:
    """Return earlier proposals and what became of them, the one in force first, then the newest."""
    known = [one for one in brief.past if one.at < brief.now]
    ordered = sorted(known, key=lambda one: (not one.in_force, -one.at.timestamp()))
    return [_past(one) for one in ordered]


def _past(one: PastStrategy) -> str:
    fields: dict[str, object] = {
        "id": one.id,
        "session": f"{one.at.astimezone(NEW_YORK):%m-%d} {clean_text(one.session)[:10]}",
        "status": "in force" if one.in_force else one.status,
        "direction": one.direction,
        "risk": one.risk_level,
        "overnight_pct": round(one.overnight_target * 100),
        "scores": {symbol: round(score * 100) for symbol, score in one.scores.items()},
        "focus": list(one.focus),
    }
    if one.approved and set(one.approved) != set(one.focus):
        fields["approved"] = list(one.approved)
    if one.returns:
        fields["since_pct"] = {s: _percent(value) for s, value in one.returns.items()}
    if one.market is not None:
        fields["market_since_pct"] = _percent(one.market)
    return _line(fields)


def veto_lines(brief: StrategistBrief) -> list[str]:
    """Return each veto of the person with its reason, the newest first.

    One line a veto: many reasons within one strategy do not push each other out.
    """
    lines = []
    for one in sorted(brief.past, key=lambda one: -one.at.timestamp()):
        if one.at >= brief.now:
            continue
        for veto in reversed(one.vetoes):
            fields: dict[str, object] = {
                "strategy": one.id,
                "vetoed": list(veto.symbols) or "whole",
            }
            if veto.reason:
                fields["reason"] = clean_text(veto.reason)[:LONGEST_NOTE]
            lines.append(_line(fields))
    return lines


def lesson_lines(brief: StrategistBrief) -> list[str]:
    """Return the lessons that may be known now, the newest first."""
    known = [one for one in brief.lessons if one.known_at <= brief.now]
    known.sort(key=lambda one: (one.known_at, one.id), reverse=True)
    return [json.dumps(clean_text(one.text)[:300], ensure_ascii=False) for one in known]


def _line(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _price(value: float) -> float:
    return round(value, 2 if value >= 1 else 4)


def _percent(fraction: float) -> float:
    return round(fraction * 100, 2)


def _figure(value: float) -> float:
    """Return a figure with four significant digits."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    return round(value, max(0, 3 - math.floor(math.log10(abs(value)))))
