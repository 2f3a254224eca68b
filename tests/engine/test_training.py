"""A training's progress: told between two instants, and before its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.ports import TrainingResult, TrainingStep, TrainingTask
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.jobs import TierFailed, TrainJob
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.training import carried_out

NOW = datetime(2026, 3, 7, 11, tzinfo=UTC)
JOB = TrainJob(task=TrainingTask(number=1, asked_at=NOW))
DONE = TrainingResult(outcome="interrupted")


class Journal:
    """What is on the disk, and what waits for its commit."""

    def __init__(self) -> None:
        self.waiting: list[ev.Event] = []
        self.kept: list[ev.Event] = []

    def append(self, event: ev.Event) -> None:
        self.waiting.append(event)

    def commit(self) -> None:
        self.kept += self.waiting
        self.waiting.clear()


class TwoSteps:
    """A trainer that is done after two steps."""

    async def train(
        self, task: TrainingTask, on_step: Callable[[TrainingStep], None]
    ) -> TrainingResult:
        for share in (0.25, 0.75):
            on_step(TrainingStep(share=share, stage=f"member {share}"))
            await asyncio.sleep(0)
        return DONE


async def test_progress_commits_nothing_of_an_instant_under_way() -> None:
    journal, instant = Journal(), asyncio.Lock()
    recorder = Recorder(DeskState(), journal)

    async def between_cycles(read: Callable[[], None]) -> None:
        async with instant:
            read()

    async with instant:
        recorder.emit(ev.EntriesPaused, NOW, by="the first half of an instant")
        training = asyncio.create_task(carried_out(JOB, TwoSteps(), recorder, between_cycles))
        for _ in range(9):
            await asyncio.sleep(0)
        assert journal.kept == []
        recorder.emit(ev.EntriesResumed, NOW, by="the second half")
        recorder.commit()
        assert len(journal.kept) == 2
    assert await training == DONE
    told = [event for event in journal.kept if isinstance(event, ev.TrainingProgressed)]
    assert [(event.number, event.share) for event in told] == [(1, 0.25), (1, 0.75)]


async def test_a_journal_that_cannot_take_progress_fails_the_training() -> None:
    async def between_cycles(read: Callable[[], None]) -> None:
        raise OSError("the disk is full")

    answer = await carried_out(JOB, TwoSteps(), Recorder(DeskState(), Journal()), between_cycles)
    assert answer == TierFailed(tier="ml", reason="OSError: the disk is full")
