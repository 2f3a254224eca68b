"""The tiers behind the engine's jobs: loaded late, supervised, and never taking the rest down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hybrid_tui.domain.ports import Predictor, Strategist
from hybrid_tui.engine.jobs import (
    Drift,
    DriftJob,
    Job,
    JobResult,
    PredictJob,
    ProposeJob,
    ScoreJob,
    ShadowJob,
    TierFailed,
)
from hybrid_tui.errors import HybridError

log = logging.getLogger(__name__)


class TierHost:
    """Runs jobs. The predictor is loaded at its first job (importing torch takes a second).

    A strategist that calls a model ``thinks``: it answers when it can, on any clock. ``hang_up``
    ends its call. ``load_challenger`` gives the model that predicts in the champion's shadow.
    """

    def __init__(
        self,
        load_predictor: Callable[[], Predictor] | None,
        strategist: Strategist | None,
        *,
        thinks: bool = False,
        hang_up: Callable[[], None] | None = None,
        load_challenger: Callable[[str], Predictor] | None = None,
        measure_drift: Callable[[DriftJob], Drift] | None = None,
    ) -> None:
        self._thinks = thinks
        self._hang_up = hang_up
        self._load = load_predictor
        self._predictor: Predictor | None = None
        self._strategist = strategist
        self._loading = threading.Lock()
        self._load_challenger = load_challenger
        self._measure = measure_drift
        self._challenger: Predictor | None = None

    def load(self) -> None:
        """Load the predictor now; raises what loading raises."""
        with self._loading:
            if self._predictor is None and self._load is not None:
                self._predictor = self._load()

    def reload(self) -> None:
        """Load the predictor anew at its next job: another model is champion."""
        with self._loading:
            self._predictor = None

    def load_early(self) -> None:
        """Load the predictor before it is asked; what goes wrong is said when it is."""
        try:
            self.load()
        except Exception as error:
            log.warning("tier 2 cannot be loaded yet: %s", error)

    def takes_time(self, job: Job) -> bool:
        """Whether a job waits for an endpoint: no instant of the desk may wait for it."""
        return self._thinks and isinstance(job, ProposeJob)

    def hang_up(self) -> None:
        """End the call that is under way: the desk stops."""
        if self._hang_up is not None:
            self._hang_up()

    def run(self, job: Job) -> JobResult:
        """Return the tier's answer; raises what the tier raises."""
        match job:
            case PredictJob():
                return _ask(self._champion(), job)
            case ShadowJob(model_id=model_id, asked=asked):
                if self._challenger is None or self._challenger.model_id != model_id:
                    assert self._load_challenger is not None
                    self._challenger = self._load_challenger(model_id)
                return _ask(self._challenger, asked)
            case DriftJob():
                assert self._measure is not None
                return self._measure(job)
            case ProposeJob(brief=brief):
                assert self._strategist is not None
                return self._strategist.propose(brief)
            case ScoreJob(items=items):
                assert self._strategist is not None
                return self._strategist.score(items)
        raise AssertionError(f"{type(job).__name__} is a trainer's")

    def _champion(self) -> Predictor:
        with self._loading:
            if self._predictor is None:
                assert self._load is not None
                self._predictor = self._load()
            return self._predictor

    def run_supervised(self, job: Job) -> JobResult:
        """Return the tier's answer, or why it could not give one; the log has the traceback."""
        try:
            return self.run(job)
        except HybridError as error:
            reason = error.render()
            log.warning("tier failed: %s", reason)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.exception("tier failed")
        is_tier3 = isinstance(job, (ProposeJob, ScoreJob))
        return TierFailed(tier="llm" if is_tier3 else "ml", reason=reason)


def _ask(predictor: Predictor, job: PredictJob) -> JobResult:
    return predictor.predict(
        job.view, job.symbols, session_close=job.session_close, strategy_id=job.strategy_id
    )
