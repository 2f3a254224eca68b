"""The live driver: the engine on a clock, with a journal, a socket and supervised tiers."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol, TypeVar

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Command, SetSpeed, Stop
from hybrid_tui.domain.ports import Feed, MarketUpdate, Trainer
from hybrid_tui.engine.backtest import NOTHING
from hybrid_tui.engine.clock import Clock
from hybrid_tui.engine.engine import Cycle, Engine
from hybrid_tui.engine.jobs import (
    DriftJob,
    Job,
    JobResult,
    PredictJob,
    ProposeJob,
    ScoreJob,
    ShadowJob,
    TrainJob,
)
from hybrid_tui.engine.latencies import Latencies
from hybrid_tui.engine.ledger import Handover
from hybrid_tui.engine.tier_host import TierHost
from hybrid_tui.engine.training import carried_out
from hybrid_tui.errors import HybridError

log = logging.getLogger(__name__)

LATEST_SECONDS = 60.0
LAST_SECONDS = 2.0
BETWEEN = timedelta(milliseconds=1)
CHECKPOINT_EVERY = 5_000
DATA_ENDED = "the data has ended"
WORK: dict[type[Job], str] = {
    PredictJob: "predict",
    ProposeJob: "propose",
    ScoreJob: "score",
    ShadowJob: "shadow",
    DriftJob: "drift",
}
Read = TypeVar("Read")


class Source(Protocol):
    """What delivers live data."""

    async def run(
        self, put: Callable[[MarketUpdate], None], on_status: Callable[[str, bool], None]
    ) -> None:
        """Deliver updates until cancelled; ``on_status`` takes a text and whether all is well."""


class BrokerLink(Protocol):
    """A broker that answers between instants."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Trade until cancelled; ``wake`` is called when there is something to collect."""

    async def settle(self) -> None:
        """Give what is under way a moment to end: the engine stops."""


class Runtime:
    """Drives an engine through a feed.

    On a scaled clock time waits until every due job has answered. On the wall clock tiers 2 and 3
    answer when they can, and after a sleep or a jump of the clock nothing is caught up on: the
    engine goes on at the present, with quotes read anew. ``checkpoint`` keeps the folded state,
    ``flush`` commits what is batched.
    """

    def __init__(
        self,
        engine: Engine,
        feed: Feed,
        clock: Clock,
        host: TierHost,
        *,
        checkpoint: Callable[[], None],
        flush: Callable[[], None],
        source: Source | None = None,
        handover: Handover | None = None,
        broker: BrokerLink | None = None,
        trainer: Trainer | None = None,
    ) -> None:
        self._broker = broker
        self._trainer = trainer
        self._has_updates = False
        self.engine = engine
        self.feed = feed
        self.clock = clock
        self._host = host
        self._checkpoint = checkpoint
        self._flush = flush
        self._source = source
        self._handover = handover
        self._thinking = 0
        self._commands: list[tuple[Command, asyncio.Future[Ack]]] = []
        self._wake = asyncio.Event()
        self._stopping = ""
        self._last: datetime | None = None
        self._checkpointed = engine.state.last_id
        self._answers: list[tuple[Job, JobResult]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._notices: list[str] = []
        self._cycling = asyncio.Lock()
        self.latencies = Latencies()

    async def obey(self, command: Command) -> Ack:
        """Have a command carried out between two instants; return the answer after the commit."""
        if self._stopping:
            return Ack(ok=False, message=f"the engine is stopping: {self._stopping}")
        if isinstance(command, Stop):
            self._host.hang_up()
        waiting: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._commands.append((command, waiting))
        self._wake.set()
        return await waiting

    def tell(self, text: str, _healthy: bool = False) -> None:
        """Have a text told as an alert at the next instant; may be called from any thread."""
        self._notices.append(text)

    async def between_cycles(self, read: Callable[[], Read]) -> Read:
        """Return what ``read`` gives while no instant is under way: all of it is committed."""
        async with self._cycling:
            return read()

    def stop(self, reason: str) -> None:
        """Stop after the instant under way."""
        self._stopping = self._stopping or reason
        self._host.hang_up()
        self._wake.set()

    async def run(
        self,
        begins_at: datetime,
        until: datetime | None = None,
        on_started: Callable[[], None] | None = None,
        on_loaded: Callable[[], None] | None = None,
    ) -> str:
        """Drive from ``begins_at`` until stopped, ``until`` (included), or the data's end.

        ``on_started`` is called when the start is in the journal, ``on_loaded`` when tier 2 is
        loaded, or is known not to be.

        Returns the reason. Raises what a journal that cannot be written raises.
        """
        now = begins_at
        if self._handover is not None:
            self._handover.open()
        self.clock.start(now)
        self._last = now
        self.engine.announce(now)
        if on_started is not None:
            on_started()
        loading = asyncio.create_task(asyncio.to_thread(self._host.load_early))
        self._background.add(loading)
        loading.add_done_callback(self._background.discard)
        if on_loaded is not None:
            loading.add_done_callback(lambda _: on_loaded())
        if self._source is not None:
            self._start_source(self._source)
        if self._broker is not None:
            self._start_broker(self._broker)
        with_data = self.feed.upcoming(now)
        while not self._stopping:
            due = self.engine.upcoming(now)
            if self.clock.is_scaled and (self._thinking or self._has_proposal()):
                await self._let_think(due)
                continue
            if with_data is None:
                self._stopping = DATA_ENDED
                break
            instant = self._present(min(due, with_data))
            if until is not None and instant > until:
                self._stopping = f"{until:%Y-%m-%d %H:%M:%S} UTC is reached"
                break
            if not await self._wait_for(instant):
                continue
            update = NOTHING
            if instant >= with_data:
                update = self.feed.read(instant)
                with_data = self.feed.upcoming(instant)
            now = instant
            if not self.clock.is_scaled:
                self.latencies.note("late", max(0.0, -self.clock.seconds_until(instant)))
            self.clock.start(now)
            await self._cycle(now, update)
            if self.engine.state.last_id - self._checkpointed >= CHECKPOINT_EVERY:
                self._checkpointed = self.engine.state.last_id
                self._checkpoint()
        await self._end(now)
        return self._stopping

    def _start_source(self, source: Source) -> None:
        """Let a live source deliver into the feed; what becomes of it is told as alerts."""

        async def deliver() -> None:
            try:
                await source.run(self.feed.put, self.tell)  # type: ignore[attr-defined]
            except HybridError as error:
                self.tell(f"no live data: {error.render()}")
            except Exception as error:
                log.exception("the live source failed")
                self.tell(f"no live data: {type(error).__name__}: {error}")

        self._start(deliver())

    def _start_broker(self, broker: BrokerLink) -> None:
        """Let a broker trade beside the instants; where it cannot go on the engine stops."""

        def wake() -> None:
            self._has_updates = True
            self._wake.set()

        async def trade() -> None:
            try:
                await broker.run(wake)
            except HybridError as error:
                self.tell(f"the broker cannot go on: {error.render()}")
                self.stop(f"the broker cannot go on: {error.message}")
            except Exception as error:
                log.exception("the broker failed")
                self.stop(f"the broker failed: {type(error).__name__}: {error}")

        self._start(trade())

    def _present(self, instant: datetime) -> datetime:
        """Return the instant, or the present where the wall clock has left it far behind."""
        behind = -self.clock.seconds_until(instant)
        if self.clock.is_scaled or behind < LATEST_SECONDS:
            return instant
        present = self.clock.now().replace(microsecond=0)
        self.engine.recorder.emit(
            ev.Alert,
            present,
            text=f"the clock went on {behind / 60:.0f} minutes without the engine: quotes are read"
            " anew, nothing is caught up on",
        )
        return present

    async def _end(self, now: datetime) -> None:
        self._host.hang_up()
        if self._broker is not None:
            await self._broker.settle()
            self.engine.orders.collect(max(now, self._last or now))
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(set(self._background), timeout=LAST_SECONDS)
        for _, waiting in self._commands:
            waiting.set_result(Ack(ok=False, message=f"the engine is stopping: {self._stopping}"))
        self._commands.clear()
        if self._handover is not None:
            self._handover.close()
        recorder = self.engine.recorder
        recorder.emit(ev.EngineStopped, max(now, self._last or now), reason=self._stopping)
        recorder.commit()
        self._flush()

    async def _wait_for(self, instant: datetime) -> bool:
        """Wait until an instant is due; False: something else came up first."""
        self._wake.clear()
        if self._commands or self._has_proposal() or self._has_updates:
            await self._carry_out(instant)
            return False
        seconds = self.clock.seconds_until(instant)
        if seconds <= 0:
            await asyncio.sleep(0)
            return not (self._commands or self._has_updates or self._stopping)
        try:
            await asyncio.wait_for(self._wake.wait(), min(seconds, 1.0))
        except TimeoutError:
            self.engine.recorder.commit()
        return False

    async def _let_think(self, before: datetime) -> None:
        """Let time wait, and not the commands, until whoever thinks has answered."""
        self._wake.clear()
        if self._commands or self._has_proposal():
            await self._carry_out(before)
            return
        try:
            await asyncio.wait_for(self._wake.wait(), 1.0)
        except TimeoutError:
            self.engine.recorder.commit()
        if self._last is not None:
            self.clock.start(self._last)

    def _has_proposal(self) -> bool:
        return any(isinstance(job, (ProposeJob, TrainJob)) for job, _ in self._answers)

    async def _carry_out(self, before: datetime) -> None:
        """Carry out the waiting commands, and take a proposal, strictly between two instants."""
        batch, self._commands = self._commands, []
        self._has_updates = False
        last = self._last or before
        now = max(last + BETWEEN, min(self.clock.now(), before - BETWEEN))
        others = [
            (command, waiting) for command, waiting in batch if not self._own(command, waiting, now)
        ]
        acks = await self._cycle(now, NOTHING, [command for command, _ in others])
        for (_, waiting), ack in zip(others, acks, strict=True):
            if not waiting.done():
                waiting.set_result(ack)

    def _own(self, command: Command, waiting: asyncio.Future[Ack], now: datetime) -> bool:
        """Carry out what concerns the driver and not the engine."""
        if isinstance(command, Stop):
            waiting.set_result(Ack(ok=True, message="the engine stops; positions and stops stay"))
            self.stop(f"stopped by {command.by}")
            return True
        if isinstance(command, SetSpeed):
            if not self.clock.is_scaled:
                waiting.set_result(Ack(ok=False, message="real time has one speed"))
                return True
            if not 0 <= command.speed < math.inf:
                waiting.set_result(Ack(ok=False, message="a speed is a number from 0 up"))
                return True
            self.clock.set_speed(command.speed)
            self.engine.recorder.emit(ev.SpeedChanged, now, speed=command.speed)
            waiting.set_result(Ack(ok=True, message=f"speed {command.speed:g}"))
            return True
        return False

    async def _cycle(
        self, now: datetime, update: MarketUpdate, commands: list[Command] | None = None
    ) -> list[Ack]:
        async with self._cycling:
            return await self._cycle_alone(now, update, commands)

    async def _cycle_alone(
        self, now: datetime, update: MarketUpdate, commands: list[Command] | None
    ) -> list[Ack]:
        for text in self._notices:
            self.engine.recorder.emit(ev.Alert, now, text=text)
        self._notices.clear()
        answers, self._answers = self._answers, []
        cycle: Cycle = self.engine.cycle(now, update, commands or (), answers)
        self._last = now
        result: JobResult | None = None
        worked = 0.0
        while True:
            began = perf_counter()
            try:
                job = cycle.send(result)
            except StopIteration as done:
                self.latencies.note("instant", worked + perf_counter() - began)
                acks: list[Ack] = done.value
                return acks
            worked += perf_counter() - began
            result = None
            if isinstance(job, TrainJob):
                self._start(self._train(job))
                continue
            waits = self.clock.is_scaled and not self._host.takes_time(job)
            if waits or isinstance(job, ScoreJob):
                result = await self._run(job)
            else:
                self._thinking += 1
                self._start(self._answer_later(job))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """Have something done beside the instants."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _train(self, job: TrainJob) -> None:
        """Have a model trained; its end is an answer that is taken between two instants."""
        result = await carried_out(job, self._trainer, self.engine.recorder, self.between_cycles)
        self._answers.append((job, result))
        self._wake.set()

    async def _run(self, job: Job) -> JobResult:
        began = perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                None, self._host.run_supervised, job
            )
        finally:
            self.latencies.note(WORK[type(job)], perf_counter() - began)

    async def _answer_later(self, job: Job) -> None:
        try:
            result = await self._run(job)  # meanwhile instants have taken the list away
            self._answers.append((job, result))
        finally:
            self._thinking -= 1
            self._wake.set()
