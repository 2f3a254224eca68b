"""Tier 2 as the desk runs it: predictions from a view, and the same over history in batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, IntArray, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketView
from hybrid_tui.domain.signals import PREDICTION_EXPIRY, Abstention, Interval, MLPrediction
from hybrid_tui.domain.splits import effective, split_adjusted
from hybrid_tui.errors import DataError
from hybrid_tui.ml.features import INDEX_SYMBOL, RawWindows, compute, gather, join
from hybrid_tui.ml.inference import Outlook, outlooks
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.prediction_table import prediction_id
from hybrid_tui.ml.sentiment import MEMORY_SECONDS, SentimentEvents, sentiment_events
from hybrid_tui.ml.ticks import (
    EVERY_MINUTES,
    Ticks,
    abstention_reason,
    eligibility,
    session_ticks,
    sessions_between,
    single_tick,
)

Score = Callable[[Sequence[NewsItem]], Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a model: one symbol's bars, its ready instants and the bars known at each.

    ``silent`` are the instants without a window and why, ``windows`` the inputs of the others.
    """

    symbol: str
    bars: BarSeries | None
    ready: Ticks
    ends: IntArray
    silent: tuple[tuple[int, str], ...]
    windows: RawWindows | None


def windows_at(
    calendar: TradingCalendar,
    series: Mapping[str, BarSeries | None],
    ticks: Ticks,
    *,
    index: BarSeries | None = None,
    sentiment: Mapping[str, SentimentEvents] | None = None,
) -> list[Asked]:
    """Return what a model sees of each symbol at each instant, by symbol."""
    found = []
    for symbol in sorted(series):
        bars = series[symbol]
        if bars is None:
            reason = abstention_reason(False, 0)
            none = ticks.take(np.zeros(len(ticks), dtype=np.bool_))
            found.append(
                Asked(
                    symbol=symbol,
                    bars=None,
                    ready=none,
                    ends=none.at,
                    silent=tuple((int(at), reason) for at in ticks.at),
                    windows=None,
                )
            )
            continue
        fit = eligibility(bars, ticks)
        ready, ends = ticks.take(fit.is_ready), fit.ends[fit.is_ready]
        found.append(
            Asked(
                symbol=symbol,
                bars=bars,
                ready=ready,
                ends=ends,
                silent=tuple(
                    (
                        int(ticks.at[row]),
                        abstention_reason(bool(fit.is_recent[row]), int(fit.ends[row])),
                    )
                    for row in np.flatnonzero(~fit.is_ready)
                ),
                windows=gather(
                    bars,
                    ends,
                    ready.at,
                    ready.session_close,
                    calendar=calendar,
                    index=index,
                    sentiment=(sentiment or {}).get(symbol),
                )
                if len(ready)
                else None,
            )
        )
    return found


def predict_at(
    model: Model,
    calendar: TradingCalendar,
    series: Mapping[str, BarSeries | None],
    ticks: Ticks,
    *,
    index: BarSeries | None = None,
    sentiment: Mapping[str, SentimentEvents] | None = None,
    strategy_id: str | None = None,
) -> list[MLPrediction | Abstention]:
    """Return one prediction or abstention for each symbol at each instant, by instant and symbol.

    Only bars known at an instant, and headlines received by it, have a say in its figures; later
    ones may be in ``series`` and ``index`` (SPY). Raises DataError unless bars last one minute.
    """
    asked = windows_at(calendar, series, ticks, index=index, sentiment=sentiment)
    answers: list[tuple[int, str, MLPrediction | Abstention]] = [
        (at, one.symbol, _abstention(model, at, one.symbol, reason))
        for one in asked
        for at, reason in one.silent
    ]
    parts = [one.windows for one in asked if one.windows is not None]
    if parts:
        found = iter(outlooks(model, compute(join(parts))))
        for one in asked:
            for place, at in enumerate(one.ready.at.tolist()):
                assert one.bars is not None
                prediction = _prediction(
                    model, one.bars, one.ready, one.ends, place, next(found), strategy_id
                )
                answers.append((at, one.symbol, prediction))
    answers.sort(key=lambda answer: answer[:2])
    return [answer for _, _, answer in answers]


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _abstention(model: Model, at: int, symbol: str, reason: str) -> Abstention:
    return Abstention(at=_instant(at), symbol=symbol, reason=reason, model_id=model.id)


def _prediction(
    model: Model,
    bars: BarSeries,
    ticks: Ticks,
    ends: IntArray,
    row: int,
    outlook: Outlook,
    strategy_id: str | None,
) -> MLPrediction:
    at = _instant(int(ticks.at[row]))
    last = int(ends[row]) - 1
    reference = float(bars.close[last])
    return MLPrediction(
        id=prediction_id(at, bars.symbol),
        at=at,
        expires_at=at + PREDICTION_EXPIRY,
        symbol=bars.symbol,
        buy_probability=outlook.probability,
        confidence=outlook.confidence,
        price_forecast_1h=reference * math.exp(outlook.log_return),
        volatility_forecast=outlook.volatility,
        target_position=outlook.target_position,
        model_id=model.id,
        members=outlook.members,
        familiar=outlook.is_familiar,
        strategy_id=strategy_id,
        reference_price=reference,
        reference_bar=_instant(int(bars.start[last])),
        horizon_end=_instant(int(ticks.horizon_end[row])),
        threshold_bps=model.manifest.threshold_bps,
        interval=Interval(
            level=model.manifest.calibration.interval_level,
            low=reference * math.exp(outlook.low),
            high=reference * math.exp(outlook.high),
        ),
        trained_until=model.manifest.trained_until,
    )


def score_news(items: Sequence[NewsItem], score: Score) -> dict[str, float]:
    """Return the score of each headline by its id.

    Raises DataError where the scorer does not give one score a headline.
    """
    if not items:
        return {}
    scores = score(items)
    if len(scores) != len(items):
        raise DataError(f"the scorer gave {len(scores)} scores for {len(items)} headlines")
    return {item.id: float(value) for item, value in zip(items, scores, strict=True)}


class EnsemblePredictor:
    """The Predictor port on a loaded model.

    ``score`` reads headlines (-1..1 each); without it sentiment is absent, which is not neutral.
    """

    def __init__(self, model: Model, calendar: TradingCalendar, score: Score | None = None) -> None:
        self.model_id = model.id
        self._model = model
        self._calendar = calendar
        self._score = score
        self._scores: dict[str, float] = {}

    def predict(
        self,
        view: MarketView,
        symbols: Sequence[str],
        *,
        session_close: datetime,
        strategy_id: str | None,
    ) -> Sequence[MLPrediction | Abstention]:
        """Return one prediction or abstention a symbol for ``view.now``, ordered by symbol."""
        now = view.now
        session = self._calendar.session_at(now)
        if session is None:
            return [
                Abstention(at=now, symbol=symbol, reason="no session", model_id=self.model_id)
                for symbol in sorted(set(symbols))
            ]
        return predict_at(
            self._model,
            self._calendar,
            {symbol: view.bars(symbol) for symbol in symbols},
            single_tick(now, session.open, session_close),
            index=view.bars(INDEX_SYMBOL),
            sentiment=self._sentiment(view),
            strategy_id=strategy_id,
        )

    def _sentiment(self, view: MarketView) -> dict[str, SentimentEvents]:
        if self._score is None:
            return {}
        # One second more than the memory: a headline within a second is known at the next one.
        news = view.news(view.now - timedelta(seconds=MEMORY_SECONDS + 1))
        unread = [item for item in news if item.id not in self._scores]
        fresh = score_news(unread, self._score)
        self._scores = {
            item.id: fresh[item.id] if item.id in fresh else self._scores[item.id] for item in news
        }
        return sentiment_events(news, self._scores)


def predict_history(
    model: Model,
    series: Mapping[str, BarSeries],
    calendar: TradingCalendar,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    symbols: Sequence[str] | None = None,
    news: Sequence[NewsItem] = (),
    score: Score | None = None,
    strategy_id: str | None = None,
    actions: Sequence[CorporateAction] = (),
    every_minutes: int = EVERY_MINUTES,
) -> Iterator[MLPrediction | Abstention]:
    """Yield what the desk that asks ``every_minutes`` would have heard, by instant and symbol.

    The figures are EnsemblePredictor's to the bit. An instant belongs to [start, end) as the end of
    a bar that started there: start < instant <= end. Bars before ``start`` warm up, instants after
    the last known bar are left out. ``symbols`` (default: all of ``series``) are answered for; SPY
    helps them where it is in ``series``. Bars are raw as far as there are ``actions`` for them: at
    an instant the past is restated for the splits that are effective then, and no later one. Works
    session by session, in bounded memory.
    """
    filled = [bars for bars in series.values() if len(bars)]
    if not filled:
        return
    first = min(int(bars.start[0]) for bars in filled)
    last = max(int(bars.known_at[-1]) for bars in filled)
    if start is not None:
        first = max(first, int(start.timestamp()))
    if end is not None:
        last = min(last, int(end.timestamp()))
    sentiment = sentiment_events(news, score_news(news, score)) if score is not None else {}
    chosen = sorted(set(series if symbols is None else symbols))
    past = _Restated(series, actions)
    for session in sessions_between(calendar, first, last):
        ticks = session_ticks([session], every_minutes)
        ticks = ticks.take((ticks.at > first) & (ticks.at <= last))
        for some in past.stretches(ticks):
            restated = past.at(_instant(int(some.at[0])))
            yield from predict_at(
                model,
                calendar,
                {symbol: restated.get(symbol) for symbol in chosen},
                some,
                index=restated.get(INDEX_SYMBOL),
                sentiment=sentiment,
                strategy_id=strategy_id,
            )
        for bars in filled:
            bars.release()


class _Restated:
    """Raw series as someone saw them at an instant; made anew only where a split came between."""

    def __init__(self, series: Mapping[str, BarSeries], actions: Sequence[CorporateAction]) -> None:
        self._series = series
        self._splits = [found for found in actions if found.ratio != 1.0]
        self._seen: dict[str, tuple[int, BarSeries]] = {}

    def stretches(self, ticks: Ticks) -> Iterator[Ticks]:
        """Yield the instants in runs between which no split becomes effective."""
        # At one instant corporate actions come before predictions.
        cuts = sorted({-int(-split.ex_at.timestamp() // 1) for split in self._splits})
        run = np.searchsorted(np.array(cuts, dtype=np.int64), ticks.at, side="right")
        for number in np.unique(run):
            yield ticks.take(run == number)

    def at(self, now: datetime) -> dict[str, BarSeries]:
        """Return the series with the splits until ``now`` worked in."""
        found = {}
        for symbol, bars in self._series.items():
            count = len(effective(self._splits, symbol, now))
            if symbol not in self._seen or self._seen[symbol][0] != count:
                self._seen[symbol] = (count, split_adjusted(bars, self._splits, now))
            found[symbol] = self._seen[symbol][1]
        return found
