"""A real recorded day, run by the real engine, with what a person decides in it written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

from hybrid_tui.cli import app as command_line
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.desk import Desk, DeskOptions, compose_desk
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.events import EngineStopped, Event
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.reader import latest_run, open_read_only, read_events

Decision = Callable[[DeskState], Command]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A start of the desk with some settings (KEY=VALUE), its end, and what is decided meanwhile.

    Times are New York's, HH:MM.
    """

    settings: tuple[str, ...]
    until: str
    decisions: Mapping[str, Decision] = field(default_factory=dict)


def import_real_data(data: Path) -> None:
    """Fill the home's store and journal with the real bars and headlines of March 2026."""
    headlines = str(data / "news_2026" / "headlines.jsonl.gz")
    for words in (
        ["data", "import", str(data / "yahoo_1m_2026")],
        ["news", "import", headlines, "--received-from", "published_at"],
    ):
        command_line(words, standalone_mode=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What is left of a run: its engine, and the state of the desk just before its last stop."""

    desk: Desk
    state: DeskState


def run_day(day: date, stretches: Sequence[Stretch]) -> Replayed:
    """Run one stretch after the other as fast as it goes.

    Raises AssertionError where the engine refused a decision.
    """
    for stretch in stretches:
        desk = _run(day, stretch)
    state = DeskState()
    with closing(open_read_only(CliState().paths.journal)) as journal:
        info = latest_run(journal)
        assert info is not None
        *events, last = read_events(journal, info.run)
    assert isinstance(last, EngineStopped), last
    for event in events:
        state.apply(event)
    return Replayed(desk=desk, state=state)


def _run(day: date, stretch: Stretch) -> Desk:
    def instant(clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)

    options = DeskOptions(recorded_day=day, speed=0.0)
    desk = compose_desk(CliState(overrides=stretch.settings), options)
    due = sorted((instant(clock), decision) for clock, decision in stretch.decisions.items())
    asked: list[asyncio.Task[Ack]] = []

    def decide(event: Event) -> None:
        # The engine takes a command as soon as the instant under way has ended.
        while due and event.at >= due[0][0]:
            _, decision = due.pop(0)
            asked.append(asyncio.create_task(desk.runtime.obey(decision(desk.state))))

    desk.publisher.listen(decide)
    asyncio.run(desk.runtime.run(desk.begins_at, instant(stretch.until)))
    desk.journal.close()
    assert not due, due
    for answer in asked:
        assert answer.result().ok, answer.result()
    return desk
