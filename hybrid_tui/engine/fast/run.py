"""One run by the fast path: the lean loop where the run is plain, else the engine, skipping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
from hybrid_tui.engine.backtest import Ledger
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.fast.choice import is_plain
from hybrid_tui.engine.fast.feed import GridFeed
from hybrid_tui.engine.fast.forecasts import (
    Ahead,
    Forecasts,
    Occasions,
    by_forecasts,
    by_signals,
    refusals,
)
from hybrid_tui.engine.fast.general import SkippingRun
from hybrid_tui.engine.fast.grid import Grid
from hybrid_tui.engine.fast.history import RecordedPast
from hybrid_tui.engine.fast.lean import LeanRun
from hybrid_tui.engine.fast.outcome import settle
from hybrid_tui.engine.fast.signals import SparseBoard, SymbolSignals, signals_of
from hybrid_tui.engine.jobs import Job, JobResult
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.checks import EntryRules
from hybrid_tui.rules.technical import Technicals


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is recorded: bars that warm up, bars that trade, headlines and corporate actions.

    Bars and actions count from ``begins_at`` (excluded) to ``ends_at`` (included); what becomes
    known later is not traded.
    """

    before: Mapping[str, BarSeries]
    traded: Mapping[str, BarSeries]
    begins_at: datetime
    ends_at: datetime
    news: Sequence[NewsItem] = ()
    actions: Sequence[CorporateAction] = ()

    def streamed(self) -> dict[str, BarSeries]:
        """Return the bars that are known by the end, of the symbols that have any."""
        known = {
            s: series.known_by(int(self.ends_at.timestamp())) for s, series in self.traded.items()
        }
        return {symbol: series for symbol, series in known.items() if len(series)}

    def signals(self, technicals: Technicals) -> dict[str, SymbolSignals]:
        """Return the technical signals of each traded symbol."""
        found = {}
        for symbol, series in sorted(self.traded.items()):
            before = self.before.get(symbol)
            found[symbol] = signals_of(before, series, technicals, self._splits(symbol))
            series.release()
        return found

    def _splits(self, symbol: str) -> list[CorporateAction]:
        found = [a for a in self.actions if a.symbol == symbol and a.ratio != 1.0]
        inside = [a for a in found if self.begins_at < a.ex_at <= self.ends_at]
        return sorted(inside, key=lambda action: action.ex_at)


def run_fast(
    record: Record,
    setup: EngineSetup,
    recorder: Recorder,
    ledger: Ledger,
    broker: PaperBroker,
    run: Callable[[Job], JobResult],
    progress: Callable[[datetime], None] | None = None,
    ahead: Ahead | None = None,
) -> None:
    """Run tier 1, and the tiers of ``setup``, over a record; ``ledger`` is the recorder's sink.

    ``ahead`` makes the predictions that ``run`` would, all at once, where the run allows it.
    """
    config, streamed = setup.config, record.streamed()
    if not streamed:
        return
    grid, every = Grid(streamed), record.signals(Technicals.of(config.rules))
    signals = {symbol: every[symbol] for symbol in grid.series}
    if not record.actions and is_plain(
        config,
        setup.tiers,
        grid,
        setup.calendar,
        record.begins_at,
        is_foretold=ahead is not None,
    ):
        forecasts = None
        if "ml" in setup.tiers and ahead is not None:
            forecasts = ahead(record.begins_at, record.ends_at, progress)
            ledger.predictions = forecasts.count()
            ledger.reached = forecasts.reached(ledger.threshold)
        occasions = _occasions(setup, grid, signals, forecasts)
        lean = LeanRun(
            config,
            grid,
            occasions,
            setup.calendar,
            setup.interval,
            record.ends_at,
            judges=setup.judged is not None,
        )
        lean.run(progress if forecasts is None else None)
        settle(lean, grid, config, ledger)
        if setup.judged is not None:
            entry = EntryRules.of(config, setup.tiers, setup.min_probability)
            decided, *refused = lean.book.judged
            ledger.entries_decided = decided
            named = dict(zip(refusals(entry), refused, strict=True))
            ledger.entries_refused = Counter({name: n for name, n in named.items() if n})
        return
    engine = Engine(
        setup,
        recorder,
        broker,
        SparseBoard(grid.series, signals),
        RecordedPast(grid.series, setup.interval, setup.feed_name),
    )
    feed = GridFeed(grid, record.news, record.actions)
    engine.warm_up(record.before, feed.earlier_news(record.begins_at))
    skipping = SkippingRun(engine, ledger, grid, signals, broker.stops_touched)
    skipping.run(feed, record.begins_at, record.ends_at, run, progress)


def _occasions(
    setup: EngineSetup,
    grid: Grid,
    signals: Mapping[str, SymbolSignals],
    forecasts: Forecasts | None,
) -> dict[str, Occasions]:
    """Return when each symbol of the grid is to be bought or sold."""
    config = setup.config
    if forecasts is None:
        return {s: by_signals(found, config.risk.max_position) for s, found in signals.items()}
    entry = EntryRules.of(config, setup.tiers, setup.min_probability)
    return {
        symbol: by_forecasts(
            found,
            grid.series[symbol].known_at,
            forecasts.of(symbol),
            forecasts.lasts,
            entry,
            config.rules,
        )
        for symbol, found in signals.items()
    }
