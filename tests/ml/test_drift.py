"""Drift: a planted shift is told by its feature, and quiet data seldom raise an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.models import STRONG_SHIFT, SymbolDrift
from hybrid_tui.ml.dataset import build_dataset
from hybrid_tui.ml.drift import LEAST_SESSIONS, LEVELS, OUTCOME, DriftMeter, reference, stability
from hybrid_tui.ml.model_files import Manifest, Model
from tests.ml.builders import random_walk

SYMBOLS = ("AAA", "BBB", "CCC")
SEEN, LATER = 40, 12


class View:
    """Everything that some series have by an instant."""

    def __init__(self, series: dict[str, BarSeries], now: datetime) -> None:
        self.series, self.now = series, now

    def bars(self, symbol: str) -> BarSeries | None:
        found = self.series.get(symbol)
        return None if found is None else found.known_by(int(self.now.timestamp()))

    def news(self, since: datetime) -> Sequence[NewsItem]:
        return []


def end_of(series: dict[str, BarSeries]) -> datetime:
    return datetime.fromtimestamp(int(series["AAA"].known_at[-1]), UTC)


@pytest.fixture(scope="module")
def series(calendar: TradingCalendar) -> dict[str, BarSeries]:
    return {s: random_walk(calendar, s, sessions=SEEN + LATER, gaps=0.02) for s in SYMBOLS}


@pytest.fixture(scope="module")
def manifest(model: Model, series: dict[str, BarSeries], calendar: TradingCalendar) -> Manifest:
    seen = {symbol: bars.slice(0, SEEN * 380) for symbol, bars in series.items()}
    data = build_dataset(seen, calendar)
    figures = reference(data, np.ones(len(data), dtype=np.bool_), SYMBOLS)
    return model.manifest.model_copy(update={"drift": figures})


def measured(
    manifest: Manifest, calendar: TradingCalendar, series: dict[str, BarSeries], now: datetime
) -> dict[str, SymbolDrift]:
    return DriftMeter(manifest, calendar).measure(View(series, now), SYMBOLS)


def test_quiet_sessions_raise_no_strong_alarm(
    manifest: Manifest, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    alarms = looks = 0
    last = calendar.last_session(end_of(series))
    assert last is not None
    place = calendar.sessions.index(last)
    for session in calendar.sessions[place - LATER + 1 : place + 1 : 2]:
        found = measured(manifest, calendar, series, session.close)
        looks += len(found)
        alarms += sum(one.psi >= STRONG_SHIFT for one in found.values())
    assert looks == 18
    assert alarms == 0


def test_a_shift_is_told_by_its_symbol_and_feature(
    manifest: Manifest, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    bars = series["BBB"]
    late = np.arange(len(bars)) >= SEEN * 380
    rng = np.random.default_rng(1)
    spiky = np.where(late & (rng.random(len(bars)) < 0.5), bars.volume * 30.0, bars.volume)
    found = measured(
        manifest, calendar, {**series, "BBB": replace(bars, volume=spiky)}, end_of(series)
    )
    assert found["BBB"].feature == "volume"
    assert found["BBB"].psi > STRONG_SHIFT
    assert max(found["AAA"].psi, found["CCC"].psi) < STRONG_SHIFT


def test_a_trend_drifts_in_the_outcomes(
    manifest: Manifest, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    bars = series["CCC"]
    late = np.maximum(np.arange(len(bars)) - SEEN * 380, 0)
    up = np.exp(late * 0.0005)
    moved = replace(
        bars, open=bars.open * up, high=bars.high * up, low=bars.low * up, close=bars.close * up
    )
    found = measured(manifest, calendar, {**series, "CCC": moved}, end_of(series))
    assert (found["CCC"].outcome or 0.0) > STRONG_SHIFT
    assert (found["AAA"].outcome or 0.0) < STRONG_SHIFT


def test_too_few_sessions_have_no_drift_and_an_unknown_symbol_is_held_to_all(
    manifest: Manifest, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    short = {"AAA": series["AAA"].slice(0, (LEAST_SESSIONS - 1) * 380)}
    now = datetime.fromtimestamp(int(short["AAA"].known_at[-1]), UTC)
    assert measured(manifest, calendar, short, now) == {}
    stranger = {**series, "NEW": replace(series["AAA"], symbol="NEW")}
    found = DriftMeter(manifest, calendar).measure(View(stranger, end_of(series)), ("NEW",))
    assert set(found) == {"NEW"}
    without = DriftMeter(manifest.model_copy(update={"drift": ()}), calendar)
    assert without.measure(View(series, end_of(series)), SYMBOLS) == {}


def test_the_reference_survives_its_manifest(manifest: Manifest) -> None:
    again = Manifest.model_validate_json(manifest.model_dump_json())
    assert again.drift == manifest.drift
    assert {"volume", "rsi", OUTCOME} <= {figure.name for figure in again.drift}
    for figure in again.drift:
        assert set(figure.shares) == ({""} if figure.name in LEVELS else {"", *SYMBOLS})
        assert all(sum(row) == pytest.approx(1.0, abs=1e-3) for row in figure.shares.values())


def test_the_index_is_that_of_the_books() -> None:
    then, now = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    assert stability(now, then) == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4))
    assert stability(then, then) == 0.0
