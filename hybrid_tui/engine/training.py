"""A training on its way: its progress becomes events, and what goes wrong an answer."""

from __future__ import annotations

import logging

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.ports import Trainer, TrainingStep
from hybrid_tui.engine.jobs import JobResult, TierFailed, TrainJob
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import HybridError

log = logging.getLogger(__name__)


async def carried_out(job: TrainJob, trainer: Trainer | None, recorder: Recorder) -> JobResult:
    """Return what came of a training; runs in the engine's thread, between its own steps."""

    def tell(step: TrainingStep) -> None:
        recorder.emit(
            ev.TrainingProgressed,
            recorder.state.now or job.task.asked_at,
            number=job.task.number,
            share=step.share,
            stage=step.stage,
            seconds_left=step.seconds_left,
        )
        recorder.commit()

    try:
        assert trainer is not None, "nobody trains here"
        return await trainer.train(job.task, tell)
    except HybridError as error:
        return TierFailed(tier="ml", reason=error.render())
    except Exception as error:
        log.exception("training failed")
        return TierFailed(tier="ml", reason=f"{type(error).__name__}: {error}")
