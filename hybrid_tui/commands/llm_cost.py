"""``hybrid-tui llm cost``: what tier 3's calls have cost, and will."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from hybrid_tui.commands.context import CliState, iso, print_json, state_of
from hybrid_tui.commands.model import caps_of, real_time
from hybrid_tui.commands.show import AsJson
from hybrid_tui.errors import HybridError, Refused

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.charges import Booked

FULL_PROMPT_BYTES = 20_000
SESSION_DAYS = 21
SHOWN_DECISIONS = 20


def cost(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what the language model has cost today, this month and per decision, and will cost."""
    from hybrid_tui.llm.budget import spent

    state = state_of(context)
    config, now = state.config(), real_time()
    month = _booked(state)
    sums, caps = spent(month, now), caps_of(config)
    decisions = _by(month, "decision")
    document: dict[str, Any] = {
        "at": iso(now),
        "provider": config.llm.provider,
        "model": config.llm.model if config.llm.provider == "openai" else "local analyst",
        "today_usd": sums.today_usd,
        "month_usd": sums.month_usd,
        "month_cap_usd": caps.month_usd,
        "reserved_usd": sums.reserved_usd,
        "regular_usd": sums.month_usd - sums.event_usd,
        "regular_cap_usd": caps.regular_usd,
        "event_usd": sums.event_usd,
        "event_cap_usd": caps.event_usd,
        "session_cap_usd": caps.session_usd,
        "per_decision_usd": sums.month_usd / len(decisions) if decisions else None,
        "forecast_usd": sums.forecast_usd,
        "models": _by(month, "model"),
        "decisions": decisions[-SHOWN_DECISIONS:],
        "prices": _prices(config),
    }
    if as_json:
        print_json(document)
        return
    for line in _lines(document):
        typer.echo(line)


def _booked(state: CliState) -> Sequence[Booked]:
    """Return the charges of New York's month."""
    from hybrid_tui.journal.reader import open_read_only, read_charges
    from hybrid_tui.journal.schema import CHARGED, applied
    from hybrid_tui.llm.budget import month_start

    if not state.paths.journal.exists():
        return ()
    connection = open_read_only(state.paths.journal)
    try:
        if CHARGED not in applied(connection):
            raise Refused(
                "the journal is from an older version", hint="start hybrid-tui once, then again"
            )
        return read_charges(connection, month_start(real_time()))
    finally:
        connection.close()


def _by(booked: Sequence[Booked], name: str) -> list[dict[str, Any]]:
    """Return calls and dollars by a field, in the order of the first call."""
    rows: dict[str, dict[str, Any]] = {}
    for charge in booked:
        key = getattr(charge, name)
        row = rows.setdefault(key, {name: key, "calls": 0, "usd": 0.0, "open_usd": 0.0})
        row["calls"] += 1
        row["usd"] = round(row["usd"] + charge.usd, 9)
        if charge.settled_usd is None:
            row["open_usd"] = round(row["open_usd"] + charge.reserved_usd, 9)
        if name == "decision":
            row |= {"purpose": charge.purpose, "at": iso(charge.paid_at), "model": charge.model}
    return list(rows.values())


def _prices(config: Config) -> dict[str, Any]:
    """Return the model's prices, their date, and the most that a month of sessions can cost."""
    from hybrid_tui.llm.prices import prices_of, table_date, table_name

    llm, newest = config.llm, table_date()
    found: dict[str, Any] = {
        "table": table_name(),
        "date": newest.isoformat() if newest else None,
        "model": llm.model,
        "text": None,
        "most_a_call_usd": None,
        "most_a_month_usd": None,
    }
    try:
        prices = prices_of(llm.model, llm.base_url, llm.price_in, llm.price_out)
    except HybridError as error:
        return found | {"text": error.render()}
    call = prices.most(FULL_PROMPT_BYTES, llm.max_output_tokens, real_time())
    events = llm.events_a_day if llm.event_sessions else 0
    calls = SESSION_DAYS * (len(llm.sessions) + events)
    return found | {
        "text": prices.text,
        "most_a_call_usd": call,
        "most_a_month_usd": round(call * calls, 6),
    }


def _lines(document: dict[str, Any]) -> list[str]:
    prices, each = document["prices"], document["per_decision_usd"]
    lines = [
        f"model      {document['model']}",
        f"today      ${document['today_usd']:.4f}",
        f"month      ${document['month_usd']:.4f} of ${document['month_cap_usd']:.2f}"
        f" (${document['reserved_usd']:.4f} of it reserved and not settled)",
        f"regular    ${document['regular_usd']:.4f} of ${document['regular_cap_usd']:.2f}"
        " for sessions at their hours, and labels",
        f"events     ${document['event_usd']:.4f} of ${document['event_cap_usd']:.2f}",
        f"forecast   ${document['forecast_usd']:.4f} at the month's end, at this pace",
        f"prices     {prices['model']}: {prices['text']}",
    ]
    if each is not None:
        lines.insert(3, f"decision   ${each:.4f} on average")
    if prices["most_a_call_usd"] is not None:
        lines.append(
            f"at most    ${prices['most_a_call_usd']:.4f} a call,"
            f" ${prices['most_a_month_usd']:.4f} for a month of sessions"
        )
    for title, name in (("models", "model"), ("decisions", "decision")):
        for row in document[title]:
            lines.append(f"{name:<10} {row[name]}: {row['calls']} calls, ${row['usd']:.4f}")
    return lines
