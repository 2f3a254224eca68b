"""What a strategist is told: prices, holdings, the past and how it went, known at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries
from hybrid_tui.domain.briefing import (
    EarningsDue,
    Holding,
    PastStrategy,
    SymbolFacts,
    TrackRecord,
    Vetoed,
)
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar, strategy_expiry
from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.domain.orders import Position
from hybrid_tui.domain.ports import MarketView, StrategistBrief
from hybrid_tui.domain.signals import ExecutionStatus
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.market.resample import resample
from hybrid_tui.rules.indicators import Line, indicators_of

BENCHMARK: Final = "SPY"
EVENT_SESSION: Final = "event"
RECENT_TRADES: Final = 10
MOST_BARS: Final = 3_000
MOST_PAST: Final = 8
SPANS: Final = (("5m", timedelta(minutes=5)), ("1h", timedelta(hours=1)))
DAYS_BACK: Final = (("1d", 1), ("5d", 5), ("20d", 20))
TIMEFRAMES: Final = (("1m", 60), ("15m", 900), ("1d", DAY_SECONDS))
_RSI: Final = Line("rsi", (14.0,))
_HISTOGRAM: Final = Line("macd_histogram", (12.0, 26.0, 9.0))


def close_at(bars: BarSeries | None, instant: datetime) -> float | None:
    """Return the last close known at an instant, in dollars."""
    if bars is None:
        return None
    row = int(np.searchsorted(bars.known_at, int(instant.timestamp()), side="right")) - 1
    return float(bars.close[row]) if row >= 0 else None


def facts_of(
    symbol: str, bars: BarSeries | None, calendar: TradingCalendar, now: datetime
) -> SymbolFacts | None:
    """Return a symbol's prices over several timeframes; None without a bar.

    Changes: over 5 minutes, an hour, since the session's open and since the closes of 1, 5 and 20
    sessions before. Indicators: RSI(14) of 1-minute, 15-minute and daily bars, the MACD histogram
    of 15 minutes over the price (in basis points), and where the price stands in the day's range.
    """
    price = close_at(bars, now)
    if bars is None or price is None:
        return None
    changes: dict[str, float] = {}
    for name, span in SPANS:
        before = close_at(bars, now - span)
        if before is not None and bars.interval <= span.total_seconds():
            changes[name] = price / before - 1
    second = int(now.timestamp())
    today = calendar.last_session(now)
    indicators: dict[str, float] = {}
    if today is not None:
        rows = bars.start >= int(today.open.timestamp())
        if rows.any():
            first = int(np.argmax(rows))
            changes["open"] = price / float(bars.open[first]) - 1
            low, high = float(bars.low[first:].min()), float(bars.high[first:].max())
            if high > low:
                indicators["day_range_0_to_1"] = (price - low) / (high - low)
    ended = int(np.searchsorted(calendar.close_seconds, second, side="right"))
    if today is not None and not today.contains(now):
        ended -= 1
    for name, count in DAYS_BACK:
        if ended >= count:
            close = datetime.fromtimestamp(int(calendar.close_seconds[ended - count]), now.tzinfo)
            before = close_at(bars, close)
            if before is not None and bars.start[0] < calendar.close_seconds[ended - count]:
                changes[name] = price / before - 1
    indicators |= _indicators(bars, calendar)
    return SymbolFacts(symbol=symbol, price=price, changes=changes, indicators=indicators)


def _indicators(bars: BarSeries, calendar: TradingCalendar) -> dict[str, float]:
    found: dict[str, float] = {}
    recent = bars.slice(max(0, len(bars) - MOST_BARS), len(bars))
    for name, interval in TIMEFRAMES:
        if interval < bars.interval or interval % bars.interval:
            continue
        longer = resample(bars if interval == DAY_SECONDS else recent, interval, calendar)
        rsi = float(indicators_of(longer, [_RSI])[_RSI][-1])
        if np.isfinite(rsi):
            found[f"rsi14_{name}"] = rsi
        if name == "15m":
            histogram = float(indicators_of(longer, [_HISTOGRAM])[_HISTOGRAM][-1])
            if np.isfinite(histogram):
                found["macd_histogram_15m_bps"] = 1e4 * histogram / float(longer.close[-1])
    return found


def brief_of(
    state: DeskState,
    view: MarketView,
    calendar: TradingCalendar,
    symbols: Sequence[str],
    *,
    session: str = "",
    occasion: str = "",
    by_hand: bool = False,
    full: bool = True,
    earnings: tuple[EarningsDue, ...] = (),
) -> StrategistBrief:
    """Return what a strategist may know at ``view.now``.

    ``session`` is a New York time (default: that of the instant, ``event`` with an ``occasion``).
    An ``occasion`` makes it an event session, also one asked for ``by_hand``. Without ``full``,
    prices and what became of earlier proposals are left out: the local analyst does not read them,
    and a backtest need not work them out.
    """
    now = view.now
    clock = now.astimezone(NEW_YORK)
    mark = ("-hand" if by_hand else "-event") if occasion else ""
    facts = (facts_of(s, view.bars(s), calendar, now) for s in symbols) if full else ()
    return StrategistBrief(
        id=f"{clock:%Y%m%d-%H%M}{mark}",
        session=session or (EVENT_SESSION if occasion else f"{clock:%H:%M}"),
        now=now,
        expires_at=strategy_expiry(now, calendar),
        watchlist=tuple(symbols),
        news=tuple(state.news),
        scores=dict(state.scores),
        predictions={
            symbol: found
            for symbol, found in sorted(state.predictions.items())
            if found.is_fresh(now)
        },
        execution=execution_of(state, now),
        vetoes=tuple(_vetoed(state, now)),
        occasion=occasion,
        equity=state.equity(),
        cash=state.cash,
        facts={one.symbol: one for one in facts if one is not None},
        holdings=holdings_of(state),
        past=past_of(state, view, symbols) if full else (),
        lessons=tuple(state.lessons),
        earnings=earnings,
        track_record=track_record_of(state.live_calibration),
    )


def execution_of(state: DeskState, now: datetime) -> ExecutionStatus:
    """Return tier 1's account of itself."""
    return ExecutionStatus(
        at=now,
        current_positions={s: held.quantity for s, held in sorted(state.positions.items())},
        current_pnl=state.equity() - state.reference_equity,
        recent_trades=tuple(
            f"{trade.symbol} {trade.exit_reason} {trade.pnl:+.2f}"
            for trade in list(state.trades)[-RECENT_TRADES:]
        ),
        risk_alerts=("entries are paused",) if state.paused else (),
        locks=tuple(lock.name for lock in state.locks if lock.holds(now)),
        heartbeats={tier: beat.health for tier, beat in sorted(state.beats.items())},
    )


def _vetoed(state: DeskState, now: datetime) -> list[str]:
    since = now - timedelta(hours=24)
    return sorted(
        {
            symbol
            for found in state.signals.values()
            if found.signal.at >= since
            for symbol, status in found.symbols.items()
            if status == "vetoed"
        }
    )


def holdings_of(state: DeskState) -> tuple[Holding, ...]:
    """Return the positions with what they have gained since their entry."""
    return tuple(_holding(held, state.closes[symbol]) for symbol, held in state.positions.items())


def _holding(held: Position, price: float) -> Holding:
    return Holding(
        symbol=held.symbol,
        quantity=held.quantity,
        entry_at=held.entry_at,
        entry_price=held.entry_price,
        price=price,
        level=held.level,
        pnl=held.quantity * (price - held.entry_price),
    )


def market_return(
    view: MarketView, watchlist: Sequence[str], since: datetime, until: datetime
) -> float | None:
    """Return the benchmark's return between two known instants.

    It is SPY's, or, where SPY is not watched, the mean of the watched symbols.
    """
    names = [BENCHMARK] if BENCHMARK in watchlist else list(watchlist)
    found = [r for r in (return_of(view, name, since, until) for name in names) if r is not None]
    return sum(found) / len(found) if found else None


def return_of(view: MarketView, symbol: str, since: datetime, until: datetime) -> float | None:
    """Return a symbol's return between the last closes known at two instants."""
    bars = view.bars(symbol)
    before, after = close_at(bars, since), close_at(bars, until)
    return after / before - 1 if before and after is not None else None


def past_of(
    state: DeskState, view: MarketView, watchlist: Sequence[str]
) -> tuple[PastStrategy, ...]:
    """Return the last proposals and the one in force, oldest first, with what became of them."""
    known = [found for found in state.signals.values() if found.signal.at < view.now]
    last = known[-MOST_PAST:]
    in_force = state.strategy(view.now)
    if in_force is not None and in_force not in last:
        last.insert(0, in_force)
    return tuple(_past(found, found is in_force, view, watchlist) for found in last)


def _past(
    found: SignalState, in_force: bool, view: MarketView, watchlist: Sequence[str]
) -> PastStrategy:
    signal = found.signal
    until = min(view.now, signal.expires_at)
    named = dict.fromkeys((*signal.focus_stocks, *signal.sentiment_scores))
    returns = {symbol: return_of(view, symbol, signal.at, until) for symbol in named}
    return PastStrategy(
        id=signal.id,
        at=signal.at,
        session=signal.session,
        source=signal.source,
        direction=signal.direction.value,
        risk_level=signal.risk_level.value,
        overnight_target=signal.overnight_target,
        focus=signal.focus_stocks,
        scores=dict(signal.sentiment_scores),
        status=found.status,
        in_force=in_force,
        approved=tuple(s for s, status in found.symbols.items() if status == "approved"),
        vetoes=tuple(
            Vetoed(symbols=made.symbols, reason=made.reason)
            for made in found.decisions
            if made.decision == "vetoed"
        ),
        returns={symbol: value for symbol, value in returns.items() if value is not None},
        market=market_return(view, watchlist, signal.at, until),
    )


def track_record_of(calibration: LiveCalibration) -> TrackRecord | None:
    """Return how tier 2's predictions of the last sessions came out; None before there are any."""
    outcomes = calibration.outcomes
    if not outcomes:
        return None
    return TrackRecord(
        outcomes=outcomes,
        claimed=sum(sum(tally.said) for tally in calibration.tallies) / outcomes,
        came_true=sum(sum(tally.came) for tally in calibration.tallies) / outcomes,
        error=calibration.error(),
    )
