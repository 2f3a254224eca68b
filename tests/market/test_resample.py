"""Longer bars from shorter ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.errors import ConfigError
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.resample import resample
from tests.market.builders import OPEN, series

ONE_DAY = TradingCalendar([Session(day=OPEN.date(), open=OPEN, close=OPEN + timedelta(hours=6.5))])


@given(
    minutes=st.sets(st.integers(0, 389), min_size=1, max_size=80),
    interval=st.sampled_from([120, 300, 900, 3600, 86400]),
)
def test_joining_loses_nothing_and_invents_nothing(minutes: set[int], interval: int) -> None:
    bars = series(minutes=sorted(minutes))
    joined = resample(bars, interval, ONE_DAY)
    assert joined.volume.sum() == bars.volume.sum()
    assert joined.high.max() == bars.high.max()
    assert joined.low.min() == bars.low.min()
    assert (joined.open[0], joined.close[-1]) == (bars.open[0], bars.close[-1])
    assert (np.diff(joined.start) > 0).all()
    opened = int(OPEN.timestamp())
    if interval < 86400:
        assert joined.start.tolist() == sorted(
            {opened + 60 * n // interval * interval for n in minutes}
        )
    assert joined.known_at[-1] >= bars.known_at[-1]
    assert (joined.known_at <= opened + 390 * 60).all()


@pytest.mark.parametrize("interval", [30, 90, 7 * 86400])
def test_an_interval_that_does_not_fit_is_refused(interval: int) -> None:
    with pytest.raises(ConfigError, match="cannot be made"):
        resample(series(), interval, ONE_DAY)


def test_real_days_equal_the_daily_bars(shared_data: Path, calendar: TradingCalendar) -> None:
    hourly = read_bars(
        [shared_data / "bars_hour_lean" / "AAPL.csv.gz"], calendar=calendar, interval=86400
    ).series["AAPL"]
    daily = read_bars([shared_data / "daily_lean" / "AAPL.csv.gz"], calendar=calendar).series[
        "AAPL"
    ]
    common, ours, theirs = np.intersect1d(hourly.start, daily.start, return_indices=True)
    assert len(common) > 5_000
    assert (hourly.close[ours] == daily.close[theirs]).mean() > 0.99
    assert (hourly.high[ours] == daily.high[theirs]).mean() > 0.9
