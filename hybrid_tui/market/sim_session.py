"""One simulated session: twelve prints a minute, and the bars and headlines they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray, NewsItem
from hybrid_tui.domain.calendar import Session
from hybrid_tui.market.sim_days import OVERNIGHT_SHARE, Day, Days, drift
from hybrid_tui.market.sim_headlines import write_headline
from hybrid_tui.market.sim_profiles import profile_of

TICK_SECONDS = 5
TICKS = 60 // TICK_SECONDS
DIP_MINUTES = 6
DIP_LEAD_MINUTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSession:
    """A session's prints, shape (minutes x 12, symbols), and its bars, shape (minutes, symbols).

    ``prints`` holds what traded at open + 5 s x row; ``half_spread`` is dollars.
    """

    session: Session
    regime: int
    prints: FloatArray
    half_spread: FloatArray
    start: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    news: tuple[NewsItem, ...]
    tones: FloatArray


def make_session(days: Days, index: int) -> SimulatedSession:
    """Return the session ``index`` after the anchor, the same one each time."""
    day = days.day(index)
    rng = days.path_rng(index)
    weights = _busyness(day.minutes)
    log_price = days.level(index) + _diffusion(days, day, rng, weights)
    log_price += _exclusive(np.repeat(drift(days.config, days.traits, day), TICKS, axis=0) / TICKS)
    minute = np.arange(day.minutes * TICKS)[:, None] // TICKS
    log_price += np.where(minute >= day.jump_minute, day.jump, 0.0)
    log_price += _swings(days, day, rng)
    prints = np.maximum(np.round(np.exp(log_price), 2), 0.01)
    by_minute = prints.reshape(day.minutes, TICKS, -1)
    high, low = by_minute.max(axis=1), by_minute.min(axis=1)
    opens = int(day.session.open.timestamp())
    return SimulatedSession(
        session=day.session,
        regime=day.regime,
        prints=prints,
        half_spread=np.maximum(np.round(np.exp(days.level(index)) * 0.4e-4, 2), 0.01),
        start=opens + 60 * np.arange(day.minutes, dtype=np.int64),
        open=by_minute[:, 0],
        high=high,
        low=low,
        close=by_minute[:, -1],
        volume=_volume(days, day, rng, weights, (high - low) / low),
        news=_headlines(days, day),
        tones=day.news.tone,
    )


def _busyness(minutes: int) -> FloatArray:
    """Return the U shape of a session's activity by minute, with mean 1."""
    at = (np.arange(minutes) + 0.5) / minutes
    shape = 0.65 + 1.9 * np.exp(-at / 0.06) + 0.9 * np.exp(-(1 - at) / 0.07)
    scaled: FloatArray = shape / shape.mean()
    return scaled


def _exclusive(steps: FloatArray) -> FloatArray:
    """Return the running sum before each row."""
    total: FloatArray = np.cumsum(steps, axis=0) - steps
    return total


def _diffusion(days: Days, day: Day, rng: np.random.Generator, weights: FloatArray) -> FloatArray:
    """Return market, sector and own moves as bridges to the ends that were drawn by the day."""
    traits = days.traits
    variance = np.repeat(weights, TICKS)[:, None] / (390 * TICKS) * (1 - OVERNIGHT_SHARE)
    ends = np.concatenate([[day.market_end], day.sector_ends, day.own_ends])
    steps = rng.standard_normal((len(variance), len(ends))) * np.sqrt(variance)
    share = variance / variance.sum()
    steps -= share * (steps.sum(axis=0) - ends * np.sqrt(variance.sum()))
    paths = _exclusive(steps) * day.turbulence
    sector, own = paths[:, 1 : 1 + traits.sectors], paths[:, 1 + traits.sectors :]
    moves: FloatArray = (
        paths[:, :1] * traits.market + sector[:, traits.sector] * traits.branch + own * traits.own
    )
    return moves


def _swings(days: Days, day: Day, rng: np.random.Generator) -> FloatArray:
    """Return mean-reverting swings around fair value, with the dips that headlines fall into."""
    config, traits = days.config, days.traits
    rows, count = day.minutes * TICKS, len(traits.price)
    rate = np.log(2) / (config.swing_half_life_minutes * TICKS)
    size = config.swing_bps * 1e-4 * traits.scale * np.sqrt(day.turbulence)
    steps = rng.standard_normal((rows, count)) * np.sqrt(1 - np.exp(-2 * rate))
    steps[0] = rng.standard_normal(count)
    length = DIP_MINUTES * TICKS
    for second, symbol in zip(
        day.news.second[day.news.dips].tolist(),
        day.news.symbol[day.news.dips].tolist(),
        strict=True,
    ):
        first = (second - 60 * (DIP_MINUTES + DIP_LEAD_MINUTES)) // TICK_SECONDS
        if first > 0:
            steps[first : first + length, symbol] -= config.dip / length
    growth = np.exp(rate * np.arange(rows))[:, None]
    swings: FloatArray = np.cumsum(steps * growth, axis=0) / growth * size
    return swings


def _volume(
    days: Days, day: Day, rng: np.random.Generator, weights: FloatArray, spread: FloatArray
) -> FloatArray:
    """Return whole shares by minute: busy at both ends, in storms, on news and in wide bars."""
    noise = rng.lognormal(-0.06, 0.35, spread.shape)
    news = np.zeros(spread.shape)
    first = np.maximum(-(-day.news.second // 60), 0)
    for minute, symbol in zip(first.tolist(), day.news.symbol.tolist(), strict=True):
        rest = np.arange(min(30, day.minutes - minute))
        news[minute : minute + 30, symbol] += 0.8 * np.exp(-rest / 8)
    width = spread / np.maximum(spread.mean(axis=0), 1e-9)
    base = days.traits.volume / 390 * weights[:, None] * day.turbulence
    shares: FloatArray = np.maximum(np.round(base * noise * (1 + news) * (0.6 + 0.4 * width)), 1.0)
    return shares


def _headlines(days: Days, day: Day) -> tuple[NewsItem, ...]:
    config, news = days.config, day.news
    items = []
    for n, (second, index, tone, pick) in enumerate(
        zip(
            news.second.tolist(),
            news.symbol.tolist(),
            news.tone.tolist(),
            news.pick.tolist(),
            strict=True,
        )
    ):
        symbol = config.symbols[index]
        text, source = write_headline(profile_of(symbol), tone, pick)
        at = day.session.open + timedelta(seconds=second)
        items.append(
            NewsItem(
                id=f"sim-{config.seed}-{day.session.day:%Y%m%d}-{n:03}",
                received_at=at,
                published_at=at,
                symbols=(symbol,),
                headline=text,
                source=source,
            )
        )
    return tuple(items)
