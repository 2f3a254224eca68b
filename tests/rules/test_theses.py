"""The grammar of theses: what it means, and that nothing hostile gets through."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.rules.theses import Measure, ThesisError, parse

TODAY = date(2026, 3, 20)
VALUES = {
    Measure("close", "1d"): 90.0,
    Measure("sma", "1d", 20): 100.0,
    Measure("rsi", "5m", 14): 81.0,
    Measure("drawdown", "1d"): 0.05,
    Measure("volume", "1h"): 1e6,
}


def holds(text: str) -> bool | None:
    return parse(text)(VALUES.get, TODAY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("close < sma(20)", True),
        ("close >= sma(20)", False),
        ("CLOSE < SMA(20)", True),
        ("rsi_5m(14) > 80", True),
        ("drawdown > 0.04", True),
        ("drawdown > 0.04 and close > sma(20)", False),
        ("drawdown > 0.04 or close > sma(20)", True),
        ("not (close > sma(20))", True),
        ("not close > sma(20) and rsi_5m(14) > 80", True),
        ("after 2026-03-19", True),
        ("after 2026-03-20", False),
        ("volume_1h > 500000", True),
        ("rsi(14) > 80", None),
        ("rsi(14) > 80 or drawdown > 0.04", True),
        ("rsi(14) > 80 and drawdown > 0.06", False),
        ("not rsi(14) > 80", None),
        ("-1 < 2.5", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, expected: bool | None) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "close",
        "close < ",
        "close << 3",
        "sma(0) > 1",
        "sma(1) > 1",
        "sma(999) > 1",
        "sma(20",
        "__import__('os').system('true')",
        "close < sma(20); flatten",
        "after 2026-13-40",
        "after tomorrow",
        "buy NVDA",
        "close == 3",
        "((((" * 90,
        "not " * 120,
        "\x00",
        "close < sma(20) and",
        "１ < ２ ＜ ３",
    ],
)
def test_nonsense_is_an_error_that_says_where(text: str) -> None:
    with pytest.raises(ThesisError):
        parse(text)


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=500) | st.text(alphabet="closemarin()<>=0123456789-_ .andortf", max_size=80)
)
def test_random_text_is_a_condition_or_an_error(text: str) -> None:
    try:
        condition = parse(text)
    except ThesisError:
        return
    assert condition(VALUES.get, TODAY) in (True, False, None)
