"""Bars for a command, from files, folders or the bar store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries, CorporateAction
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.market.files import Seam

STORE = "store"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBars:
    """Series by symbol, and where they come from.

    ``knows_actions``: the source says what its prices are adjusted for.
    """

    series: dict[str, BarSeries]
    interval: int
    feed: str
    fingerprint: str
    warnings: tuple[str, ...]
    actions: tuple[CorporateAction, ...] = ()
    seams: tuple[Seam, ...] = ()
    knows_actions: bool = False

    @property
    def span(self) -> str:
        """The first bar's start and the last one's, as text."""
        first = min(int(series.start[0]) for series in self.series.values())
        last = max(int(series.start[-1]) for series in self.series.values())
        return (
            f"{iso(datetime.fromtimestamp(first, UTC))} to {iso(datetime.fromtimestamp(last, UTC))}"
        )

    def split_adjusted(self) -> dict[str, BarSeries]:
        """Return the series with all their splits worked in, as someone sees them at the end."""
        from hybrid_tui.domain.splits import split_adjusted

        end = datetime.fromtimestamp(max(int(s.known_at[-1]) for s in self.series.values()), UTC)
        return {s: split_adjusted(bars, self.actions, end) for s, bars in self.series.items()}


def parse_interval(text: str | None) -> int | None:
    """Return an interval such as ``1m``, ``5m``, ``1h`` or ``1d`` in seconds."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdigit() or int(number) == 0:
        raise ConfigError(f"--interval {text!r} is not an interval", hint="e.g. 1m, 5m, 1h, 1d")
    return int(number) * UNITS[unit]


def load_bars(
    state: CliState,
    calendar: TradingCalendar,
    sources: list[str],
    symbols: list[str] | None,
    *,
    interval: str | None = None,
    tz: str = "America/New_York",
) -> LoadedBars:
    """Return bars of ``store`` or of paths; raises DataError or ConfigError."""
    if not sources:
        raise ConfigError("--data is missing", hint="--data PATH... or --data store")
    seconds = parse_interval(interval)
    if sources == [STORE]:
        return _from_store(state, symbols, seconds)
    from hybrid_tui.market.files import read_bars

    read = read_bars(
        [Path(source) for source in sources],
        calendar=calendar,
        tz=tz,
        symbols=symbols,
        interval=seconds,
    )
    return LoadedBars(
        series=read.series,
        interval=read.interval,
        feed=",".join(sorted({series.feed for series in read.series.values()})),
        fingerprint=read.report.fingerprint,
        warnings=tuple(read.report.warnings),
        seams=read.report.seams,
    )


def _from_store(state: CliState, symbols: list[str] | None, interval: int | None) -> LoadedBars:
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.market.store import BarStore

    store = BarStore(state.paths.bars)
    series, actions = store.load_with_actions(symbols, interval, paging=state.paths.cache)
    if not series:
        raise DataError(
            f"{state.paths.bars}: the bar store has no such bars",
            hint="hybrid-tui data list shows what there is, data import adds more",
        )
    intervals = sorted({found.interval for found in series.values()})
    chosen = {name: found for name, found in series.items() if found.interval == intervals[0]}
    return LoadedBars(
        series=chosen,
        interval=intervals[0],
        feed=",".join(sorted({found.feed for found in series.values()})),
        fingerprint=fingerprint(chosen),
        warnings=tuple(store.seams(list(chosen), intervals[0])),
        actions=tuple(actions),
        knows_actions=True,
    )
