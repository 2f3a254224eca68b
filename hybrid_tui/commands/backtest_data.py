"""What a backtest runs over: bars that warm up, bars that trade, and corporate actions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries, CorporateAction
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.market.files import Seam
    from hybrid_tui.market.spreads import Spreads

SPLIT = "unadjusted_split"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The bars of a backtest: those that warm up, and those that trade.

    ``knows_actions``: the source says what its prices are adjusted for. ``spreads`` are those of
    recorded quotes, where there are any.
    """

    before: dict[str, BarSeries]
    traded: dict[str, BarSeries]
    interval: int
    feed: str
    fingerprint: str
    warnings: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    actions: tuple[CorporateAction, ...] = ()
    knows_actions: bool = False
    spreads: Spreads | None = None

    @property
    def first_start(self) -> datetime:
        """The start of the first bar that trades."""
        return datetime.fromtimestamp(min(int(s.start[0]) for s in self.traded.values()), UTC)


def check_spreads(config: Config, quotes: Sequence[Path] | None) -> None:
    """Raise ConfigError where quotes and the slippage model do not belong together.

    ``quotes`` is None where a command takes none.
    """
    model = config.broker.slippage_model
    if quotes and model == "fixed":
        raise ConfigError(
            "--quotes has no use with broker.slippage_model 'fixed'",
            hint="--set broker.slippage_model=half_spread",
        )
    if not quotes and model == "half_spread":
        where = "this command takes none" if quotes is None else "--quotes PATH"
        raise ConfigError(
            f"broker.slippage_model 'half_spread' needs recorded quotes: {where}",
            hint="or --set broker.slippage_model=fixed",
        )


def load_history(
    state: CliState,
    calendar: TradingCalendar,
    sources: list[str],
    symbols: list[str] | None,
    *,
    start: datetime | None,
    end: datetime | None,
    interval: str | None,
    tz: str,
    quotes: Sequence[Path] = (),
) -> History:
    """Return the bars of files, folders or the bar store, cut at start <= bar start < end."""
    from hybrid_tui.commands.bars import load_bars
    from hybrid_tui.domain.bars import DAY_SECONDS, DerivedSeries
    from hybrid_tui.market.actions import adjusted

    if start is not None and end is not None and end <= start:
        raise ConfigError(f"--end {iso(end)} is not after --start {iso(start)}")
    loaded = load_bars(state, calendar, sources, symbols, interval=interval, tz=tz)
    if loaded.interval > DAY_SECONDS:
        raise ConfigError(
            f"bars of {loaded.interval // DAY_SECONDS} days: an entry would outlive its session",
            hint="bars of a day or less",
        )
    first = int(start.timestamp()) if start else None
    last = int(end.timestamp()) if end else None
    before: dict[str, BarSeries] = {}
    traded: dict[str, BarSeries] = {}
    for symbol, series in loaded.series.items():
        low = int(series.start.searchsorted(first)) if first is not None else 0
        high = int(series.start.searchsorted(last)) if last is not None else len(series)
        if low:
            before[symbol] = series.slice(0, low)
        if high > low:
            traded[symbol] = series.slice(low, high)
    if not traded:
        raise DataError(
            f"no bar between --start {iso(start) if start else 'the first'} and"
            f" --end {iso(end) if end else 'the last'}",
            hint="the data spans " + loaded.span,
        )
    if max(len(series) for series in traded.values()) == 1:
        raise DataError(
            "there is only one bar of each symbol: what is decided at its end has none to fill in",
            hint="the data spans " + loaded.span,
        )
    missing = sorted(set(loaded.series) - set(traded))
    opening = min(int(series.start[0]) for series in traded.values())
    closing = max(int(series.known_at[-1]) for series in traded.values())
    known = datetime.fromtimestamp(closing, UTC)
    session = calendar.session_at(known - timedelta(seconds=1))
    begins_at = datetime.fromtimestamp(opening, UTC) - timedelta(seconds=1)
    actions = tuple(action for action in loaded.actions if action.symbol in traded)
    through = DerivedSeries(traded, lambda symbol: adjusted(traded[symbol], actions, known))
    told = {seam.detail for seam in loaded.seams}
    warnings = [text for text in loaded.warnings if text not in told]
    warnings += _doubtful(through, calendar, loaded.seams)
    if missing:
        warnings.append(f"no bars in the range: {', '.join(missing)}")
    return History(
        before={s: adjusted(series, actions, begins_at) for s, series in before.items()},
        traded=traded,
        interval=loaded.interval,
        feed=loaded.feed,
        fingerprint=loaded.fingerprint,
        warnings=tuple(warnings),
        begins_at=begins_at,
        ends_at=max(known, session.close if session else known),
        actions=actions,
        knows_actions=loaded.knows_actions,
        spreads=_spreads(quotes, tz, traded) if quotes else None,
    )


def _spreads(quotes: Sequence[Path], tz: str, traded: dict[str, BarSeries]) -> Spreads:
    from zoneinfo import ZoneInfo

    from hybrid_tui.market.spreads import read_spreads

    return read_spreads(quotes, tz=ZoneInfo(tz), symbols=traded)


def _doubtful(
    traded: Mapping[str, BarSeries], calendar: TradingCalendar, seams: Sequence[Seam]
) -> list[str]:
    """Return what in the tested bars would make a result wrong: unadjusted splits, volumes."""
    from hybrid_tui.analysis.cautions import false_volumes, feed_seams
    from hybrid_tui.market.quality import misleading

    findings = []
    spans = {}
    for symbol, series in traded.items():
        findings += misleading(series, calendar)
        spans[symbol] = (int(series.start[0]), int(series.start[-1]))
        series.release()
    splits = [
        f"{found.symbol}: {found.detail} at {iso(found.at)}: the result across it means nothing"
        for found in findings
        if found.kind == SPLIT
    ]
    changes: dict[str, datetime] = {}
    for seam in seams:
        low, high = spans.get(seam.symbol, (0, 0))
        if low < seam.at.timestamp() <= high:
            changes[seam.symbol] = seam.at
    totals: Counter[str] = Counter()
    for found in findings:
        if found.kind == "feed_change":
            changes.setdefault(found.symbol, found.at)
        elif found.kind == "running_volume":
            totals[found.symbol] += found.count
    return [*splits, *(text for text in (feed_seams(changes), false_volumes(totals)) if text)]


def held_through(history: History) -> Mapping[str, BarSeries]:
    """Return the traded bars as someone who held them saw them: splits and dividends worked in."""
    from hybrid_tui.domain.bars import DerivedSeries
    from hybrid_tui.market.actions import adjusted

    return DerivedSeries(
        history.traded,
        lambda symbol: adjusted(history.traded[symbol], history.actions, history.ends_at, "all"),
    )
