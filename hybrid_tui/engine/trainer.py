"""The Trainer that runs commands of this program in processes of their own, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hybrid_tui.domain.models import GateResult, ModelFacts
from hybrid_tui.domain.ports import TrainingResult, TrainingStep, TrainingTask

log = logging.getLogger(__name__)

KILL_SECONDS = 1.0
EVERY_SECONDS = 1.0
MOST_LINE = 1_000_000
FETCHED, TRAINED, JUDGED = 0.05, 0.75, 0.80
"""The shares of a training that are done when its steps are."""


class _Progress(BaseModel):
    """A line of progress on a command's stderr."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    phase: str
    share: Annotated[float, Field(ge=0, le=1)]
    member: str | None = None
    epoch: int | None = None
    of: int | None = None
    step: int | None = None
    steps: int | None = None
    eta_s: Annotated[float, Field(ge=0)] | None = None

    def words(self) -> str:
        """Return what is being done."""
        words = " ".join(word for word in (self.phase, self.member) if word)
        if self.epoch is not None:
            words += f" {self.epoch}/{self.of}" if self.of is not None else f" {self.epoch}"
        if self.steps is not None and self.steps > 1:
            words += f", step {self.step} of {self.steps}"
        return words


class _Judged(BaseModel):
    """What ``ml judge --json`` prints."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    promoted: bool
    reason: str
    worse: bool = False
    figures: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """The commands of a training: bars (may fail), a model that can be measured (none where one is
    there already), the gate, and the same recipe on all days, unless the gate says it is worse.

    ``measured`` and ``name`` are the two models' ids, the second is what the desk gets; each
    command is the words after ``hybrid-tui``.
    """

    name: str
    measured: str
    train: tuple[str, ...]
    judge: tuple[str, ...]
    refit: tuple[str, ...]
    fetch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    code: int
    out: bytes
    complaint: str


class SubprocessTrainer:
    """Trains at the lowest priority; what it starts ends with it, also where it is killed.

    ``facts`` reads the manifest of the model that was made, ``wall`` is the real time.
    """

    def __init__(
        self,
        plan: Callable[[TrainingTask], TrainingPlan],
        facts: Callable[[str], ModelFacts],
        wall: Callable[[], datetime],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._plan = plan
        self._facts = facts
        self._wall = wall
        self._environment = None if environment is None else dict(environment)

    async def train(
        self, task: TrainingTask, on_step: Callable[[TrainingStep], None]
    ) -> TrainingResult:
        """Return what came of it; cancelled, it leaves nothing running."""
        seconds = None if task.until is None else (task.until - self._wall()).total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._train(self._plan(task), on_step)
        except TimeoutError:
            return TrainingResult(
                outcome="interrupted",
                reason="a session is about to open; it goes on where it was after the close",
            )

    async def _train(
        self, plan: TrainingPlan, on_step: Callable[[TrainingStep], None]
    ) -> TrainingResult:
        note = ""
        if plan.fetch:
            on_step(TrainingStep(share=0.0, stage="fetching bars"))
            fetched = await self._run(plan.fetch, lambda _: None)
            if fetched.code:
                note = f"bars were not fetched: {fetched.complaint}; "
        if plan.train:
            begins = FETCHED if plan.fetch else 0.0
            made = await self._run(plan.train, _scaled(on_step, begins, TRAINED))
            if made.code:
                return TrainingResult(outcome="failed", reason=note + made.complaint)
        on_step(TrainingStep(share=TRAINED, stage="judging"))
        gate = await self._judged(plan)
        name = plan.measured
        # Also what could not be judged: a champion whose files are damaged would never be replaced.
        if not gate.is_worse:
            on_step(TrainingStep(share=JUDGED, stage="fitting to all days"))
            again = await self._run(plan.refit, _scaled(on_step, JUDGED, 1.0))
            if again.code:
                return TrainingResult(outcome="failed", reason=note + again.complaint)
            name = plan.name
        model = self._facts(name)
        return TrainingResult(outcome="trained", model=model, gate=gate, reason=note + gate.reason)

    async def _judged(self, plan: TrainingPlan) -> GateResult:
        """Return what the gate says, or that it could not judge."""
        judged = await self._run(plan.judge, lambda _: None)
        try:
            found = _Judged.model_validate_json(judged.out)
        except ValidationError:
            why = judged.complaint or f"exit code {judged.code}"
            return GateResult(is_passed=False, reason=f"it could not be judged: {why}")
        return GateResult(
            is_passed=found.promoted,
            reason=found.reason,
            is_worse=found.worse,
            figures=found.figures,
        )

    async def _run(self, words: Sequence[str], on_progress: Callable[[_Progress], None]) -> _Ended:
        command = [sys.executable, "-m", "hybrid_tui.engine.leash", *words]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
            limit=MOST_LINE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            out, complaint = await asyncio.gather(
                process.stdout.read(), _follow(process.stderr, on_progress)
            )
            code = await process.wait()
        finally:
            if process.returncode is None:
                await _end(process)
        return _Ended(code=code, out=out, complaint=complaint or f"exit code {code}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process politely, then not."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), KILL_SECONDS)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _follow(stream: asyncio.StreamReader, on_progress: Callable[[_Progress], None]) -> str:
    """Tell of the progress on a command's stderr; return the last of its other lines."""
    complaint = ""
    told = 0.0
    loop = asyncio.get_running_loop()
    while line := await stream.readline():
        text = line.decode(errors="replace").strip()
        try:
            step = _Progress.model_validate(json.loads(text))
        except (ValueError, ValidationError):
            if text:
                complaint = text.removeprefix("hybrid-tui: ")
                log.info("training: %s", text)
            continue
        if loop.time() - told >= EVERY_SECONDS:
            told = loop.time()
            on_progress(step)
    return complaint


def _scaled(
    on_step: Callable[[TrainingStep], None], begins: float, ends: float
) -> Callable[[_Progress], None]:
    """Return what tells of a command's progress as a part of the whole."""

    def tell(progress: _Progress) -> None:
        on_step(
            TrainingStep(
                share=begins + (ends - begins) * progress.share,
                stage=progress.words(),
                seconds_left=progress.eta_s,
            )
        )

    return tell
