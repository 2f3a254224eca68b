"""A desk whose weeks are scripted: an engine without prices, models that know or guess, a journal.

Time is stepped from one due instant to the next. Of each symbol at each instant a hidden figure
says how likely it rises; a model is a function of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.models import GateResult, ModelBook, ModelFacts, SymbolDrift
from hybrid_tui.domain.ports import MarketUpdate, TrainingResult
from hybrid_tui.domain.retraining import parse_slot
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.jobs import DriftJob, Job, JobResult, PredictJob, ShadowJob, TrainJob
from hybrid_tui.engine.models import LifePlan
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import ModelError
from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import read_events, read_state
from tests.semantics.desk import prediction

SYMBOLS = tuple(f"S{number:02}" for number in range(20))
CONFIG = Config.model_validate({"ml": {"interval_minutes": 60}, "app": {"tiers": ["rules", "ml"]}})
PASSED = GateResult(is_passed=True, reason="it beat every rival")
FAILED = GateResult(is_passed=False, reason="it did not beat the base rate")
WORSE = GateResult(is_passed=False, reason="it lost to the base rate", is_worse=True)
Kind = TypeVar("Kind", bound=ev.Event)
Guess = Callable[[float], float]


def knows(hidden: float) -> float:
    """Say what is true."""
    return 1.0 / (1.0 + math.exp(-hidden))


def shrugs(hidden: float) -> float:
    """Say next to nothing."""
    return 0.5 + 0.001 * math.tanh(hidden)


def errs(hidden: float) -> float:
    """Say the contrary, and loudly."""
    return 1.0 / (1.0 + math.exp(2.0 * hidden))


def facts(name: str, expires_at: datetime | None = None) -> ModelFacts:
    """Return a model's facts."""
    return ModelFacts(
        id=name,
        trained_until=datetime(2025, 9, 1, tzinfo=UTC),
        base_rate=0.5,
        threshold_bps=2.0,
        expires_at=expires_at,
    )


def new_york(text: str) -> datetime:
    """Return a UTC instant of New York's time."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


class Shelf:
    """Keeps names only."""

    def __init__(self, previous: ModelFacts | None = None) -> None:
        self.before = previous
        self.expires_at: datetime | None = None
        self.damaged: set[str] = set()
        self.levels: dict[str, float] = {}
        self.installed: list[str] = []

    def previous(self) -> ModelFacts | None:
        return self.before

    def candidate(self, model_id: str) -> ModelFacts:
        if model_id == "gone":
            raise ModelError("there is no model 'gone'")
        if model_id in self.damaged:
            raise ModelError(f"{model_id} is not what its manifest vouches for")
        level = self.levels.get(model_id)
        return replace(facts(model_id, self.expires_at), entry_level=level, has_held_out=True)

    def install(self, model_id: str) -> None:
        self.installed.append(model_id)


class World:
    """A desk in a folder; ``guesses`` are the models by name."""

    def __init__(
        self,
        folder: Path,
        calendar: TradingCalendar,
        begins: str,
        guesses: Mapping[str, Guess],
        champion: ModelFacts,
        *,
        slot: str | None = None,
        shelf: Shelf | None = None,
        trained_at: datetime | None = None,
        is_pinned: bool = False,
        is_judged: bool = True,
    ) -> None:
        self.calendar, self.guesses, self.shelf = calendar, guesses, shelf or Shelf()
        self.plan = LifePlan(
            market="real",
            shelf=self.shelf,
            champion=champion,
            shadow_sessions=5,
            slot=parse_slot(slot) if slot is not None else None,
            trained_at=trained_at,
            is_pinned=is_pinned,
            is_judged=is_judged,
        )
        self.path = folder / "journal.db"
        self.now = new_york(begins)
        self.asked: list[TrainJob] = []
        self.answers: list[tuple[Job, JobResult]] = []
        self._pending: list[tuple[Outcome, datetime]] = []
        journal = Journal(self.path)
        journal.start_run("r", "paper", "d", self.now)
        self._open(journal, DeskState())

    def _open(self, journal: Journal, state: DeskState) -> None:
        self.journal, self.state = journal, state
        journal.follow("r", state)
        self.recorder = Recorder(state, journal)
        if state.started is None:
            self.recorder.emit(
                ev.EngineStarted,
                self.now,
                run="r",
                mode="paper",
                hybrid="hierarchical",
                tiers=("ml", "rules"),
                policy="ask",
                watchlist=SYMBOLS,
                cash=100_000.0,
                resumed=False,
                speed=1.0,
                sources={},
                settings={},
            )
        setup = EngineSetup(
            config=CONFIG,
            tiers=frozenset({"rules", "ml"}),
            calendar=self.calendar,
            symbols=SYMBOLS,
            interval=60,
            feed_name="none",
            min_probability=0.7,
            life=self.plan,
        )
        self.engine = Engine(setup, self.recorder, PaperBroker(cash=100_000.0))
        self.engine.announce(self.now)

    def restart(self) -> None:
        """End the process without a word, and begin it anew on what the journal has."""
        self.journal.flush()
        self.journal.connection.close()
        journal = Journal(self.path)
        champion = self.book.champion_facts
        assert champion is not None
        self.plan = replace(self.plan, champion=champion)
        self.asked.clear()
        self._open(journal, read_state(journal.connection, "r"))

    @property
    def book(self) -> ModelBook:
        return self.state.models

    def until(self, text: str) -> None:
        """Step through everything that is due up to an instant in New York."""
        end = new_york(text)
        while (due := self.engine.upcoming(self.now)) <= end:
            self.now = due
            self.cycle()
        self.now = end
        self.cycle()

    def cycle(self, *commands: Command) -> list[Ack]:
        """Run the instant, with the answers that have come."""
        answers, self.answers = self.answers, []
        cycle = self.engine.cycle(self.now, MarketUpdate(), commands, answers)
        result: JobResult | None = None
        while True:
            try:
                result = self._run(cycle.send(result))
            except StopIteration as done:
                acks: list[Ack] = done.value
                return acks

    def command(self, command: Command) -> Ack:
        """Have a command obeyed between two instants."""
        self.now += timedelta(seconds=1)
        (ack,) = self.cycle(command)
        return ack

    def trained(
        self, name: str, gate: GateResult = PASSED, expires: datetime | None = None
    ) -> None:
        """Let the training under way end with a model."""
        model = facts(name, expires)
        result = TrainingResult(outcome="trained", model=model, gate=gate, reason=gate.reason)
        self.answer(result)

    def answer(self, result: TrainingResult) -> None:
        """Let the training under way end."""
        self.answers.append((self.asked[-1], result))
        self.now += timedelta(seconds=1)
        self.cycle()

    def events(self, kind: type[Kind]) -> list[Kind]:
        """Return the journal's events of a kind."""
        self.journal.flush()
        found = read_events(self.journal.connection, "r")
        return [event for event in found if isinstance(event, kind)]

    def decided(self) -> list[tuple[str, str]]:
        """Return every decision: verdict and model."""
        return [(made.verdict, made.model.id) for made in self.events(ev.ModelDecided)]

    def _run(self, job: Job) -> JobResult | None:
        match job:
            case TrainJob():
                self.asked.append(job)
                return None
            case PredictJob():
                champion = self.book.champion
                assert champion is not None
                return self._predict(job, champion)
            case ShadowJob(model_id=model_id, asked=asked):
                return [self._prediction(asked, symbol, model_id) for symbol in asked.symbols]
            case DriftJob():
                return {"S01": SymbolDrift(feature="volume", psi=0.3, outcome=None, windows=200)}
        raise AssertionError(job)

    def _predict(self, job: PredictJob, champion: str) -> JobResult:
        at = job.view.now
        known = [outcome for outcome, ends in self._pending if ends <= at]
        self._pending = [one for one in self._pending if one[1] > at]
        found = [self._prediction(job, symbol, champion) for symbol in job.symbols]
        for symbol, made in zip(job.symbols, found, strict=True):
            chance = np.random.default_rng([1, int(at.timestamp()), *symbol.encode()]).random()
            outcome = Outcome(
                symbol=symbol,
                horizon_end=made.horizon_end,
                probability=made.buy_probability,
                came_true=bool(chance < knows(_hidden(at, symbol))),
            )
            self._pending.append((outcome, made.horizon_end))
        answer: list[MLPrediction | Outcome] = [*found, *known]
        return answer

    def _prediction(self, job: PredictJob, symbol: str, model_id: str) -> MLPrediction:
        at = job.view.now
        probability = self.guesses[model_id](_hidden(at, symbol))
        return replace(
            prediction(symbol, at, probability),
            model_id=model_id,
            members={"logistic": 0.5},
            horizon_end=min(at + timedelta(hours=1), job.session_close),
        )


def _hidden(at: datetime, symbol: str) -> float:
    return float(np.random.default_rng([0, int(at.timestamp()), *symbol.encode()]).normal())


def days(events: Sequence[ev.Event]) -> list[str]:
    """Return when events happened, in New York."""
    return [event.at.astimezone(NEW_YORK).strftime("%a %d %H:%M") for event in events]
