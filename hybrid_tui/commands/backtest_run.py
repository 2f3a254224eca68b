"""One run of the engine over loaded history: what ``backtest`` and everything built on it share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.compose import (
    HistoryPredictor,
    find_manifest,
    history_predictor,
    labelled,
    local_analyst,
    minimum_probability,
)
from hybrid_tui.commands.context import CliState

if TYPE_CHECKING:
    from hybrid_tui.broker.paper import HalfSpread, PaperBroker
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import NewsItem
    from hybrid_tui.domain.exchange import Exchange
    from hybrid_tui.domain.ports import Strategist
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.engine.backtest import Ledger
    from hybrid_tui.engine.engine import EngineSetup
    from hybrid_tui.engine.fast.forecasts import Ahead
    from hybrid_tui.engine.recorder import Recorder, Sink
    from hybrid_tui.engine.tier_host import TierHost
    from hybrid_tui.llm.recorded import RecordedStrategist

    Watch = Callable[[Sink], Sink]

RunPath = Literal["event", "fast"]

OVER_HISTORY: Mapping[str, object] = MappingProxyType(
    {"app.mode": "recorded", "broker.kind": "paper", "approval.policy": "auto"}
)
"""The configuration keys that a run over history fixes, whatever the desk is set to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSessions:
    """Which sessions had a recorded answer, by model, and which the local analyst took."""

    models: Mapping[str, int]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run left: its ledger, the desk at the end, and what tiers 2 and 3 were.

    ``labels`` counts the headlines that were scored by a model's labels, by model.
    """

    ledger: Ledger
    desk: DeskState
    tiers: frozenset[str]
    model_id: str | None
    trained_until: datetime | None
    llm_source: str | None
    path: str
    llm: str = "local"
    recorded: RecordedSessions | None = None
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What both paths run on: the same set-up, account and ledger."""

    setup: EngineSetup
    recorder: Recorder
    ledger: Ledger
    broker: PaperBroker


def run_history(
    state: CliState,
    config: Config,
    history: History,
    headlines: Sequence[NewsItem],
    progress: Callable[[datetime], None] | None = None,
    *,
    path: RunPath = "fast",
    tier2: HistoryPredictor | None = None,
    watch: Watch | None = None,
    llm: str = "local",
    making: Callable[[datetime], None] | None = None,
) -> Outcome:
    """Run the engine over ``history`` with the tiers of ``config.app.tiers``.

    ``event`` steps through every bar as the desk does live; ``fast`` skips what cannot matter and
    comes to the same, to the bit. ``tier2`` stands in for the configured model, ``watch`` gets to
    see what is written to the ledger, every event: it takes the event path. With ``llm``
    ``recorded``, sessions get the answers that the journal has for them. ``making`` is told the
    instants whose predictions are made ahead of the run. Raises ConfigError or ModelError for tiers
    that cannot run over this history.
    """
    from hybrid_tui.engine.tier_host import TierHost
    from hybrid_tui.llm.labels import LabelledStrategist

    tiers = frozenset(config.app.tiers)
    reader = labelled(state, local_analyst()) if "llm" in tiers else None
    recorded = recorded_strategist(state, config, reader) if reader and llm == "recorded" else None
    strategist: Strategist | None = recorded or reader
    predictor = tier2
    if "ml" in tiers and predictor is None:
        predictor = make_history_predictor(
            state, config, history, headlines, strategist, making=making
        )
    path = path if watch is None else "event"
    parts = make_parts(state, config, history, watch, predictor, full_briefs=recorded is not None)
    host = TierHost((lambda: predictor) if predictor is not None else None, strategist)
    if path == "event":
        _by_bar(parts, history, headlines, host, progress)
    else:
        ahead = predictor.ahead if predictor is not None else None
        _by_skipping(parts, history, headlines, host, progress, ahead)
    return Outcome(
        ledger=parts.ledger,
        desk=parts.ledger.state,
        tiers=tiers,
        model_id=predictor.model_id if predictor else None,
        trained_until=predictor.trained_until if predictor else None,
        llm_source=strategist.source if strategist else None,
        path=path,
        llm=llm,
        recorded=RecordedSessions(
            models=dict(sorted(recorded.models.items())), missing=tuple(recorded.missing)
        )
        if recorded
        else None,
        labels={source: len(ids) for source, ids in sorted(reader.used.items())}
        if isinstance(reader, LabelledStrategist)
        else {},
    )


def recorded_strategist(state: CliState, config: Config, local: Strategist) -> RecordedStrategist:
    """Return who gives each session the answer that the journal has for it."""
    from hybrid_tui.commands.model import prompt_limits
    from hybrid_tui.journal.exchanges import exchanges_at
    from hybrid_tui.journal.reader import open_read_only
    from hybrid_tui.llm.recorded import RecordedStrategist

    def find(at: datetime) -> list[Exchange]:
        if not state.paths.journal.exists():
            return []
        with closing(open_read_only(state.paths.journal)) as connection:
            return exchanges_at(connection, at)

    return RecordedStrategist(find, local, prompt_limits(config))


def _by_bar(
    parts: Parts,
    history: History,
    headlines: Sequence[NewsItem],
    host: TierHost,
    progress: Callable[[datetime], None] | None,
) -> None:
    from hybrid_tui.engine.backtest import run_backtest
    from hybrid_tui.engine.engine import Engine
    from hybrid_tui.market.recorded import RecordedMarket
    from hybrid_tui.rules.board import PrecomputedBoard

    # Across a split the past is restated as it happens: nothing can be made in advance.
    board = None
    if not history.actions:
        board = PrecomputedBoard(history.before, history.traded, parts.setup.config.rules)
    engine = Engine(parts.setup, parts.recorder, parts.broker, board)
    feed = RecordedMarket(
        history.traded,
        headlines,
        calendar=parts.setup.calendar,
        begins_at=history.begins_at,
        actions=history.actions,
        with_quotes=False,
    )
    engine.warm_up(history.before, feed.earlier_news(history.begins_at))
    run_backtest(engine, feed, history.begins_at, history.ends_at, host.run, progress)


def _by_skipping(
    parts: Parts,
    history: History,
    headlines: Sequence[NewsItem],
    host: TierHost,
    progress: Callable[[datetime], None] | None,
    ahead: Ahead | None,
) -> None:
    from hybrid_tui.engine.fast.run import Record, run_fast

    record = Record(
        before=history.before,
        traded=history.traded,
        news=headlines,
        actions=history.actions,
        begins_at=history.begins_at,
        ends_at=history.ends_at,
    )
    run_fast(
        record,
        parts.setup,
        parts.recorder,
        parts.ledger,
        parts.broker,
        host.run,
        progress,
        ahead,
    )


def half_spread(config: Config, history: History) -> HalfSpread | None:
    """Return where fills find half of the spread, if the configuration asks for it."""
    if config.broker.slippage_model == "fixed" or history.spreads is None:
        return None
    return history.spreads.half


def make_parts(
    state: CliState,
    config: Config,
    history: History,
    watch: Watch | None = None,
    predictor: HistoryPredictor | None = None,
    *,
    full_briefs: bool = False,
) -> Parts:
    """Return an account at the start of ``history``, and the ledger it writes to."""
    from hybrid_tui.broker.paper import PaperBroker
    from hybrid_tui.domain.events import EngineStarted
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.engine.backtest import NOT_KEPT, Ledger
    from hybrid_tui.engine.engine import EngineSetup
    from hybrid_tui.engine.recorder import Recorder

    tiers = frozenset(config.app.tiers)
    names = tuple(sorted(history.traded))
    desk = DeskState()
    threshold = minimum_probability(
        config,
        lambda: predictor.manifest if predictor else find_manifest(state, config, "real"),
    )
    ledger = Ledger(desk, threshold=threshold)
    recorder = Recorder(desk, watch(ledger) if watch else ledger, left_out=NOT_KEPT)
    broker = PaperBroker(
        cash=config.broker.cash,
        slippage_bps=config.broker.slippage_bps,
        commission=config.broker.commission,
        participation=config.broker.participation,
        half_spread=half_spread(config, history),
    )
    setup = EngineSetup(
        config=config,
        tiers=tiers,
        calendar=state.calendar(),
        symbols=names,
        interval=history.interval,
        feed_name=history.feed,
        min_probability=threshold,
        keeps_history="llm" in tiers or bool(history.actions),
        full_briefs=full_briefs,
        # They change no trade but through an event session of tier 3.
        watches_moves=config.events.watch and config.llm.event_sessions and "llm" in tiers,
        # With tier 1 alone hardly anything is refused, and the fast path does not look.
        judged=ledger.judge if tiers != {"rules"} else None,
    )
    recorder.emit(
        EngineStarted,
        history.begins_at,
        run="backtest",
        mode="backtest",
        hybrid=config.app.hybrid.value,
        tiers=tuple(sorted(tiers)),
        policy=config.approval.policy,
        watchlist=names,
        cash=config.broker.cash,
        resumed=False,
        speed=0.0,
        sources={"market": history.feed, "broker": "paper"},
        settings={},
    )
    return Parts(setup=setup, recorder=recorder, ledger=ledger, broker=broker)


def make_history_predictor(
    state: CliState,
    config: Config,
    history: History,
    headlines: Sequence[NewsItem],
    strategist: Strategist | None,
    *,
    keep: bool = True,
    making: Callable[[datetime], None] | None = None,
) -> HistoryPredictor:
    """Return tier 2 over ``history``; with ``keep`` its predictions are kept on disk."""
    return history_predictor(
        state,
        config,
        state.calendar(),
        history.before,
        history.traded,
        headlines,
        history.interval,
        history.begins_at,
        strategist,
        history.actions,
        keep=keep,
        making=making,
    )
