"""One trial of a search: a backtest of a span with some settings, in whatever process it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tui.commands.backtest_data import History, load_history
from hybrid_tui.commands.backtest_run import OVER_HISTORY, run_history
from hybrid_tui.commands.context import CliState
from hybrid_tui.errors import DataError

if TYPE_CHECKING:
    from hybrid_tui.commands.compose import HistoryPredictor
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import NewsItem

OBJECTIVES = ("sharpe", "sortino", "total_return", "cagr", "max_drawdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What all trials of a search share: the data, and what is set for each of them."""

    profile: str | None
    overrides: tuple[str, ...]
    data: tuple[str, ...]
    symbols: tuple[str, ...] | None
    start: datetime | None
    end: datetime | None
    interval: str | None
    tz: str
    tiers: tuple[str, ...]
    news: tuple[str, ...] = ()

    def config(self, settings: tuple[str, ...] = ()) -> Config:
        """Return the configuration of a trial; raises ConfigError."""
        forced = {**OVER_HISTORY, "app.tiers": list(self.tiers)}
        return CliState(profile=self.profile, overrides=self.overrides).config(settings, forced)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial: daily returns, oldest first, and closed trades."""

    returns: tuple[float, ...]
    trades: int

    def figures(self) -> dict[str, float | None]:
        """Return the objectives' figures."""
        import numpy as np

        from hybrid_tui.analysis.statistics import performance

        found = performance(np.array(self.returns))
        return {name: getattr(found, name) for name in OBJECTIVES}


# The data are read once in each process, whatever the number of its trials.
@lru_cache(maxsize=1)
def loaded(source: Source) -> tuple[CliState, History, tuple[NewsItem, ...]]:
    """Return the whole history and the headlines of a source."""
    state = CliState(profile=source.profile, overrides=source.overrides)
    history = load_history(
        state,
        state.calendar(),
        list(source.data),
        list(source.symbols) if source.symbols is not None else None,
        start=source.start,
        end=source.end,
        interval=source.interval,
        tz=source.tz,
    )
    headlines: list[NewsItem] = []
    if source.news:
        from hybrid_tui.market.news import read_news

        headlines = read_news([Path(path) for path in source.news], symbols=tuple(history.traded))
    return state, history, tuple(headlines)


def within(history: History, since: datetime, until: datetime) -> History:
    """Return the part of a history whose bars start in [since, until); earlier ones warm it up.

    Raises DataError where there are none.
    """
    from hybrid_tui.domain.bars import joined
    from hybrid_tui.domain.splits import split_adjusted

    first, last = int(since.timestamp()), int(until.timestamp())
    begins_at = max(history.begins_at, since - timedelta(seconds=1))
    splits = [a for a in history.actions if history.begins_at < a.ex_at <= begins_at]
    before, traded = {}, {}
    for symbol, series in history.traded.items():
        low, high = (int(series.start.searchsorted(second)) for second in (first, last))
        past = series.slice(0, low)
        if symbol in history.before:
            past = joined(history.before[symbol], past)
        if len(past):
            before[symbol] = split_adjusted(past, splits, begins_at) if splits else past
        if high > low:
            traded[symbol] = series.slice(low, high)
    if not traded:
        raise DataError(f"no bar between {since.isoformat()} and {until.isoformat()}")
    return replace(
        history,
        before=before,
        traded=traded,
        begins_at=begins_at,
        ends_at=min(history.ends_at, until),
    )


def run_span(
    state: CliState,
    config: Config,
    history: History,
    headlines: tuple[NewsItem, ...],
    tier2: HistoryPredictor | None = None,
) -> Result:
    """Run a configuration over a history and return its daily returns."""
    from hybrid_tui.analysis.statistics import daily_returns

    outcome = run_history(state, config, history, headlines, tier2=tier2)
    daily = [equity for _, equity in outcome.ledger.daily]
    returns = daily_returns(daily, outcome.desk.starting_cash)
    return Result(returns=tuple(returns.tolist()), trades=outcome.ledger.closed)


def run_trial(
    source: Source, settings: tuple[str, ...], since: datetime, until: datetime
) -> Result:
    """Run one trial over bars that start in [since, until); what a worker process is asked."""
    state, history, headlines = loaded(source)
    return run_span(state, source.config(settings), within(history, since, until), headlines)


def session_opens(state: CliState, history: History) -> list[datetime]:
    """Return the opens of the sessions that a history's bars lie in."""
    return [
        session.open
        for session in state.calendar().sessions
        if session.close > history.first_start and session.open < history.ends_at
    ]
