"""Answers what screens ask: bars with the rules' indicators, and which conditions hold.

What is read of the engine is read between two instants; the rest is done in a thread, on arrays
that never change, so that no instant waits for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, FloatArray, joined
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.inquiries import (
    Chart,
    ChartInquiry,
    Health,
    HealthInquiry,
    Inquiry,
    Latency,
    PreviewInquiry,
    ProcessHealth,
    RulesInquiry,
    SymbolInquiry,
)
from hybrid_tui.engine.engine import Engine
from hybrid_tui.engine.explanation import Known, explain
from hybrid_tui.engine.preview import preview
from hybrid_tui.engine.runtime import Runtime
from hybrid_tui.engine.theses import ThesisWatch
from hybrid_tui.errors import Refused
from hybrid_tui.journal.codec import dump_chart, dump_health
from hybrid_tui.market.resample import resample
from hybrid_tui.rules.checks import EntryRules
from hybrid_tui.rules.indicators import Line, indicators_of
from hybrid_tui.rules.technical import Technicals

INTERVALS = (60, 300, 3_600, 86_400)
MOST_BARS = 2_000
LIVE_MODES = frozenset({"paper", "live"})


class Past(Protocol):
    """Bars from before an engine's own."""

    def before(self, symbol: str, interval: int, instant: int) -> BarSeries | None:
        """Return bars of ``interval`` seconds known at ``instant`` (UTC epoch seconds), or None."""


class Answers:
    """Answers inquiries about one engine.

    ``past`` has bars from before its own, ``process`` tells of the process it runs in, and
    ``requests_left`` what the broker's rate limit leaves.
    """

    def __init__(
        self,
        runtime: Runtime,
        past: Past | None = None,
        *,
        process: Callable[[], ProcessHealth] | None = None,
        requests_left: Callable[[], float] | None = None,
    ) -> None:
        engine = runtime.engine
        self._runtime = runtime
        self._past = past
        self._process = process
        self._requests_left = requests_left
        self._lines = chart_lines(engine.setup.config.rules)
        self._technicals = Technicals.of(engine.setup.config.rules)
        # Not the engine's own: what is asked here must not touch what decisions are made on.
        self._theses = ThesisWatch(engine.state, engine.setup.calendar, engine.setup.interval)

    async def tell(self, inquiry: Inquiry) -> bytes:
        """Return the answer as JSON; raises Refused where there is none."""
        engine = self._runtime.engine
        if isinstance(inquiry, SymbolInquiry) and inquiry.symbol not in engine.setup.symbols:
            raise Refused(f"{inquiry.symbol} is not on the watchlist")
        match inquiry:
            case ChartInquiry():
                return await self._chart(engine, inquiry)
            case RulesInquiry():
                return await self._runtime.between_cycles(lambda: self._explained(engine, inquiry))
            case PreviewInquiry():
                return await self._runtime.between_cycles(lambda: self._preview(engine, inquiry))
            case HealthInquiry():
                return await asyncio.to_thread(self._examined, self._runtime.latencies.summary())
            case _:
                raise Refused(f"{type(inquiry).__name__} is not for this engine")

    async def _chart(self, engine: Engine, inquiry: ChartInquiry) -> bytes:
        if inquiry.interval not in INTERVALS:
            raise Refused(f"there are no bars of {inquiry.interval} s here")
        if not 0 < inquiry.count <= MOST_BARS:
            raise Refused(f"{inquiry.count} bars: from 1 to {MOST_BARS} can be asked for")
        # Shorter bars than the engine's own there are not: it answers with its own.
        own = engine.setup.interval
        if inquiry.interval < own or inquiry.interval % own:
            inquiry = replace(inquiry, interval=own)
        known = await self._runtime.between_cycles(lambda: _bars(engine, inquiry.symbol))
        return await asyncio.to_thread(self._drawn, engine.setup.calendar, known, inquiry)

    def _drawn(
        self, calendar: TradingCalendar, known: BarSeries | None, inquiry: ChartInquiry
    ) -> bytes:
        series = None
        if known is not None and len(known):
            series = resample(known, inquiry.interval, calendar)
        if self._past is not None and (series is None or len(series) < inquiry.count):
            series = self._with_past(series, inquiry)
        if series is None:
            raise Refused(f"no bar of {inquiry.symbol} is known yet")
        return dump_chart(chart_of(series, self._lines, inquiry.count, calendar))

    def _with_past(self, series: BarSeries | None, inquiry: ChartInquiry) -> BarSeries | None:
        assert self._past is not None
        if series is None or len(series) < 2:
            return series
        earlier = self._past.before(inquiry.symbol, inquiry.interval, int(series.start[1]))
        if earlier is None or not len(earlier):
            return series
        # The first own bar may be a part of a longer one that the past has the whole of.
        has_whole = int(earlier.start[-1]) >= int(series.start[0])
        return joined(earlier, series.slice(1, len(series)) if has_whole else series)

    def _examined(self, latencies: dict[str, Latency]) -> bytes:
        return dump_health(
            Health(
                latencies=latencies,
                requests_left=self._requests_left() if self._requests_left is not None else None,
                process=self._process() if self._process is not None else None,
            )
        )

    def _explained(self, engine: Engine, inquiry: RulesInquiry) -> bytes:
        return json.dumps(explain(self._known(engine), inquiry.symbol)).encode()

    def _preview(self, engine: Engine, inquiry: PreviewInquiry) -> bytes:
        found = engine.state.signals.get(inquiry.signal_id)
        if found is None:
            raise Refused(f"there is no signal {inquiry.signal_id!r}")
        return json.dumps(preview(self._known(engine), found)).encode()

    def _known(self, engine: Engine) -> Known:
        state, setup = engine.state, engine.setup
        now = state.now
        if now is None:
            raise Refused("the engine has not begun yet")
        return Known(
            state=state,
            now=now,
            view=engine.market.view(now),
            calendar=setup.calendar,
            setup=EntryRules.of(setup.config, setup.tiers, setup.min_probability),
            risk=setup.config.risk,
            technicals=self._technicals,
            theses=self._theses,
            is_live=state.started is not None and state.started.mode in LIVE_MODES,
        )


def chart_lines(rules: RulesConfig) -> tuple[Line, ...]:
    """Return the indicators that a chart shows: RSI with the rules' own period, MACD, bands."""
    macd, bands = (12, 26, 9), (20, 2, 2)
    return (
        Line("rsi", (rules.rsi_period,)),
        *(Line(name, macd) for name in ("macd", "macd_signal", "macd_histogram")),
        *(Line(name, bands) for name in ("upper_band", "middle_band", "lower_band")),
        Line("ema", (9,)),
        Line("sma", (50,)),
    )


def chart_of(
    series: BarSeries, lines: Iterable[Line], count: int, calendar: TradingCalendar
) -> Chart:
    """Return the last ``count`` bars with the lines, which are computed from all bars."""
    indicators = indicators_of(series, lines)
    shown = series.slice(max(0, len(series) - count), len(series))
    opened = calendar.open_seconds
    session = int(opened.searchsorted(int(series.known_at[-1]) - 1, side="right")) - 1
    earlier = (
        int(series.known_at.searchsorted(int(opened[session]), side="right")) if session >= 0 else 0
    )
    return Chart(
        symbol=series.symbol,
        interval=series.interval,
        start=tuple(shown.start.tolist()),
        known_at=tuple(shown.known_at.tolist()),
        **{
            name: tuple(getattr(shown, name).tolist())
            for name in ("open", "high", "low", "close", "volume")
        },
        lines={
            line.text: _figures(values[len(values) - len(shown) :])
            for line, values in indicators.items()
        },
        close_before=float(series.close[earlier - 1]) if earlier else None,
    )


def _bars(engine: Engine, symbol: str) -> BarSeries | None:
    now = engine.state.now
    return engine.market.view(now).bars(symbol) if now is not None else None


def _figures(values: FloatArray) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in values.tolist())
