"""What a recorded market has to say at one instant, looked up where somebody asks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime

from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, CorporateAction, NewsItem
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.engine.fast.grid import Grid
from hybrid_tui.market.recorded import NEWS_REACH


class GridFeed:
    """Bars of a grid, headlines and corporate actions, by the instant they are known."""

    def __init__(
        self, grid: Grid, news: Sequence[NewsItem], actions: Sequence[CorporateAction]
    ) -> None:
        self._grid = grid
        self._news = sorted(news, key=lambda item: (item.received_at, item.id))
        self._news_at = [item.received_at for item in self._news]
        self._actions = sorted(actions, key=lambda action: (action.ex_at, action.symbol))
        self._others = sorted({*self._news_at, *(action.ex_at for action in self._actions)})

    def upcoming_besides_bars(self, after: datetime) -> datetime | None:
        """Return the next instant strictly after ``after`` with a headline or an action."""
        at = bisect_right(self._others, after)
        return self._others[at] if at < len(self._others) else None

    def earlier_news(self, before: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in the three days up to ``before``, oldest first."""
        first = bisect_left(self._news_at, before - NEWS_REACH)
        return self._news[first : bisect_right(self._news_at, before)]

    def read(self, now: datetime) -> MarketUpdate:
        """Return what became known exactly at ``now``."""
        first = bisect_left(self._news_at, now)
        return MarketUpdate(
            bars=self._slices(now),
            news=tuple(self._news[first : bisect_right(self._news_at, now)]),
            actions=tuple(action for action in self._actions if action.ex_at == now),
        )

    def _slices(self, now: datetime) -> tuple[BarSlice, ...]:
        grid = self._grid
        index = grid.before(now)
        if index == len(grid.known) or grid.known[index] != now.timestamp():
            return ()
        starts: dict[int, dict[str, Bar]] = {}
        for symbol, series in grid.series.items():
            row, end = grid.row(symbol, index), grid.row(symbol, index + 1)
            for position in range(row, end):
                start = int(series.start[position])
                starts.setdefault(start, {})[symbol] = _bar(series, position)
        return tuple(
            BarSlice(start=datetime.fromtimestamp(start, UTC), known_at=now, bars=bars)
            for start, bars in sorted(starts.items())
        )


def _bar(series: BarSeries, row: int) -> Bar:
    return Bar(
        float(series.open[row]),
        float(series.high[row]),
        float(series.low[row]),
        float(series.close[row]),
        float(series.volume[row]),
    )
