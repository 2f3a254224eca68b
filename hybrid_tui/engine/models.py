"""The life of tier 2's models from the engine's side: training, shadow, gate, rollback, drift.

Decides only; a Trainer trains, a ModelShelf keeps. What is decided is on disk before it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.models import GateResult, ModelFacts, Verdict
from hybrid_tui.domain.ports import ModelShelf, TrainingResult, TrainingTask
from hybrid_tui.domain.retraining import WEEK, WeeklySlot, training_due
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.engine.jobs import (
    DriftJob,
    JobResult,
    LifeJob,
    PredictJob,
    ShadowJob,
    TierFailed,
    TrainJob,
)
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import ModelError
from hybrid_tui.ml.gate import calibration_break, gate_result, judge_days

if TYPE_CHECKING:
    from hybrid_tui.domain.ports import MarketView

SEED = 7
STOP_BEFORE_OPEN = timedelta(minutes=5)
MEND = "train a new one: hybrid-tui ml retrain"
AUTOMATIC: tuple[Verdict, ...] = ("promoted", "succeeded", "rolled_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifePlan:
    """How the models of a desk live, chosen once by whoever composes it.

    ``slot`` is when a new one is trained weekly (None: only when a person asks). ``champion`` and
    ``challenger`` are those that earlier runs left, ``trained_at`` is their last training.
    ``is_paced``: the desk's time is the real one, and a training can be told when to stop.
    ``is_pinned``: the configuration names one model, and no other takes its place. ``is_judged``:
    what comes of its predictions decides on it; over recorded days, which a model may have been
    trained on, only a person does, and they give what a backtest gives.
    """

    market: str
    shelf: ModelShelf
    champion: ModelFacts
    shadow_sessions: int
    slot: WeeklySlot | None = None
    challenger: ModelFacts | None = None
    challenger_gate: GateResult | None = None
    trained_at: datetime | None = None
    is_paced: bool = False
    is_pinned: bool = False
    is_judged: bool = True


class ModelDesk:
    """Asks for trainings, watches the champion and its challenger, and decides between them."""

    def __init__(
        self,
        recorder: Recorder,
        plan: LifePlan,
        calendar: TradingCalendar,
        symbols: tuple[str, ...],
    ) -> None:
        self._recorder = recorder
        self.book = recorder.state.models
        self.plan = plan
        self._calendar = calendar
        self._symbols = symbols
        self._installing: str | None = None
        self._training: TrainJob | None = None
        self._measuring: DriftJob | None = None
        self._beside: PredictJob | None = None
        self._is_beside_busy = False

    def announce(self, now: datetime) -> None:
        """Tell which model is asked, and end what an engine before this one left half done."""
        book, plan = self.book, self.plan
        if book.champion_facts != plan.champion:
            self._recorder.emit(ev.ChampionNamed, now, market=plan.market, model=plan.champion)
        if book.training is not None and book.training.is_running:
            self._recorder.emit(
                ev.TrainingEnded,
                now,
                number=book.training.number,
                outcome="interrupted",
                reason="the desk ended before it did",
            )
        if book.shadow is None and plan.challenger is not None and not plan.is_pinned:
            self._let_shadow(now, plan.challenger, plan.challenger_gate)

    def upcoming(self, after: datetime) -> datetime | None:
        """Return when the next training is due."""
        training = self.book.training
        if self.plan.slot is None or (training is not None and training.is_running):
            return None
        failed = training is not None and training.outcome == "failed"
        known = [at for at in (self.book.trained_at, self.plan.trained_at) if at is not None]
        return training_due(
            after,
            self.plan.slot,
            self._calendar,
            trained=max(known, default=None),
            failed=training.asked_at if training is not None and failed else None,
        )

    def look(self, now: datetime) -> None:
        """Ask for a training where one is due."""
        due = self.upcoming(now)
        if due is not None and due <= now:
            until = None
            if self.plan.is_paced:
                until = self._calendar.next_session(now).open - STOP_BEFORE_OPEN
            self._ask_training(now, "schedule", until)

    def obey_train(self, now: datetime, command: Command) -> Ack:
        """Ask for a training because a person does, or say why not."""
        training = self.book.training
        if training is not None and training.is_running:
            return Ack(
                ok=False,
                message=f"training {training.number} is under way: {training.share:.0%}"
                f" {training.stage}".rstrip(),
            )
        number = self._ask_training(now, command.by, None)
        return Ack(ok=True, message=f"training {number} begins")

    def _ask_training(self, now: datetime, by: str, until: datetime | None) -> int:
        training = self.book.training
        number = training.number + 1 if training is not None else 1
        self._recorder.emit(ev.TrainingAsked, now, number=number, by=by)
        self._training = TrainJob(task=TrainingTask(number=number, asked_at=now, until=until))
        return number

    def silence(self, now: datetime) -> str:
        """Return why the champion is not asked at all, or nothing."""
        facts = self.book.champion_facts
        if facts is None or facts.expires_at is None or not facts.has_expired(now):
            return ""
        return f"no entries: model {facts.id} has expired on {facts.expires_at:%Y-%m-%d}; {MEND}"

    def doubt(self) -> str:
        """Return why the champion's predictions give no entries, or nothing."""
        if not self.book.suspended:
            return ""
        return f"no entries: {self.book.suspended}; {MEND}"

    def predicted(self, job: PredictJob) -> None:
        """Note what the champion was asked: a challenger is asked the same beside it."""
        shadow = self.book.shadow
        if shadow is not None and not self._is_beside_busy:
            self._beside = job

    def due(self) -> Iterator[LifeJob]:
        """Yield what is to be done now that everything decided is on disk."""
        if self._installing is not None:
            model_id, self._installing = self._installing, None
            self.plan.shelf.install(model_id)
        if self._training is not None:
            training, self._training = self._training, None
            yield training
        shadow = self.book.shadow
        if self._beside is not None and shadow is not None:
            job, self._beside = self._beside, None
            self._is_beside_busy = True
            yield ShadowJob(model_id=shadow.model_id, asked=job)
        if self._measuring is not None:
            measuring, self._measuring = self._measuring, None
            yield measuring

    def take(self, now: datetime, job: LifeJob, result: JobResult) -> None:
        """Book what came of a job."""
        match job:
            case TrainJob():
                self._take_training(now, job, result)
            case ShadowJob():
                self._is_beside_busy = False
                self._take_shadow(now, job, result)
            case DriftJob():
                if isinstance(result, Mapping):
                    day = job.view.now.date()
                    last = self._calendar.last_session(job.view.now)
                    self._recorder.emit(
                        ev.DriftMeasured,
                        now,
                        day=last.day if last is not None else day,
                        model_id=job.model_id,
                        symbols=result,
                    )
                elif isinstance(result, TierFailed):
                    self._tell(now, f"drift could not be measured: {result.reason}")

    def session_closed(self, now: datetime, view: MarketView) -> None:
        """Judge the challenger, then the champion, and have the day's drift measured."""
        if self.plan.is_judged and not self._judge_shadow(now):
            self._judge_champion(now)
        if self.book.champion is not None:
            self._measuring = DriftJob(
                model_id=self.book.champion, view=view, symbols=self._symbols
            )

    def _take_shadow(self, now: datetime, job: ShadowJob, result: JobResult) -> None:
        shadow = self.book.shadow
        if shadow is None or shadow.model_id != job.model_id:
            return
        if isinstance(result, TierFailed):
            facts = self.book.entries[job.model_id].facts
            self.decide(now, "rejected", facts, f"it cannot be asked: {result.reason}")
            return
        assert isinstance(result, Sequence)
        made = [found for found in result if isinstance(found, MLPrediction)]
        if made:
            self._recorder.emit(
                ev.ShadowPredicted,
                now,
                model_id=job.model_id,
                made_at=made[0].at,
                said={found.symbol: found.buy_probability for found in made},
                linear={
                    found.symbol: found.members["logistic"]
                    for found in made
                    if "logistic" in found.members
                },
            )

    def _take_training(self, now: datetime, job: TrainJob, result: JobResult) -> None:
        if not isinstance(result, TrainingResult):
            reason = result.reason if isinstance(result, TierFailed) else "no answer"
            result = TrainingResult(outcome="failed", reason=reason)
        self._recorder.emit(
            ev.TrainingEnded,
            now,
            number=job.task.number,
            outcome=result.outcome,
            model=result.model,
            gate=result.gate,
            reason=result.reason,
        )
        if result.model is not None and self.plan.is_judged and not self.plan.is_pinned:
            self._receive(now, result.model, result.gate)

    def _receive(self, now: datetime, model: ModelFacts, gate: GateResult | None) -> None:
        """Let a new model into the shadow, or at once in the place of an unusable champion."""
        champion = self.book.champion_facts
        unusable = ""
        if champion is None:
            unusable = "there was no champion"
        elif champion.has_expired(now):
            unusable = f"{champion.id} had expired"
        elif self.book.suspended:
            unusable = f"{champion.id} was suspended"
        judged = f" ({gate.reason})" if gate is not None else ""
        figures = gate.figures if gate is not None else {}
        if gate is not None and gate.is_worse:
            told = f"it is worse than forecasting the base rate{judged}"
            told = f"{unusable}, but {told}" if unusable else told
            self.decide(now, "rejected", model, told, figures)
        elif model.has_expired(now):
            self.decide(now, "rejected", model, f"its data are too old already{judged}", figures)
        elif not unusable:
            self._let_shadow(now, model, gate)
        else:
            told = f"{unusable}, and it is not worse than forecasting the base rate{judged}"
            self._crown(now, "succeeded", model, told, figures)

    def _let_shadow(self, now: datetime, model: ModelFacts, gate: GateResult | None) -> None:
        champion, shadow = self.book.champion_facts, self.book.shadow
        if champion is not None and champion.threshold_bps != model.threshold_bps:
            told = "it foretells another rise than the champion: they cannot be compared"
            self.decide(now, "rejected", model, told)
            return
        if shadow is not None:
            before = self.book.entries[shadow.model_id].facts
            self.decide(now, "rejected", before, "a newer one took its place in the shadow")
        self._recorder.emit(
            ev.ShadowBegan,
            now,
            model=model,
            champion_id=self.book.champion or "",
            sessions=self.plan.shadow_sessions,
            gate=gate,
        )

    def _is_quiet(self, now: datetime) -> bool:
        """Whether no champion was made in the last week: once a week is enough."""
        return not any(
            made.verdict in AUTOMATIC and now - made.at < WEEK for made in self.book.decisions
        )

    def _judge_shadow(self, now: datetime) -> bool:
        """Promote or reject a challenger whose time is over; return whether it was judged."""
        shadow = self.book.shadow
        if shadow is None or len(shadow.days) < shadow.sessions or not self._is_quiet(now):
            return False
        entry = self.book.entries[shadow.model_id]
        found = gate_result(judge_days(shadow.days, seed=SEED))
        gate = entry.gate or GateResult(is_passed=False, reason="not judged")
        told = (
            f"walk-forward: {gate.reason}; {len(shadow.days)} sessions in the shadow:"
            f" {found.reason}"
        )
        passed = gate.is_passed and found.is_passed
        if passed and entry.facts.has_expired(now):
            passed, told = False, f"it has expired; {told}"
        figures = {f"shadow {name}": value for name, value in found.figures.items()}
        figures |= {f"walk-forward {name}": value for name, value in gate.figures.items()}
        conclude = self._crown if passed else self.decide
        conclude(now, "promoted" if passed else "rejected", entry.facts, told, figures)
        return True

    def _crown(
        self,
        now: datetime,
        verdict: Verdict,
        model: ModelFacts,
        told: str,
        figures: Mapping[str, float],
    ) -> None:
        """Make a model the champion, as it is on its shelf now; reject what cannot be asked."""
        try:
            model = self.plan.shelf.candidate(model.id)
        except ModelError as error:
            verdict, told = "rejected", f"it cannot be asked: {error.render()}; {told}"
        self.decide(now, verdict, model, told, figures)

    def _judge_champion(self, now: datetime) -> None:
        """Roll back, or suspend, a champion whose live calibration broke."""
        book = self.book
        champion = book.champion_facts
        if champion is None or book.suspended or not self._is_quiet(now):
            return
        broken = calibration_break(list(book.live), seed=SEED)
        if broken is None:
            return
        sessions = len(book.live)
        told = (
            f"the live calibration of {champion.id} broke: its Brier score is worse than the"
            f" constant forecast's by {broken.value:.4f} ({broken.low:.4f} .. {broken.high:.4f},"
            f" {sessions} sessions)"
        )
        figures = {
            "excess": broken.value,
            "low": broken.low,
            "high": broken.high,
            "sessions": float(sessions),
            "outcomes": float(sum(day.outcomes for day in book.live)),
        }
        previous = None if self.plan.is_pinned else self.plan.shelf.previous()
        known = book.entries.get(previous.id) if previous is not None else None
        if (
            previous is not None
            and previous.id != champion.id
            and not previous.has_expired(now)
            and not (known is not None and known.status == "suspended")
        ):
            self.decide(now, "rolled_back", previous, told, figures)
        else:
            why = "there is no earlier champion that could take over"
            self.decide(now, "suspended", champion, f"{told}, and {why}", figures)

    def decide(
        self,
        now: datetime,
        verdict: Verdict,
        model: ModelFacts,
        reason: str,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Book a decision about a model and do what follows from it."""
        self._recorder.emit(
            ev.ModelDecided,
            now,
            market=self.plan.market,
            verdict=verdict,
            model=model,
            previous=self.book.champion,
            reason=reason,
            figures=dict(figures or {}),
        )
        told = f"model {model.id} {verdict.replace('_', ' ')}: {reason}"
        if verdict in AUTOMATIC:
            self._installing = model.id
            told += model.entry_words()
        self._tell(now, told)

    def _tell(self, now: datetime, text: str) -> None:
        self._recorder.emit(ev.Alert, now, text=text)
