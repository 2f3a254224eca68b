"""The simulated market by the day: regime, gap, news and where each session begins.

Each session's randomness comes from (seed, day), so any session can be had without those before it.
Only the levels add up over days, and a day's contribution to them is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.market.sim_profiles import SimulatedConfig, profile_of, sectors_of

ANCHOR = date(2025, 1, 2)
TRADING_DAYS = 252
OVERNIGHT_SHARE = 0.2
PULL = 0.015
FIRST_HEADLINE = -299
TONES = (1.0, 0.5, 0.0, -0.5, -1.0)
THEME_TONES = {
    1: (0.50, 0.22, 0.18, 0.06, 0.04),
    0: (0.15, 0.15, 0.40, 0.15, 0.15),
    -1: (0.04, 0.06, 0.18, 0.22, 0.50),
}
THEMES = ((1, -1, 0), (0.42, 0.28, 0.30))
REGIMES = ("calm", "normal", "stormy")
REGIME_FACTORS = (0.75, 1.0, 1.5)
REGIME_MOVES = ((0.90, 0.09, 0.01), (0.06, 0.88, 0.06), (0.02, 0.18, 0.80))
JUMP_CHANCE = 0.03
MOST_TONE = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The symbols' natures as arrays of shape (symbols,); ``sector`` is an index."""

    sector: IntArray
    sectors: int
    price: FloatArray
    scale: FloatArray
    market: FloatArray
    branch: FloatArray
    own: FloatArray
    volume: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A day's headlines by time; ``second`` counts from the open (below 0: before it)."""

    second: IntArray
    symbol: IntArray
    tone: FloatArray
    dips: BoolArray
    pick: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """All of a session that is drawn by the day; the ends are standard normal figures."""

    session: Session
    minutes: int
    regime: int
    market_end: float
    sector_ends: FloatArray
    own_ends: FloatArray
    gap: FloatArray
    jump_minute: IntArray
    jump: FloatArray
    news: News

    @property
    def turbulence(self) -> float:
        """The regime's factor on volatility."""
        return REGIME_FACTORS[self.regime]


def traits_of(config: SimulatedConfig) -> Traits:
    """Return what the configured symbols are like."""
    profiles = [profile_of(symbol) for symbol in config.symbols]
    sectors = sectors_of(config.symbols)
    daily = np.array([p.volatility for p in profiles]) / np.sqrt(TRADING_DAYS)
    diffusion = daily * config.diffusion_share
    beta = np.array([p.beta for p in profiles])
    market = np.minimum(beta * 0.10 / np.sqrt(TRADING_DAYS) * 0.8, 0.8 * diffusion)
    rest = diffusion**2 - market**2
    is_market = np.array([p.sector == "Market" for p in profiles])
    branch = np.where(is_market, 0.0, np.sqrt(0.3 * rest))
    return Traits(
        sector=np.array([sectors.index(p.sector) for p in profiles], dtype=np.int64),
        sectors=len(sectors),
        price=np.array([p.price for p in profiles]),
        scale=np.array([p.volatility for p in profiles]) / 0.30,
        market=market,
        branch=branch,
        own=np.sqrt(rest - branch**2),
        volume=np.array([p.daily_volume for p in profiles]),
    )


class Days:
    """The days of one simulated market, from the anchor on."""

    def __init__(self, config: SimulatedConfig, calendar: TradingCalendar) -> None:
        self.config = config
        self.traits = traits_of(config)
        first = calendar.session_on(ANCHOR)
        if first is None:
            raise DataError(f"the calendar has no session on {ANCHOR}")
        self._calendar = calendar
        self._first = calendar.sessions.index(first)
        self._levels = [np.log(self.traits.price)]
        self._regimes = [1]

    def index_of(self, session: Session) -> int:
        """Return how many sessions after the anchor a session lies."""
        index = int(np.searchsorted(self._calendar.open_seconds, int(session.open.timestamp())))
        if index < self._first:
            raise DataError(f"the simulated market begins on {ANCHOR}, after {session.day}")
        return index - self._first

    def session(self, index: int) -> Session:
        """Return the session ``index`` after the anchor; DataError where the calendar ends."""
        position = self._first + index
        if index < 0:
            raise DataError(f"the simulated market begins on {ANCHOR}")
        if position >= len(self._calendar.sessions):
            raise DataError(f"the calendar ends on {self._calendar.sessions[-1].day}")
        return self._calendar.sessions[position]

    def day(self, index: int) -> Day:
        """Return what is drawn by the day for the session ``index`` after the anchor."""
        self._reach(index)
        return self._draw(index, self._regimes[index])

    def level(self, index: int) -> FloatArray:
        """Return the log of fair value at the open of that session, shape (symbols,)."""
        self._reach(index)
        return self._levels[index]

    def _reach(self, index: int) -> None:
        base = self._levels[0]
        while len(self._levels) <= index:
            last = len(self._levels) - 1
            day = self._draw(last, self._regimes[last])
            level = self._levels[last]
            level = level + self.ends(day) + day.jump + drift(self.config, self.traits, day).sum(0)
            self._levels.append(level + day.gap - PULL * (level - base))
            moves = np.cumsum(REGIME_MOVES[day.regime])
            chance = self._rng(last, 1).random()
            self._regimes.append(min(int(np.searchsorted(moves, chance)), len(REGIMES) - 1))

    def ends(self, day: Day) -> FloatArray:
        """Return the log return that diffusion adds over the session, shape (symbols,)."""
        traits = self.traits
        sized = np.sqrt((1 - OVERNIGHT_SHARE) * day.minutes / 390) * day.turbulence
        total: FloatArray = sized * (
            traits.market * day.market_end
            + traits.branch * day.sector_ends[traits.sector]
            + traits.own * day.own_ends
        )
        return total

    def _rng(self, index: int, stream: int) -> np.random.Generator:
        day = self.session(index).day.toordinal()
        return np.random.Generator(np.random.PCG64([self.config.seed, day, stream]))

    def path_rng(self, index: int) -> np.random.Generator:
        """Return the generator of that session's path."""
        return self._rng(index, 2)

    def _draw(self, index: int, regime: int) -> Day:
        session = self.session(index)
        minutes = int((session.close - session.open).total_seconds()) // 60
        rng, traits = self._rng(index, 0), self.traits
        count = len(self.config.symbols)
        night = np.sqrt(OVERNIGHT_SHARE) * REGIME_FACTORS[regime]
        shared = rng.standard_normal()
        gap = night * (traits.market * shared + traits.own * rng.standard_normal(count))
        jumps = rng.random(count) < JUMP_CHANCE
        size = rng.choice((-1.0, 1.0), count) * rng.uniform(0.4, 1.1, count)
        return Day(
            session=session,
            minutes=minutes,
            regime=regime,
            market_end=float(rng.standard_normal()),
            sector_ends=rng.standard_normal(traits.sectors),
            own_ends=rng.standard_normal(count),
            gap=gap,
            jump_minute=rng.integers(15, minutes - 15, count),
            jump=np.where(jumps, size * traits.scale * 0.30 / np.sqrt(TRADING_DAYS), 0.0),
            news=self._news(rng, minutes, count),
        )

    def _news(self, rng: np.random.Generator, minutes: int, count: int) -> News:
        """Draw a day's headlines: each symbol has a theme that most of its headlines follow."""
        themes = rng.choice(THEMES[0], count, p=THEMES[1])
        mean = self.config.headlines_a_day * minutes / 390
        symbol = np.repeat(np.arange(count), rng.poisson(mean, count))
        total = len(symbol)
        shares = np.cumsum([THEME_TONES[int(theme)] for theme in themes], axis=1)
        drawn = (rng.random(total)[:, None] > shares[symbol]).sum(axis=1)
        tone = np.array(TONES)[np.minimum(drawn, len(TONES) - 1)]
        early = rng.random(total) < 0.22
        second = np.where(
            early,
            rng.integers(FIRST_HEADLINE + 1, 0, total),
            rng.integers(0, minutes * 60 - 600, total),
        )
        dips = rng.random(total) < self.config.dip_share
        pick = rng.random(total)
        # One neutral line on the market itself always opens the day.
        lead = self.config.symbols.index("SPY") if "SPY" in self.config.symbols else 0
        second = np.concatenate([[FIRST_HEADLINE], second]).astype(np.int64)
        order = np.argsort(second, kind="stable")
        return News(
            second=second[order],
            symbol=np.concatenate([[lead], symbol]).astype(np.int64)[order],
            tone=np.concatenate([[0.0], tone])[order],
            dips=np.concatenate([[False], dips]).astype(np.bool_)[order],
            pick=np.concatenate([[0.0], pick])[order],
        )


def drift(config: SimulatedConfig, traits: Traits, day: Day) -> FloatArray:
    """Return the planted drift of each minute in log return, shape (minutes, symbols).

    It begins with the first whole minute after a headline; tones that overlap add up to a limit.
    """
    news = day.news
    steps = np.zeros((day.minutes + 1, len(traits.price)))
    first = np.maximum(-(-news.second // 60), 0)
    last = np.minimum(first + config.drift_minutes, day.minutes)
    np.add.at(steps, (first, news.symbol), news.tone)
    np.add.at(steps, (last, news.symbol), -news.tone)
    active = np.cumsum(steps[:-1], axis=0).clip(-MOST_TONE, MOST_TONE)
    rate: FloatArray = active * (config.edge * 1e-4 / config.drift_minutes) * traits.scale
    return rate
