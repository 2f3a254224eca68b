"""The instants at which tier 2 speaks, and whether a symbol has enough known bars at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BoolArray, IntArray
from hybrid_tui.domain.calendar import Session, TradingCalendar, prediction_instants
from hybrid_tui.errors import DataError
from hybrid_tui.ml.features import INTERVAL, LOOKBACK

STALE_SECONDS = 15 * 60
HORIZON_SECONDS = 60 * 60
EVERY_MINUTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """Prediction instants with the open and close of their session, UTC epoch seconds, (n,)."""

    at: IntArray
    session_open: IntArray
    session_close: IntArray

    def __len__(self) -> int:
        return len(self.at)

    @property
    def horizon_end(self) -> IntArray:
        """One hour later, at most the close of the session."""
        return np.minimum(self.at + HORIZON_SECONDS, self.session_close)

    def take(self, rows: IntArray | BoolArray | slice) -> Ticks:
        """Return the chosen instants."""
        return Ticks(
            at=self.at[rows],
            session_open=self.session_open[rows],
            session_close=self.session_close[rows],
        )


def single_tick(at: datetime, session_open: datetime, session_close: datetime) -> Ticks:
    """Return the one instant ``at`` of a session."""
    return Ticks(
        at=np.array([int(at.timestamp())], dtype=np.int64),
        session_open=np.array([int(session_open.timestamp())], dtype=np.int64),
        session_close=np.array([int(session_close.timestamp())], dtype=np.int64),
    )


def session_ticks(sessions: Sequence[Session], every_minutes: int = EVERY_MINUTES) -> Ticks:
    """Return the prediction instants of whole sessions: open + n x interval, before the close."""
    rows = [
        (int(at.timestamp()), int(session.open.timestamp()), int(session.close.timestamp()))
        for session in sessions
        for at in prediction_instants(session, every_minutes)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Ticks(at=table[:, 0], session_open=table[:, 1], session_close=table[:, 2])


def sessions_between(calendar: TradingCalendar, first: int, last: int) -> tuple[Session, ...]:
    """Return the sessions that overlap [first, last], UTC epoch seconds."""
    low = int(np.searchsorted(calendar.close_seconds, first, side="left"))
    high = int(np.searchsorted(calendar.open_seconds, last, side="right"))
    return calendar.sessions[low:high]


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """How many bars were known at each instant, and which instants can be predicted, (n,)."""

    ends: IntArray
    is_recent: BoolArray
    is_ready: BoolArray


def eligibility(series: BarSeries, ticks: Ticks) -> Eligibility:
    """Say for each instant whether the symbol traded lately and has a whole look-back.

    *Recent*: its last known bar belongs to this session and ended at most 15 minutes ago. *Ready*:
    recent, and at least LOOKBACK bars are known. Raises DataError unless bars last one minute.
    """
    if series.interval != INTERVAL:
        raise DataError(
            f"{series.symbol} has bars of {series.interval} s; tier 2 needs one-minute bars",
            hint="give it one-minute data, or run without --tiers ml",
        )
    ends = np.searchsorted(series.known_at, ticks.at, side="right").astype(np.int64)
    if not len(series):
        nothing = np.zeros(len(ticks), dtype=np.bool_)
        return Eligibility(ends=ends, is_recent=nothing, is_ready=nothing)
    last = np.maximum(ends - 1, 0)
    is_recent = (
        (ends > 0)
        & (series.start[last] >= ticks.session_open)
        & (ticks.at - series.known_at[last] <= STALE_SECONDS)
    )
    return Eligibility(ends=ends, is_recent=is_recent, is_ready=is_recent & (ends >= LOOKBACK))


def abstention_reason(is_recent: bool, known: int) -> str:
    """Return why there is no prediction for a symbol that is not ready."""
    if not is_recent:
        return f"no bar for {STALE_SECONDS // 60} minutes"
    return f"needs {LOOKBACK} bars, has {known}"
