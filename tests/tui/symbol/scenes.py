"""Bars without a market: two sessions that end at the builder's time, and the rules' answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.domain.inquiries import Answer, Chart, ChartInquiry, Inquiry, RulesInquiry
from hybrid_tui.domain.signals import Interval
from hybrid_tui.engine.answers import chart_lines, chart_of
from hybrid_tui.journal.codec import dump_chart
from hybrid_tui.market.resample import resample
from tests.tui.builders import CLOSE, OPEN, PRICES, Story, at, normal, prediction

DAY = timedelta(days=1)
SESSIONS = TradingCalendar(
    [
        Session(day=(OPEN - back * DAY).date(), open=OPEN - back * DAY, close=CLOSE - back * DAY)
        for back in (2, 1, 0)
    ]
)
MINUTES = 390


def minutes(symbol: str, until: str = "10:42") -> BarSeries:
    """Return one-minute bars of a symbol, which wander and end at the builder's price."""
    starts = [
        int((session.open + timedelta(minutes=minute)).timestamp())
        for session in SESSIONS.sessions
        for minute in range(MINUTES)
    ]
    start = np.array([second for second in starts if second < at(until).timestamp()])
    step = np.arange(len(start) + 1)
    wave = np.sin(step / 17) * 0.006 + np.sin(step / 61) * 0.011 + np.sin(step * 2.7) * 0.0011
    price = PRICES[symbol] * (1 + wave - wave[-1])
    open_, close = price[:-1], price[1:]
    reach = PRICES[symbol] * 0.0006 * (1 + np.sin(step[1:] * 1.3))
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="made",
        start=start,
        known_at=start + 60,
        open=open_,
        high=np.maximum(open_, close) + reach,
        low=np.minimum(open_, close) - reach,
        close=close,
        volume=np.round(40_000 * (1.2 + np.sin(step[1:] / 5) * np.cos(step[1:] * 1.9))),
    )


def chart(symbol: str, interval: int = 60, count: int = 600, until: str = "10:42") -> Chart:
    """Return the chart that an engine would give of these bars."""
    series = resample(minutes(symbol, until), interval, SESSIONS)
    return chart_of(series, chart_lines(RulesConfig()), count, SESSIONS)


def rules(symbol: str, *, held: bool) -> dict[str, Any]:
    """Return the engine's answer about the rules."""
    technical = [
        {"set": "rsi_macd", "join": "all", "met": False, "held_bars_ago": 7,
         "condition": "macd_cross_above(fast=12, slow=26, signal=9, bars=1)",
         "values": {"macd(12, 26, 9)": -0.0412, "macd_signal(12, 26, 9)": -0.0377}},
        {"set": "rsi_macd", "join": "all", "met": True, "held_bars_ago": 0,
         "condition": "rsi_below(period=14, level=35, bars=10)", "values": {"rsi(14)": 33.21}},
    ]  # fmt: skip
    conditions = [
        {"name": "session open", "met": True, "reason": None, "value": None},
        {"name": "not held", "met": not held, "value": None,
         "reason": "held, or an order in it is open" if held else None},
        {"name": "buy probability", "met": True, "reason": None, "value": 0.71},
        {"name": "confidence", "met": False, "reason": "confidence 0.61 < 0.70", "value": 0.61},
        {"name": "confirmed", "met": False, "reason": "rsi_macd does not hold", "value": None},
    ]  # fmt: skip
    position = {
        "quantity": 110.0, "entry_price": 176.61, "close": 178.56, "stop": 177.1,
        "stop_reason": "trailing_stop", "to_stop": 0.008, "high": 181.0, "hard": 0.1,
        "trail": 0.05, "selling": None, "would_sell": None,
        "conditions": [
            {"name": "thesis_invalidated", "holds": False, "value": None},
            {"name": "buy probability < 0.4", "holds": False, "value": 0.71},
        ],
        "technical": [],
    }  # fmt: skip
    missing = [row["reason"] for row in conditions if not row["met"]]
    return {
        "symbol": symbol, "at": "2026-03-20T14:42:00Z", "last_bar": "2026-03-20T14:41:00Z",
        "close": PRICES[symbol],
        "entry": {"set": "rsi_macd", "would_buy": None, "missing": missing,
                  "conditions": conditions, "technical": technical},
        "position": position if held else None, "warnings": [],
    }  # fmt: skip


def answer(inquiry: Inquiry, until: str = "10:42") -> Answer:
    """Answer as the engine of the builder's morning does."""
    match inquiry:
        case ChartInquiry(symbol=symbol, interval=interval, count=count):
            drawn = chart(symbol, interval, count, until)
            return Answer(document=json.loads(dump_chart(drawn)))
        case RulesInquiry(symbol=symbol):
            return Answer(document=rules(symbol, held=symbol in ("NVDA", "META", "XLK")))
        case _:
            return Answer(refused="this engine has no answer to that")


def morning() -> Story:
    """Return the builder's morning with two predictions whose end has come, and a fresh one."""
    story = normal()
    ended = (
        prediction("NVDA", "9:35", 0.55, horizon_end=at("10:15")),
        prediction(
            "NVDA",
            "9:40",
            0.64,
            horizon_end=at("10:16"),
            interval=Interval(level=0.9, low=178.4, high=181.0),
        ),
    )
    for made in (*ended, prediction("NVDA", "10:42", 0.71)):
        story.tell(ev.PredictionsMade, "10:42:07", predictions=(made,))
    return story
