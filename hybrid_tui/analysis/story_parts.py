"""The part of a story before the rule: headlines, the strategist, the person, the prediction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from hybrid_tui.analysis.story_words import Step
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.text import clean_text
from hybrid_tui.journal.codec import load_event

NEWS_REACH = timedelta(days=3)
MOST_HEADLINES = 12


def headlines_of(
    connection: sqlite3.Connection, run: str, signal: StrategySignal, symbol: str | None
) -> Iterator[Step]:
    """Yield the headlines that a signal cites; with a symbol, those about it."""
    wanted = set(signal.cited)
    if not wanted:
        return
    rows = connection.execute(
        "select id, body from events where run = ? and at >= ? and at <= ? and kind = 'NewsArrived'"
        " order by id desc",
        (run, iso(signal.at - NEWS_REACH), iso(signal.at)),
    )
    found = 0
    for event_id, body in rows:
        event = load_event("NewsArrived", body)
        assert isinstance(event, ev.NewsArrived)
        item = event.item
        if item.id not in wanted or (symbol is not None and symbol not in item.symbols):
            continue
        facts = [("about", ", ".join(item.symbols)), ("source", clean_text(item.source) or "-")]
        if event.score is not None:
            facts.append(("sentiment", f"{event.score:+.2f}"))
        yield Step(
            at=item.received_at,
            kind="headline",
            text=clean_text(item.headline),
            facts=tuple(facts),
            event_id=event_id,
        )
        found += 1
        if found >= MOST_HEADLINES:
            return


def session_step(
    connection: sqlite3.Connection, event: ev.SignalProposed, symbol: str | None
) -> Step:
    """Return what the strategist proposed, by whom, at what cost."""
    signal = event.signal
    source = "the local analyst" if signal.source == "local" else clean_text(signal.source)
    facts = [
        ("direction", signal.direction.value),
        ("risk", signal.risk_level.value),
        ("overnight", f"{signal.overnight_target:.0%}"),
    ]
    if symbol is None:
        facts.append(("list", ", ".join(signal.focus_stocks) or "empty"))
    elif symbol in signal.sentiment_scores:
        facts.append(("sentiment", f"{symbol} {signal.sentiment_scores[symbol]:+.2f}"))
    for thesis in signal.theses:
        if symbol in (None, thesis.symbol):
            text = f"{clean_text(thesis.claim)}; wrong if {clean_text(thesis.invalid_if)}"
            facts.append(("thesis", text))
    calls = connection.execute(
        "select model, input_tokens, output_tokens, seconds, cost_usd from llm_exchanges"
        " where decision = ? order by asked_at",
        (signal.id,),
    ).fetchall()
    for model, read, written, seconds, cost in calls:
        facts.append(
            (
                "call",
                f"{model}: {read or 0} tokens in, {written or 0} out, {seconds:.1f} s, ${cost:.4f}",
            )
        )
    if not calls and signal.cost_usd:
        facts.append(("cost", f"${signal.cost_usd:.4f}"))
    facts.append(("reasoning", clean_text(signal.reasoning) or "none given"))
    if signal.flags:
        facts.append(("flags", "; ".join(map(clean_text, signal.flags))))
    return Step(
        at=event.at,
        kind="strategist",
        text=f"{clean_text(signal.session)} session by {source}: {signal.id}",
        facts=tuple(facts),
        event_id=event.id,
    )


def approvals_of(
    connection: sqlite3.Connection, run: str, name: str, symbol: str | None, before: int | None
) -> Iterator[Step]:
    """Yield what was decided on a signal (on one symbol of it), until an event, if one is given."""
    rows = connection.execute(
        "select event_id, at, symbol, decision, decided_by, reason from approvals"
        " where run = ? and signal_id = ? and event_id < ? order by event_id",
        (run, name, before if before is not None else 1 << 62),
    ).fetchall()
    groups: dict[int, list[sqlite3.Row]] = {}
    for row in rows:
        if symbol is None or row[2] in ("", symbol):
            groups.setdefault(row[0], []).append(row)
    for event_id, found in groups.items():
        _, at, _, decision, by, reason = found[0]
        who = {"person": "you", "clock": "time ran out"}.get(by, clean_text(by))
        listed = ", ".join(row[2] for row in found if row[2]) or "the list"
        yield Step(
            at=datetime.fromisoformat(at),
            kind=decision,
            text=f"{listed} by {who}",
            facts=(("reason", clean_text(reason)),) if reason else (),
            event_id=event_id,
        )


def prediction_step(connection: sqlite3.Connection, run: str, name: str) -> Step | None:
    """Return a prediction with its members and its interval, None where it is not there."""
    row = connection.execute(
        "select e.id, e.body from predictions p join events e on e.run = p.run"
        " and e.id = p.event_id where p.run = ? and p.id = ?",
        (run, name),
    ).fetchone()
    if row is None:
        return None
    event = load_event("PredictionsMade", row[1])
    assert isinstance(event, ev.PredictionsMade)
    made = next((found for found in event.predictions if found.id == name), None)
    if made is None:
        return None
    expected = made.price_forecast_1h / made.reference_price - 1
    votes = ", ".join(f"{member} {value:.2f}" for member, value in made.members.items())
    return Step(
        at=made.at,
        kind="prediction",
        text=f"{made.symbol} p(buy) {made.buy_probability:.2f}, confidence {made.confidence:.2f}",
        facts=(
            ("forecast", f"{made.price_forecast_1h:,.2f} in an hour ({expected:+.2%})"),
            ("interval", f"{made.interval.level:.0%}: {made.interval.low:,.2f} to"
             f" {made.interval.high:,.2f}"),
            ("votes", votes or "-"),
            ("target", f"{made.target_position:.1%} of equity"),
            ("familiar", "yes" if made.familiar else "no"),
            ("model", made.model_id),
        ),
        event_id=row[0],
    )  # fmt: skip
