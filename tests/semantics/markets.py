"""Random markets and settings for the comparison of the desk with the oracle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import Session, prediction_instants
from hybrid_tui.domain.signals import MLPrediction, StrategySignal

from .desk import Row, at, calendar, prediction, signal

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
FIRST_DAY = date(2025, 11, 26)  # the day before Thanksgiving: the second session is a half-day


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that one run needs."""

    rows: dict[str, list[Row]] = field(repr=False)
    settings: dict[str, Any]
    interval: int
    tiers: tuple[str, ...] = ("rules",)
    predictions: tuple[MLPrediction, ...] = field(default=(), repr=False)
    signals: tuple[StrategySignal, ...] = field(default=(), repr=False)
    before: dict[str, list[Row]] = field(default_factory=dict, repr=False)


def _sessions(count: int) -> list[Session]:
    found = calendar().session_on(FIRST_DAY)
    assert found is not None
    sessions = [found]
    while len(sessions) < count:
        sessions.append(calendar().session_after(sessions[-1]))
    return sessions


def _starts(session: Session, interval: int) -> list[datetime]:
    if interval >= 86_400:
        return [at("00:00", session.day)]
    first = at("09:00", session.day) if interval == 3600 else session.open
    count = int((session.close - first).total_seconds()) // interval
    return [first + i * timedelta(seconds=interval) for i in range(count)]


def random_walk(
    seed: int, symbols: int, sessions: int, interval: int, missing: float, volatility: float
) -> dict[str, list[Row]]:
    """Return bars of swinging prices with gaps at the opens and missing bars.

    For one-minute bars only the first 70 and the last 40 minutes of a session have any.
    """
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {}
    common = rng.normal(0, volatility, 10_000)
    for symbol in SYMBOLS[:symbols]:
        price, step = float(rng.uniform(5, 300)), 0
        phase, period = rng.uniform(0, 6.28), rng.uniform(15, 60)
        found: list[Row] = []
        for session in _sessions(sessions):
            price *= float(np.exp(rng.normal(0, 4 * volatility)))
            starts = _starts(session, interval)
            if interval == 60:
                starts = starts[:70] + starts[-40:]
            for start in starts:
                step += 1
                drift = volatility * np.sin(phase + 6.28 * step / period)
                move = rng.normal(drift, volatility) + 0.7 * common[step]
                opened = price * float(np.exp(rng.normal(0, volatility / 3)))
                price = max(0.5, opened * float(np.exp(move)))
                up, down = np.abs(rng.normal(0, volatility / 2, 2))
                high = max(opened, price) * (1 + float(up))
                low = min(opened, price) * max(0.5, 1 - float(down))
                if rng.random() >= missing:
                    found.append((start, opened, high, low, price))
        rows[symbol] = found
    return rows


@st.composite
def settings_of(draw: st.DrawFn) -> dict[str, Any]:
    """Return settings under which a small market trades a lot."""
    level = st.tuples(
        st.sampled_from([0.01, 0.02, 0.05, 0.10]),
        st.sampled_from([0.005, 0.01, 0.03, 0.05]),
        st.sampled_from([0.5, 1.0, 1.25]),
    )
    protections = st.lists(
        st.sampled_from(["cooldown", "stop_guard", "daily_loss", "max_drawdown", "max_entries"]),
        unique=True,
    )
    figures: dict[str, st.SearchStrategy[Any]] = {
        "broker.cash": st.sampled_from([100_000.0, 3_000.0, 777.77]),
        "broker.slippage_bps": st.sampled_from([0.0, 1.0, 20.0]),
        "broker.commission": st.sampled_from([0.0, 1.0, 7.5]),
        "rules.entry": st.sampled_from(["rsi_macd", "rsi_macd_strict", "bollinger"]),
        "rules.rsi_period": st.sampled_from([14, 5]),
        "rules.rsi_below": st.sampled_from([35.0, 50.0, 60.0]),
        "rules.rsi_lookback": st.sampled_from([10, 3, 1]),
        "rules.rsi_exit": st.sampled_from([70.0, 60.0, 0.0]),
        "rules.exit_probability": st.sampled_from([0.4, 0.0]),
        "rules.overnight_minutes": st.sampled_from([15, 30]),
        "risk.max_position": st.sampled_from([0.2, 0.45, 0.9, 1.0]),
        "risk.min_position": st.sampled_from([0.01, 0.0, 0.15]),
        "risk.max_gross": st.sampled_from([1.0, 0.6, 0.35]),
        "risk.protections": protections,
        "risk.cooldown_minutes": st.sampled_from([30.0, 7.0]),
        "risk.stop_guard_count": st.sampled_from([3, 2]),
        "risk.stop_guard_minutes": st.sampled_from([60.0, 20.0]),
        "risk.daily_loss": st.sampled_from([0.03, 0.005]),
        "risk.max_drawdown": st.sampled_from([0.15, 0.05]),
        "risk.max_entries": st.sampled_from([20, 3]),
    }
    settings = {key: draw(strategy) for key, strategy in figures.items()}
    for name in ("conservative", "moderate", "aggressive"):
        settings[f"risk.levels.{name}"] = draw(level)
    return settings


@st.composite
def cases(draw: st.DrawFn, *, tiers: tuple[str, ...] = ("rules",)) -> Case:
    """Return a random market, settings, and what tiers 2 and 3 say in it."""
    intervals = [60, 300, 3600, 86_400] if tiers == ("rules",) else [60, 300]
    interval = draw(st.sampled_from(intervals))
    sessions = {60: 3, 300: 3, 3600: 30, 86_400: 150}[interval]
    seed = draw(st.integers(0, 2**32 - 1))
    rows = random_walk(
        seed,
        draw(st.integers(2, 4)),
        sessions,
        interval,
        draw(st.sampled_from([0.0, 0.1, 0.6])),
        draw(st.sampled_from([0.002, 0.006, 0.015])),
    )
    rng = np.random.default_rng(seed + 1)
    settings = draw(settings_of()) | {"approval.policy": "auto"}
    cut = rows["AAA"][draw(st.sampled_from([0, 40]))][0]
    predictions = _predictions(rng, rows, sessions) if "ml" in tiers else ()
    signals = _signals(rng, rows, sessions) if "llm" in tiers else ()
    return Case(  # the desk begins at the cut: what tiers 2 and 3 said before it is not known
        rows={symbol: [r for r in found if r[0] >= cut] for symbol, found in rows.items()},
        before={symbol: [r for r in found if r[0] < cut] for symbol, found in rows.items()},
        settings=settings,
        interval=interval,
        tiers=tiers,
        predictions=tuple(p for p in predictions if p.at >= cut),
        signals=tuple(found for found in signals if found.at >= cut),
    )


def _predictions(
    rng: np.random.Generator, rows: dict[str, list[Row]], sessions: int
) -> tuple[MLPrediction, ...]:
    return tuple(
        prediction(
            symbol,
            instant,
            float(rng.choice([0.2, 0.45, 0.7, 0.75, 0.8, 0.85, 0.9, 0.9])),
            confidence=float(rng.choice([0.5, 0.7, 0.8, 0.9, 0.9, 0.9])),
            target=float(rng.uniform(0, 0.5)),
            familiar=bool(rng.random() < 0.9),
        )
        for session in _sessions(sessions)
        for instant in prediction_instants(session, 5)
        for symbol in sorted(rows)
        if rng.random() < 0.8
    )


def _signals(
    rng: np.random.Generator, rows: dict[str, list[Row]], sessions: int
) -> tuple[StrategySignal, ...]:
    found = []
    for session in _sessions(sessions):
        for clock in ("09:33", "10:00", "12:00", "15:00", "15:30"):
            instant = at(clock, session.day)
            if instant >= session.close or rng.random() < 0.3:
                continue
            chosen = [symbol for symbol in sorted(rows) if rng.random() < 0.8]
            found.append(
                signal(
                    f"{session.day}-{clock}",
                    instant,
                    *chosen,
                    direction=str(rng.choice(["bullish", "bullish", "neutral", "bearish"])),
                    risk=str(rng.choice(["conservative", "moderate", "aggressive"])),
                    overnight=float(rng.choice([0.0, 0.1, 0.5, 1.0])),
                    sentiment={s: float(rng.choice([-0.9, -0.5, 0.3])) for s in chosen[:2]},
                )
            )
    return tuple(found)
