"""Whether a run is plain enough for the lean loop; all else takes the general path."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel

from hybrid_tui.config import BrokerConfig, Config, RiskConfig, RulesConfig
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.engine.fast.grid import Grid

KNOWN_RISK = {
    "levels", "max_position", "min_position", "max_gross", "protections", "cooldown_minutes",
    "stop_guard_count", "stop_guard_minutes", "daily_loss", "max_drawdown", "max_entries",
}  # fmt: skip
KNOWN_BROKER = {"kind", "trading_url", "stream_url", "cash", "slippage_bps", "commission"}
KNOWN_RULES = {
    "entry", "exit", "sets", "rsi_period", "rsi_below", "rsi_lookback", "rsi_exit",
    "exit_probability", "min_buy_probability", "min_confidence", "max_quote_age_s",
    "overnight_minutes",
}  # fmt: skip


def is_plain(
    config: Config,
    tiers: Collection[str],
    grid: Grid,
    calendar: TradingCalendar,
    begins_at: datetime,
    *,
    is_foretold: bool,
) -> bool:
    """Whether tier 1 runs, alone or with tier 2, by keys and over bars that the lean loop knows.

    ``is_foretold`` says whether the predictions of the whole run can be made ahead of it.
    """
    return (
        (set(tiers) == {"rules"} or (is_foretold and set(tiers) == {"rules", "ml"}))
        and _are_defaults(config.risk, RiskConfig(), KNOWN_RISK)
        and _are_defaults(config.broker, BrokerConfig(), KNOWN_BROKER)
        and _are_defaults(config.rules, RulesConfig(), KNOWN_RULES)
        and grid.is_plain
        and _are_in_sessions(grid, calendar, begins_at)
    )


def _are_defaults(given: BaseModel, default: BaseModel, known: set[str]) -> bool:
    return given.model_dump(exclude=known) == default.model_dump(exclude=known)


def _are_in_sessions(grid: Grid, calendar: TradingCalendar, begins_at: datetime) -> bool:
    """Whether each bar ends in a session that the desk sees opening, or open, before its close."""
    opens, closes = calendar.open_seconds, calendar.close_seconds
    if closes.searchsorted(grid.known[-1]) + 1 >= len(closes):
        return False
    sessions = grid.sessions(calendar)
    if any(grid.known[begin] <= opens[number] for begin, number in sessions):
        return False
    first = sessions[0][1]
    return bool(begins_at.timestamp() < opens[first] or grid.known[0] < closes[first])
