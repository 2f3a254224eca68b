"""A training on its way: its progress becomes events, and what goes wrong an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.ports import Trainer, TrainingStep
from hybrid_tui.engine.jobs import JobResult, TierFailed, TrainJob
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import HybridError

log = logging.getLogger(__name__)


async def carried_out(
    job: TrainJob,
    trainer: Trainer | None,
    recorder: Recorder,
    between_cycles: Callable[[Callable[[], None]], Awaitable[None]],
) -> JobResult:
    """Return what came of a training; runs in the engine's thread, between its own steps.

    Progress waits for the end of an instant under way: its events are committed all or none.
    """
    telling: list[asyncio.Future[None]] = []

    def note(step: TrainingStep) -> None:
        recorder.emit(
            ev.TrainingProgressed,
            recorder.state.now or job.task.asked_at,
            number=job.task.number,
            share=step.share,
            stage=step.stage,
            seconds_left=step.seconds_left,
        )
        recorder.commit()

    def tell(step: TrainingStep) -> None:
        telling.append(asyncio.ensure_future(between_cycles(partial(note, step))))

    try:
        assert trainer is not None, "nobody trains here"
        result = await trainer.train(job.task, tell)
        await asyncio.gather(*telling)
        return result
    except HybridError as error:
        return TierFailed(tier="ml", reason=error.render())
    except Exception as error:
        log.exception("training failed")
        return TierFailed(tier="ml", reason=f"{type(error).__name__}: {error}")
    finally:
        for told in telling:
            told.cancel()
