"""Tiers 2 and 3 from the engine's side: what they are asked, what becomes of their answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, RunSession
from hybrid_tui.domain.live_calibration import Outcome, tempered
from hybrid_tui.domain.ports import Abstained, Arriving, MarketView
from hybrid_tui.domain.signals import (
    Abstention,
    MLPrediction,
    StrategySignal,
)
from hybrid_tui.engine.agenda import Agenda
from hybrid_tui.engine.approval import Approvals
from hybrid_tui.engine.briefing import brief_of
from hybrid_tui.engine.jobs import (
    DriftJob,
    Job,
    JobResult,
    PredictJob,
    ProposeJob,
    ShadowJob,
    TierFailed,
    TrainJob,
)
from hybrid_tui.engine.models import ModelDesk
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.sessions import BY_HAND, Due, SessionWatch

if TYPE_CHECKING:
    from hybrid_tui.engine.engine import EngineSetup

MOST_SKIPPED = 6

Done = TypeVar("Done")
Asking = Generator[Job, JobResult | None, Done]


class TierDesk:
    """Makes the tiers' jobs, books their answers, and keeps their heartbeats."""

    def __init__(
        self, recorder: Recorder, agenda: Agenda, approvals: Approvals, setup: EngineSetup
    ) -> None:
        self._recorder = recorder
        self._state = recorder.state
        self._agenda = agenda
        self._approvals = approvals
        self._setup = setup
        self._failures = 0
        self._skip = 0
        self._arriving: list[tuple[datetime, ProposeJob, JobResult]] = []
        self._asking: set[str] = set()
        self.sessions = SessionWatch(recorder, agenda, setup.unpaid, holds=setup.holds_sessions)
        self.models = (
            ModelDesk(recorder, setup.life, setup.calendar, setup.symbols)
            if setup.life is not None
            else None
        )

    def announce(self, now: datetime) -> None:
        """Give every tier its first heartbeat, and look for sessions that were missed."""
        self.sessions.look_back(now)
        for tier in ("rules", "ml", "llm"):
            if tier not in self._setup.tiers:
                self._beat(now, tier, "off", "switched off")
        self.rules_alive(now)
        if "ml" in self._setup.tiers:
            silence = ""
            if self.models is not None:
                self.models.announce(now)
                silence = self.models.silence(now)
            health: ev.TierHealth = "failed" if silence else "waiting"
            self._beat(now, "ml", health, silence, self._agenda.next_prediction(now))
        if "llm" in self._setup.tiers:
            self._beat(now, "llm", "waiting", "", self._agenda.next_strategist(now))

    def rules_alive(self, now: datetime) -> None:
        """Note that tier 1 has looked at the bars of this instant."""
        self._beat(now, "rules", "ok")

    def prediction(self, now: datetime, view: MarketView) -> Job | None:
        """Return the job for tier 2, or None while it backs off after failures."""
        if self._skip:
            self._skip -= 1
            return None
        silence = self.models.silence(now) if self.models is not None else ""
        if silence:
            self._beat(now, "ml", "failed", silence, self._agenda.next_prediction(now))
            return None
        session = self._state.session
        assert session is not None
        strategy = self._state.strategy(now)
        return PredictJob(
            view=view,
            symbols=self._setup.symbols,
            session_close=session.close,
            strategy_id=strategy.signal.id if strategy else None,
        )

    def event_session(self, now: datetime, view: MarketView, occasion: str) -> ProposeJob:
        """Return the job for a session because of something that happened."""
        return self._outside(self._job(now, view, occasion=occasion), now, "event", occasion)

    def session(self, now: datetime, view: MarketView, due: Due) -> ProposeJob:
        """Return the job for a session of tier 3 at its hour, or late."""
        job = self._job(now, view, session=due.session)
        return self._outside(job, now, "late", due.reason) if due.late else job

    def _outside(self, job: ProposeJob, now: datetime, by: ev.AskedBy, reason: str) -> ProposeJob:
        """Note that a session outside its hours is asked, and because of what."""
        brief = job.brief
        self._recorder.emit(
            ev.SessionAsked, now, session=brief.session, reason=reason, by=by, decision=brief.id
        )
        return replace(job, note=reason)

    def _job(
        self,
        now: datetime,
        view: MarketView,
        *,
        session: str = "",
        occasion: str = "",
        by_hand: bool = False,
    ) -> ProposeJob:
        told = self._setup.full_briefs
        return ProposeJob(
            brief=brief_of(
                self._state,
                view,
                self._setup.calendar,
                self._setup.symbols,
                session=session,
                occasion=occasion,
                by_hand=by_hand,
                full=told,
                earnings=self._setup.earnings(now) if told else (),
            )
        )

    def ask(self, now: datetime, job: Job | None) -> Asking[None]:
        """Have a job done; its answer is booked at once, or when it comes."""
        if job is None:
            return
        result = yield job
        if result is None:
            self._asked(now, job)
        else:
            self.take(now, job, result)

    def ask_by_hand(self, now: datetime, view: MarketView, command: RunSession) -> Asking[Ack]:
        """Hold the session that a person asks for, or say why not."""
        why = self.sessions.refusal(now, command.session, sorted(self._asking))
        if why is not None:
            return Ack(ok=False, message=why)
        job = self._job(now, view, session=command.session, occasion=BY_HAND, by_hand=True)
        yield from self.ask(now, self._outside(job, now, "hand", BY_HAND))
        return Ack(ok=True, message=f"tier 3 is asked: session {job.brief.id}")

    def next_arrival(self) -> datetime | None:
        """Return when the next recorded answer arrives."""
        return min((at for at, _, _ in self._arriving), default=None)

    def arrive(self, now: datetime) -> None:
        """Book the recorded answers that have arrived, in their order."""
        due = [one for one in self._arriving if one[0] <= now]
        if due:
            self._arriving = [one for one in self._arriving if one[0] > now]
            for _, job, result in sorted(due, key=lambda one: one[0]):
                self.take(now, job, result)

    def _asked(self, now: datetime, job: Job) -> None:
        """Note that a strategist thinks, and answers later."""
        if isinstance(job, ProposeJob):
            self._asking.add(job.brief.id)
            following = self._agenda.next_strategist(now)
            self._beat(now, "llm", "loading", f"{job.brief.session}: asking", following)

    def take(self, now: datetime, job: Job, result: JobResult) -> None:
        """Book an answer of tier 2 or 3; a recorded one waits until it arrives."""
        if isinstance(job, PredictJob):
            self._take_predictions(now, job, result)
        elif isinstance(job, ProposeJob) and isinstance(result, Arriving):
            self._arriving.append((result.at, job, result.answer))
            self.arrive(now)
        elif isinstance(job, ProposeJob):
            self._take_proposal(now, job, result)
        elif isinstance(job, (TrainJob, ShadowJob, DriftJob)) and self.models is not None:
            self.models.take(now, job, result)

    def besides(self, now: datetime) -> Asking[None]:
        """Have done what the models' life asks for: nothing that is traded waits for it."""
        if self.models is not None:
            for job in self.models.due():
                yield from self.ask(now, job)
            self._recorder.commit()

    def scores(self, now: datetime, result: JobResult | None) -> Sequence[float] | None:
        """Return the headlines' scores, or None where tier 3 could not give them."""
        if isinstance(result, TierFailed):
            self._beat(now, "llm", "failed", result.reason, self._agenda.next_strategist(now))
            return None
        return None if result is None else result  # type: ignore[return-value]

    def _take_predictions(self, now: datetime, job: PredictJob, result: JobResult) -> None:
        following = self._agenda.next_prediction(now)
        if isinstance(result, TierFailed):
            self._failures += 1
            self._skip = min(2 ** (self._failures - 1) - 1, MOST_SKIPPED)
            self._beat(now, "ml", "failed", result.reason, following)
            return
        self._failures = 0
        assert isinstance(result, Sequence)
        predictions = tuple(found for found in result if isinstance(found, MLPrediction))
        doubt = self.models.doubt() if self.models is not None else ""
        if doubt:
            predictions = tuple(tempered(found, 0.0) for found in predictions)
        abstentions = tuple(found for found in result if isinstance(found, Abstention))
        self._recorder.emit(
            ev.PredictionsMade,
            now,
            predictions=predictions,
            abstentions=abstentions,
            outcomes=tuple(found for found in result if isinstance(found, Outcome)),
        )
        silent = (
            f"no prediction: {abstentions[0].reason}" if abstentions and not predictions else ""
        )
        self._beat(now, "ml", "ok", doubt or silent, following)
        if self.models is not None:
            self.models.predicted(job)

    def _take_proposal(self, now: datetime, job: ProposeJob, result: JobResult) -> None:
        following = self._agenda.next_strategist(now)
        self._asking.discard(job.brief.id)
        if isinstance(result, StrategySignal):
            if job.note:
                result = replace(result, flags=(job.note, *result.flags))
            self._approvals.propose(now, result, cause=self._state.prediction_event)
            self._beat(now, "llm", "ok", f"{job.brief.session} done", following)
            return
        reason = result.reason if isinstance(result, (Abstained, TierFailed)) else "no answer"
        failed = isinstance(result, TierFailed) or (isinstance(result, Abstained) and result.failed)
        health: ev.TierHealth = "failed" if failed else "ok"
        self._recorder.emit(
            ev.SignalAbstained,
            now,
            session=job.brief.session,
            reason=reason,
            decision=job.brief.id,
        )
        self._beat(now, "llm", health, f"{job.brief.session}: no signal: {reason}", following)

    def _beat(
        self,
        now: datetime,
        tier: str,
        health: ev.TierHealth,
        reason: str = "",
        next_at: datetime | None = None,
    ) -> None:
        if self._recorder.wants(ev.Heartbeat):
            self._recorder.emit(
                ev.Heartbeat, now, tier=tier, health=health, reason=reason, next_at=next_at
            )
