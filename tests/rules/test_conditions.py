"""Each condition of the catalogue by hand-worked bars, and what is said about a wrong one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, FloatArray
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.conditions import CATALOGUE
from hybrid_tui.rules.conditions import EXPRESSIONS
from hybrid_tui.rules.indicators import indicators_of
from hybrid_tui.rules.technical import Technicals

NAN = float("nan")
MONDAY = int(datetime(2026, 1, 5, 9, 30, tzinfo=NEW_YORK).timestamp())


def bars_of(close: Sequence[float], **columns: Sequence[float]) -> BarSeries:
    """Return one-minute bars from 09:30 on; what is not given equals the close, volume is 100."""
    count = len(close)
    start = np.array(columns.get("start", MONDAY + 60 * np.arange(count)), dtype=np.int64)

    def column(name: str, otherwise: Sequence[float]) -> FloatArray:
        return np.array(columns.get(name, otherwise), dtype=np.float64)

    return BarSeries(
        symbol="A",
        interval=60,
        feed="test",
        start=start,
        known_at=start + 60,
        open=column("open", close),
        high=column("high", close),
        low=column("low", close),
        close=np.array(close, dtype=np.float64),
        volume=column("volume", [100.0] * count),
    )


def holds(rules: Mapping[str, Any], bars: BarSeries) -> list[int]:
    """Return the bars at which the set ``mine`` holds."""
    config = RulesConfig.model_validate({"entry": "mine", "rsi_exit": 0, "sets": {"mine": rules}})
    technicals = Technicals.of(config)
    found = technicals.entry.holds(indicators_of(bars, technicals.lines))
    return np.flatnonzero(found).tolist()


UP = [10.0, 10.0, 10.0, 11.0, 12.0, 11.0, 9.0, 8.0]
DAYS = [MONDAY, MONDAY + 60, MONDAY + 86_400, MONDAY + 86_460]


@pytest.mark.parametrize(
    ("text", "bars", "expected"),
    [
        # RSI(2) of 10, 10, 10, 11, ...: no fall yet is 0 without a move and 100 after a rise.
        ("rsi_above(period=2, level=90)", bars_of(UP), [3, 4]),
        ("rsi_above(period=2, level=90, bars=2)", bars_of(UP), [3, 4, 5]),
        ("rsi_below(period=2, level=10, bars=1)", bars_of(UP), [2, 7]),
        ("rsi_cross_above(period=2, level=90)", bars_of(UP), [3]),
        ("rsi_cross_below(period=2, level=90)", bars_of(UP), [5]),
        # SMA(2) against SMA(3): 10.5 > 10.33 first at 3, 10 < 10.67 at 6.
        ("sma_cross_above(fast=2, slow=3)", bars_of(UP), [3]),
        ("sma_cross_below(fast=2, slow=3)", bars_of(UP), [6]),
        ("sma_cross_above(fast=2, slow=3, bars=3)", bars_of(UP), [3, 4, 5]),
        ("close_above_sma(period=2)", bars_of(UP), [3, 4]),
        ("close_below_sma(period=2)", bars_of(UP), [5, 6, 7]),
        ("close_above_ema(period=2)", bars_of(UP), [3, 4]),
        ("close_below_ema(period=2)", bars_of(UP), [5, 6, 7]),
        # The population's deviation of three closes, times 1: bands 10 +- 0 at 2.
        ("close_above_upper_band(period=3, width=1)", bars_of(UP), [3, 4]),
        ("close_below_lower_band(period=3, width=1)", bars_of(UP), [6, 7]),
        ("close_below_lower_band(period=3, width=1, bars=2)", bars_of([*UP, 8.0]), [6, 7, 8]),
        ("close_above_lower_band(period=3, width=1)", bars_of(UP), [3, 4, 5]),
        ("close_below_upper_band(period=3, width=1)", bars_of(UP), [5, 6, 7]),
        ("new_high(period=2)", bars_of(UP), [3, 4]),
        ("new_low(period=2)", bars_of(UP), [6, 7]),
        ("new_low(period=2, bars=2)", bars_of([*UP, 9.0]), [6, 7, 8]),
        ("rose(fraction=0.15, bars=2)", bars_of(UP), [4]),
        ("fell(fraction=0.15, bars=2)", bars_of(UP), [6, 7]),
        ("volume_spike(period=2, multiple=3)",
         bars_of([1.0] * 5, volume=[10, 10, 31, 60, 100]), [2]),
        # True ranges 1, 1, 1, 5; ATR(2) is 1 at 2 and 3 at 3; the bar of 5 is wide against 1.
        ("wide_bar(period=2, multiple=4)",
         bars_of([10.0] * 4, high=[10.5, 10.5, 10.5, 12.5], low=[9.5, 9.5, 9.5, 7.5]), [3]),
        ("atr_above(period=2, fraction=0.2)",
         bars_of([10.0] * 4, high=[10.5, 10.5, 10.5, 12.5], low=[9.5, 9.5, 9.5, 7.5]), [3]),
        ("atr_below(period=2, fraction=0.2)",
         bars_of([10.0] * 4, high=[10.5, 10.5, 10.5, 12.5], low=[9.5, 9.5, 9.5, 7.5]), [2]),
        ("gap_up(fraction=0.02)",
         bars_of([10, 10, 9, 9], open=[11, 10, 10.3, 9], start=DAYS), [2, 3]),
        ("gap_down(fraction=0.02)",
         bars_of([10, 10, 12, 12], open=[1, 10, 9.7, 12], start=DAYS), [2, 3]),
        ("time_between(start=09:32, end=09:34)", bars_of(UP), [1, 2]),
    ],
)  # fmt: skip
def test_a_condition_holds_where_it_says(text: str, bars: BarSeries, expected: list[int]) -> None:
    assert holds({"all": [text]}, bars) == expected


def test_macd_states_and_crossings_agree() -> None:
    close = 100 + np.cumsum(np.random.default_rng(3).normal(0, 1, 400))
    bars = bars_of(close.tolist())
    above = holds({"all": ["macd_above_signal"]}, bars)
    below = holds({"all": ["macd_below_signal"]}, bars)
    assert sorted(above + below) == list(range(33, 400))
    crossed = [i for i in above if i - 1 in below]
    assert holds({"all": ["macd_cross_above"]}, bars) == crossed
    assert holds({"all": ["macd_cross_below"]}, bars) == [i for i in below if i - 1 in above]
    rising = holds({"all": ["macd_above_zero"]}, bars)
    assert len(rising) > 10
    assert not set(rising) & set(holds({"all": ["macd_below_zero"]}, bars))


def test_a_spring_and_a_summer_session_have_their_own_clock() -> None:
    march = [datetime(2026, 3, day, 9, 31, tzinfo=NEW_YORK) for day in (6, 9)]
    bars = bars_of([1.0, 1.0], start=[at.timestamp() for at in march])
    assert march[0].utcoffset() != march[1].utcoffset()
    assert holds({"all": ["time_between(start=09:32, end=09:33)"]}, bars) == [0, 1]


def test_all_any_and_not_join_conditions_and_sets() -> None:
    bars = bars_of(UP)
    up, down = "close_above_sma(period=2)", "close_below_sma(period=2)"
    late = "time_between(start=09:36)"  # bars 5, 6, 7
    assert holds({"any": [up, down]}, bars) == [3, 4, 5, 6, 7]
    assert holds({"all": [down], "any": [up, late]}, bars) == [5, 6, 7]
    assert holds({"all": [late], "not": ["new_low(period=2)"]}, bars) == [5]
    sets = {"down": {"all": [down]}, "mine": {"all": ["down"], "not": ["new_low(period=2)"]}}
    config = RulesConfig.model_validate({"entry": "mine", "rsi_exit": 0, "sets": sets})
    technicals = Technicals.of(config)
    assert technicals.entry.holds(indicators_of(bars, technicals.lines)).nonzero()[0] == [5]


def test_what_is_not_known_is_met_neither_way() -> None:
    bars = bars_of(UP)
    late = "time_between(start=09:30)"
    assert holds({"all": [late], "not": ["close_above_sma(period=5)"]}, bars) == [6, 7]
    assert holds({"all": [late], "not": ["rose(bars=4)"]}, bars) == [6, 7]
    assert holds({"all": [late], "not": ["gap_up"]}, bars) == []


def test_the_built_in_sets_follow_the_keys() -> None:
    def written(**rules: Any) -> list[str]:
        config = RulesConfig.model_validate(rules)
        return [call.text for call in config.rule_set(config.entry).conditions()]

    macd = "macd_cross_above(fast=12, slow=26, signal=9, bars=1)"
    assert written() == [macd, "rsi_below(period=14, level=35, bars=10)"]
    keys = {"rsi_period": 9, "rsi_below": 40, "rsi_lookback": 3}
    assert written(**keys) == [macd, "rsi_below(period=9, level=40, bars=3)"]
    assert written(entry="rsi_macd_strict", **keys) == [
        macd,
        "rsi_below(period=9, level=40, bars=1)",
    ]
    assert written(entry="bollinger") == [
        "close_below_lower_band(period=20, width=2, bars=10)",
        "close_above_lower_band(period=20, width=2, bars=1)",
    ]


def test_every_name_has_one_expression_with_bounded_depth() -> None:
    assert EXPRESSIONS.keys() == CATALOGUE.keys()
    sets = {f"only_{name}": {"any": [name]} for name in CATALOGUE}
    rules = RulesConfig.model_validate({"sets": sets})
    for name in sets:
        technicals = Technicals.of(rules.model_copy(update={"entry": name, "rsi_exit": 0}))
        assert 1 <= technicals.depth <= 501
        assert technicals.lines
