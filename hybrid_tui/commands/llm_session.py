"""``hybrid-tui llm session`` and ``llm replay``: one session by hand, and a recorded one again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.common import split_symbols, tell
from hybrid_tui.commands.context import CliState, iso, parse_bound, print_json, state_of
from hybrid_tui.commands.llm_asked import ask_engine
from hybrid_tui.commands.llm_brief import brief_at, session_at, session_name
from hybrid_tui.errors import ConfigError, Refused

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.exchange import Exchange
    from hybrid_tui.domain.ports import Abstained, StrategistBrief
    from hybrid_tui.domain.signals import StrategySignal
    from hybrid_tui.engine.ledger import CommandLedger
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.llm.prompt import Prompt

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


def session(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="10:00, 12:00, ... or morning, midday, afternoon, closing")
    ] = None,
    at: Annotated[str | None, typer.Option(help="New York date or instant; default: now")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,...; default: the watchlist")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the prompt and its cost, and call nobody")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="ask also where the same prompt has its answer")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold one session of tier 3 on what was known then. Nothing of it trades.

    While an engine runs, a session of now is held by it, outside its hours: its proposal waits for
    you on the screen, and is paid from the events' slice of the cap.
    """
    state = state_of(context)
    config = state.config()
    clock = session_name(name)
    if at is None and symbols is None and not dry_run and not again:
        held = ask_engine(state.paths, clock)
        if held is not None:
            by = held.asked
            _show(held.answer, by.decision, by.session, by.at, held.exchanges, as_json)
            return
    asked = parse_bound(at, "--at", is_end=False)
    now = session_at(state, clock, asked, datetime.now(UTC))
    brief = brief_at(state, config, now, clock, split_symbols(symbols))
    if dry_run:
        show_prompt(config, brief, as_json=as_json)
        return
    answer, found = hold(state, config, brief, again=again)
    _show(answer, brief.id, brief.session, brief.now, found, as_json)


def show_prompt(config: Config, brief: StrategistBrief, *, as_json: bool) -> None:
    """Print what would be said, and the most that it would cost."""
    from hybrid_tui.commands.model import prompt_limits
    from hybrid_tui.llm.prompt import build_prompt

    prompt = build_prompt(brief, prompt_limits(config))
    most = _most(config, prompt)
    if as_json:
        print_json(
            {
                "session": brief.session,
                "at": iso(brief.now),
                "model": _model(config),
                "prompt_key": prompt.key,
                "estimated_tokens": prompt.estimated_tokens,
                "most_cost_usd": most,
                "parts": [
                    {"name": p.name, "tokens": p.tokens, "kept": p.kept, "cut": p.cut}
                    for p in prompt.parts
                ],
                "left_out": dict(prompt.left_out),
                "messages": [dict(message) for message in prompt.messages],
                "schema": dict(prompt.schema),
            }
        )
        return
    for message in prompt.messages:
        typer.echo(f"--- {message['role']}\n{message['content']}")
    cut = [f"{part.name} {part.cut}" for part in prompt.parts if part.cut]
    tell(
        [
            f"about {prompt.estimated_tokens} tokens for {_model(config)},"
            f" at most ${most:.4f}; nobody was called",
            *([f"cut for length: {', '.join(cut)}"] if cut else []),
            *(f"left out: {count} {reason}" for reason, count in prompt.left_out.items()),
        ]
    )


def _model(config: Config) -> str:
    return config.llm.model if config.llm.provider == "openai" else "the local analyst"


def _most(config: Config, prompt: Prompt) -> float:
    """Return the dollars that a call could cost at most; the local analyst costs nothing."""
    if config.llm.provider != "openai":
        return 0.0
    from hybrid_tui.llm.prices import prices_of

    llm = config.llm
    prices = prices_of(llm.model, llm.base_url, llm.price_in, llm.price_out)
    return prices.most(prompt.estimated_tokens, llm.max_output_tokens, datetime.now(UTC))


@contextlib.contextmanager
def writing(state: CliState) -> Iterator[Journal]:
    """Hold the profile's lock and its journal: it has one writer."""
    from hybrid_tui.engine.endpoint import ProfileLock
    from hybrid_tui.journal.journal import Journal

    lock = ProfileLock(state.paths)
    lock.acquire()
    try:
        with closing(Journal(state.paths.journal)) as journal:
            yield journal
    finally:
        lock.release()


def ledger_of(config: Config, journal: Journal) -> CommandLedger:
    """Return the ledger of a command's calls."""
    from hybrid_tui.commands.model import caps_of, real_time
    from hybrid_tui.engine.ledger import CommandLedger
    from hybrid_tui.journal.reader import read_charges

    return CommandLedger(
        journal,
        caps_of(config),
        partial(read_charges, journal.connection),
        real_time,
        lambda text: tell([text]),
    )


def hold(
    state: CliState, config: Config, brief: StrategistBrief, *, again: bool
) -> tuple[StrategySignal | Abstained, list[Exchange]]:
    """Return the answer to a brief, and the exchanges it comes from.

    The answer that was recorded for the very same prompt is taken first: it is free.
    """
    from hybrid_tui.commands.model import make_strategist, prompt_limits
    from hybrid_tui.domain.exchange import ANSWERED
    from hybrid_tui.domain.ports import Arriving
    from hybrid_tui.journal.exchanges import exchanges_of_prompt
    from hybrid_tui.llm.prompt import build_prompt
    from hybrid_tui.llm.recorded import read_exchange

    with writing(state) as journal:
        if config.llm.provider == "openai" and not again:
            key = build_prompt(brief, prompt_limits(config)).key
            for one in reversed(exchanges_of_prompt(journal.connection, key)):
                if one.outcome == ANSWERED and one.model == config.llm.model:
                    return read_exchange(one)[1], [one]
        found: list[Exchange] = []

        def keep(exchanges: Sequence[Exchange]) -> None:
            found.extend(exchanges)
            journal.keep_exchanges(exchanges)

        ledger = ledger_of(config, journal)
        strategist = make_strategist(state, config, ledger, threading.Event(), keep)
        answer = strategist.propose(brief)
        return (answer.answer if isinstance(answer, Arriving) else answer), found


def replay(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="a session's, a prompt's or a call's")],
    as_json: AsJson = False,
) -> None:
    """Read a recorded answer again, free: with today's checks, on what was known then."""
    from hybrid_tui.domain.exchange import ANSWERED
    from hybrid_tui.journal.exchanges import find_exchanges
    from hybrid_tui.journal.reader import open_read_only
    from hybrid_tui.llm.recorded import read_exchange

    with closing(open_read_only(state_of(context).paths.journal)) as connection:
        found = find_exchanges(connection, name)
    if not found:
        raise ConfigError(
            f"no recorded session {name!r}", hint="hybrid-tui llm session records what it asks"
        )
    chosen = next((one for one in reversed(found) if one.outcome == ANSWERED), found[-1])
    brief, answer = read_exchange(chosen)
    _show(answer, brief.id, brief.session, brief.now, [chosen], as_json)


def _show(
    answer: StrategySignal | Abstained,
    name: str,
    session: str,
    at: datetime,
    exchanges: Sequence[Exchange],
    as_json: bool,
) -> None:
    """Print an answer; raises Refused for an abstention, which is the answer no."""
    from hybrid_tui.domain.ports import Abstained

    document: dict[str, Any] = {
        "id": name,
        "session": session,
        "at": iso(at),
        "signal": None if isinstance(answer, Abstained) else signal_row(answer),
        "abstained": answer.reason if isinstance(answer, Abstained) else None,
        "exchanges": [_row(one) for one in exchanges],
    }
    if as_json:
        print_json(document)
    elif not isinstance(answer, Abstained):
        for line in _lines(answer):
            typer.echo(line)
    if isinstance(answer, Abstained):
        raise Refused(f"{session}: no signal: {answer.reason}")


def signal_row(signal: StrategySignal) -> dict[str, Any]:
    """Return a signal as JSON."""
    from pydantic import TypeAdapter

    from hybrid_tui.domain.signals import StrategySignal

    row: dict[str, Any] = TypeAdapter(StrategySignal).dump_python(signal, mode="json")
    return row


def _row(one: Exchange) -> dict[str, Any]:
    return {
        "id": one.id,
        "prompt_key": one.prompt_key,
        "model": one.model,
        "outcome": one.outcome,
        "asked_at": iso(one.asked_at),
        "arrived_at": iso(one.arrived_at),
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "cost_usd": one.cost_usd,
        "seconds": one.seconds,
    }


def _lines(signal: StrategySignal) -> list[str]:
    scores = ", ".join(f"{s} {value:+.2f}" for s, value in signal.sentiment_scores.items())
    return [
        f"{signal.session} {signal.direction.value}, {signal.risk_level.value},"
        f" overnight {signal.overnight_target:.0%}, by {signal.source}, ${signal.cost_usd:.4f}",
        f"focus: {', '.join(signal.focus_stocks) or 'none'}",
        f"scores: {scores or 'none'}",
        *(f"thesis {one.symbol}: {one.claim}; wrong if {one.invalid_if}" for one in signal.theses),
        signal.reasoning,
        *(f"flag: {flag}" for flag in signal.flags),
    ]
