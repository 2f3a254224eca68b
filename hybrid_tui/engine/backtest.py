"""The event-path backtest driver: the engine stepped through recorded bars, as fast as it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.orders import Side, Trade
from hybrid_tui.domain.ports import Feed, MarketUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.engine import Cycle, Engine
from hybrid_tui.engine.jobs import Job, JobResult
from hybrid_tui.engine.marks import Marks
from hybrid_tui.rules.entries import Refusal

NOTHING = MarketUpdate()
NOT_KEPT: tuple[type[ev.Event], ...] = (ev.Ticked, ev.Heartbeat, ev.NightsMeasured)


@dataclass(slots=True)
class Ledger:
    """What a backtest keeps of the events; ``closed`` counts its trades."""

    state: DeskState
    closed: int = 0
    marks: Marks = field(default_factory=Marks)
    daily: list[tuple[datetime, float]] = field(default_factory=list)
    bars: int = 0
    turnover: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    predictions: int = 0
    reached: int = 0
    threshold: float = 0.70
    abstained: dict[str, int] = field(default_factory=dict)
    signals: int = 0
    entries_cancelled: int = 0
    entries_decided: int = 0
    entries_refused: Counter[str] = field(default_factory=Counter)
    _had_bar: bool = False
    _trades: list[Trade] = field(default_factory=list)
    _untold: Callable[[], Iterable[Trade]] | None = None

    @property
    def trades(self) -> list[Trade]:
        """The closed trades, in the order of their exits."""
        if self._untold is not None:
            self._trades.extend(self._untold())
            self._untold = None
        return self._trades

    def tell_later(self, count: int, tell: Callable[[], Iterable[Trade]]) -> None:
        """Take ``count`` trades, which ``tell`` gives when somebody looks: a search never does."""
        self.closed += count
        self._untold = tell

    @property
    def equity(self) -> list[tuple[datetime, float]]:
        """The equity at each bar's end."""
        return self.marks.points()

    def extend(self, seconds: FloatArray, equity: FloatArray, gross: FloatArray, bars: int) -> None:
        """Take the marks of instants (UTC epoch seconds, dollars) at which ``bars`` bars ended."""
        self.marks.extend(seconds, equity, gross)
        self.bars += bars
        self._had_bar = self._had_bar or bars > 0

    def judge(self, decided: int, refusals: Sequence[Refusal]) -> None:
        """Count what became of the entries that were confirmed at an instant."""
        self.entries_decided += decided
        self.entries_refused.update(refusal.check for refusal in refusals)

    def append(self, event: ev.Event) -> None:
        """Take an event that the state already knows."""
        match event:
            case ev.BarsClosed():
                self.bars += len(event.bars)
                self._had_bar = True
            case ev.EquityMarked():
                self.marks.append(event.at, event.equity, event.gross)
            case ev.SessionClosed():
                if self._had_bar:
                    self.daily.append((event.at, event.equity))
                self._had_bar = False
            case ev.OrderFilled(fill=fill):
                self.turnover += fill.quantity * fill.price
                self.fees += fill.commission
                self.slippage += fill.slippage
                if fill.side is Side.SELL:
                    self._trades.append(self.state.trades[-1])
                    self.closed += 1
            case ev.OrderCancelled():
                self.entries_cancelled += 1
            case ev.PredictionsMade():
                self.predictions += len(event.predictions)
                self.reached += sum(p.buy_probability >= self.threshold for p in event.predictions)
            case ev.SignalProposed():
                self.signals += 1
            case ev.SignalAbstained():
                self.abstained[event.reason] = self.abstained.get(event.reason, 0) + 1

    def commit(self) -> None:
        """Nothing is on a disk: there is nothing to commit."""


def finish(cycle: Cycle, run: Callable[[Job], JobResult]) -> None:
    """Run one instant to its end, waiting for every job."""
    try:
        job = next(cycle)
        while True:
            job = cycle.send(run(job))
    except StopIteration:
        return


def run_backtest(
    engine: Engine,
    feed: Feed,
    begins_at: datetime,
    ends_at: datetime,
    run: Callable[[Job], JobResult],
    progress: Callable[[datetime], None] | None = None,
) -> None:
    """Step the engine from ``begins_at`` through every instant up to ``ends_at`` (included)."""
    now = begins_at
    with_data = feed.upcoming(now)
    due = engine.upcoming(now)
    while True:
        now = due if with_data is None else min(due, with_data)
        if now > ends_at:
            return
        if now == with_data:
            update = feed.read(now)
            with_data = feed.upcoming(now)
        else:
            update = NOTHING
        finish(engine.cycle(now, update), run)
        due = engine.upcoming(now)
        if progress is not None:
            progress(now)
