"""What is an unusual move of a price: judged against the symbol's own last sessions.

A symbol's usual 5-minute return and volume are measured once a session, on the sessions before it,
so that what is unusual does not depend on when the program was started.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from hybrid_tui.config import EventsConfig
from hybrid_tui.domain.bars import Bar, BarSeries
from hybrid_tui.domain.calendar import TradingCalendar

WINDOW = 300
SESSIONS = 4
FEWEST_RETURNS = 100
HALF_HOUR = 1_800
LONGEST_SESSION = 23_400
PARTS_OF_A_DAY = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A symbol's sessions before this one.

    ``sigma`` is the root mean square of its log returns over 5 minutes, ``volume`` the mean shares
    traded in 5 minutes by half-hour of the session, ``close`` its last close in dollars.
    """

    sigma: float
    volume: tuple[float, ...]
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An unusual ``move``, ``gap`` or ``volume``.

    ``size`` is a log return, or for volume the multiple of what is usual; ``sigma`` the deviation
    that a return was measured by (5 minutes, for a gap a session), None for volume.
    """

    kind: str
    size: float
    sigma: float | None


def usual_of(bars: BarSeries | None, calendar: TradingCalendar, before: int) -> Usual | None:
    """Measure the last four sessions with bars before ``before`` (epoch seconds); None: too few."""
    if bars is None:
        return None
    last = int(np.searchsorted(bars.start, before))
    if last == 0:
        return None
    bars = bars.slice(max(0, last - SESSIONS * LONGEST_SESSION // bars.interval), last)
    session = np.searchsorted(calendar.close_seconds, bars.start, side="right")
    first_of_them = int(np.searchsorted(session, np.unique(session)[-SESSIONS:][0]))
    bars, session = bars.slice(first_of_them, len(bars)), session[first_of_them:]
    opens = calendar.open_seconds[session]
    span = max(WINDOW, bars.interval)
    reference = np.searchsorted(bars.start, bars.start - span, side="right") - 1
    known = (reference >= 0) & (bars.start[np.maximum(reference, 0)] >= opens)
    returns = np.log(bars.close[known] / bars.close[reference[known]])
    if len(returns) < FEWEST_RETURNS:
        return None
    total = np.concatenate(([0.0], np.cumsum(bars.volume)))
    first = np.maximum(reference + 1, np.searchsorted(bars.start, opens))
    rolling = total[np.arange(1, len(bars) + 1)] - total[first]
    half_hour = ((bars.start - opens) // HALF_HOUR).astype(np.int64)
    count = np.bincount(half_hour, minlength=13)
    volume = np.bincount(half_hour, weights=rolling, minlength=13) / np.maximum(count, 1)
    sigma = math.sqrt(float(np.square(returns).mean()))
    return Usual(sigma=sigma, volume=tuple(volume.tolist()), close=float(bars.close[-1]))


class SessionWatch:
    """All symbols' session: takes in the bars of each start and says what is unusual in them.

    A row for each of the last slots of one bar: the last close so far, and the shares traded.
    """

    def __init__(
        self,
        usual: Mapping[str, Usual | None],
        *,
        opens: int,
        interval: int,
        events: EventsConfig,
    ) -> None:
        names = list(usual)
        known = [usual[name] or NOTHING_USUAL for name in names]
        self._columns = {name: column for column, name in enumerate(names)}
        self._names = names
        self._all = np.arange(len(names))
        self._opens = opens
        self._interval = interval
        self._slots = max(1, WINDOW // interval)
        self._slot = -1
        self._closes = np.full((self._slots + 1, len(names)), np.nan)
        self._traded = np.zeros((self._slots, len(names)))
        self._sigma = np.array([found.sigma for found in known])
        self._before = np.array([found.close for found in known])
        self._seen = np.zeros(len(names), dtype=np.bool_)
        self._gap = _or_never(events.gap_sigma) * self._sigma * math.sqrt(PARTS_OF_A_DAY)
        limit = _or_never(events.move_sigma) * self._sigma
        self._up, self._down = np.exp(limit), np.exp(-limit)
        volume = np.array([found.volume for found in known]).T.reshape(-1, len(names))
        self._usual_volume = volume
        self._volume = np.where(volume > 0, volume, np.nan) * _or_never(events.volume_times)

    def recall(self, symbol: str, bars: BarSeries, before: int) -> None:
        """Take in a symbol's bars of this session before an instant (epoch seconds), in silence.

        Called for every symbol before the first :meth:`take`, as after a restart in the middle.
        """
        column = self._columns[symbol]
        first, last = (int(np.searchsorted(bars.start, at)) for at in (self._opens, before))
        if last <= first:
            return
        self._seen[column] = True
        self._slot = self._slot_of(before) - 1
        slots = (bars.start[first:last] - self._opens) // self._interval
        for slot in range(max(0, self._slot - self._slots), self._slot + 1):
            upto = int(np.searchsorted(slots, slot, side="right"))
            if upto:
                self._closes[slot % (self._slots + 1), column] = bars.close[first + upto - 1]
                traded = slots[upto - 1] == slot
                volume = float(bars.volume[first + upto - 1]) if traded else 0.0
                self._traded[slot % self._slots, column] = volume

    def take(self, start: int, bars: Mapping[str, Bar]) -> list[tuple[str, Move]]:
        """Take in the bars of one start (epoch seconds); return what is unusual, by symbol.

        A move is the close against the last close at least 5 minutes before, in one session; a gap
        the session's first open against the last close; volume the shares of the last 5 minutes.
        """
        columns = self._all
        if list(bars) != self._names:
            columns = np.fromiter((self._columns[symbol] for symbol in bars), np.intp, len(bars))
        flat = chain.from_iterable(bars.values())
        values = np.fromiter(flat, np.float64, 5 * len(bars)).reshape(-1, 5)
        slot = self._slot_of(start)
        self._go_on_to(slot)
        row = slot % (self._slots + 1)
        self._closes[row, columns] = closes = values[:, 3]
        self._traded[slot % self._slots, columns] = values[:, 4]
        ratio = closes / self._closes[(slot - self._slots) % (self._slots + 1), columns]
        moved = (ratio > self._up[columns]) | (ratio < self._down[columns])
        part = min((start - self._opens) // HALF_HOUR, len(self._volume) - 1)
        traded = self._traded.sum(axis=0)[columns]
        heavy = traded > self._volume[part, columns]
        gaps = np.zeros(len(columns), dtype=np.bool_)
        fresh = ~self._seen[columns]
        if fresh.any():
            self._seen[columns] = True
            jump = np.abs(np.log(values[:, 0] / self._before[columns]))
            gaps = fresh & (jump > self._gap[columns])
        if not (moved | heavy | gaps).any():
            return []
        found: list[tuple[str, Move]] = []
        for kind, holds in (("gap", gaps), ("move", moved), ("volume", heavy)):
            for at in np.flatnonzero(holds).tolist():
                column = int(columns[at])
                sigma = float(self._sigma[column])
                if kind == "gap":
                    size = math.log(values[at, 0] / self._before[column])
                    move = Move(kind=kind, size=size, sigma=sigma * math.sqrt(PARTS_OF_A_DAY))
                elif kind == "move":
                    move = Move(kind=kind, size=math.log(ratio[at]), sigma=sigma)
                else:
                    size = float(traded[at] / self._usual_volume[part, column])
                    move = Move(kind=kind, size=size, sigma=None)
                found.append((self._names[column], move))
        return found

    def _slot_of(self, start: int) -> int:
        return (start - self._opens) // self._interval

    def _go_on_to(self, slot: int) -> None:
        """Carry the last closes on through the slots up to ``slot``; nothing traded in them."""
        for passing in range(max(self._slot + 1, slot - self._slots), slot + 1):
            self._closes[passing % (self._slots + 1)] = self._closes[
                (passing - 1) % (self._slots + 1)
            ]
            self._traded[passing % self._slots] = 0.0
        self._slot = slot


NOTHING_USUAL = Usual(sigma=math.nan, volume=(math.nan,) * 13, close=math.nan)


def _or_never(limit: float) -> float:
    """Return a limit, where 0 means that nothing ever passes it."""
    return limit or math.nan
