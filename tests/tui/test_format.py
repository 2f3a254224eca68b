"""Figures and texts: what stands in a cell, and what can never get into one."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.lines import Column, Columns, text_of, width_of


@given(st.text(), st.integers(1, 60), st.sampled_from(["left", "right"]))
def test_fit_takes_exactly_its_cells(text: str, width: int, align: str) -> None:
    assert cell_len(f.fit(f.clean(text), width, align)) == width


@given(st.text(), st.integers(2, 60))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: int) -> None:
    cleaned = f.clean(text)
    lines = f.wrap(cleaned, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == cleaned.replace(" ", "")


@given(st.text())
def test_clean_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = f.clean(text + "\x1b[2J\u202e\u200b")
    assert "\x1b" not in cleaned
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in cleaned)
    assert cleaned == f.clean(cleaned)


def test_escape_sequences_go_as_a_whole() -> None:
    assert f.clean("a\x1b[31mb\x1b[0m \x1b]0;title\x07c\n\td") == "ab c d"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.714, ".71"), (1.0, "1.0"), (0.0, ".00"), (0.999, "1.0"), (0.05, ".05")],
)
def test_probability(value: float, shown: str) -> None:
    assert f.probability(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0112, "▲ +1.1 %"), (-0.004, "▼ -0.4 %"), (0.0001, "  0.0 %"), (-0.0001, "  0.0 %")],
)
def test_change_has_an_arrow_and_a_sign_or_neither(value: float, shown: str) -> None:
    assert f.moved(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown", "clock"),
    [(2, "2s", "0:02"), (118, "1m58", "1:58"), (1313, "21m53", "21:53"), (19080, "5h18", "5h18"),
     (-5, "0s", "0:00"), (183_600, "2d3h", "2d3h")],
)  # fmt: skip
def test_lengths_of_time(seconds: int, shown: str, clock: str) -> None:
    assert f.span(timedelta(seconds=seconds)) == shown
    assert f.countdown(timedelta(seconds=seconds)) == clock


def test_amounts() -> None:
    assert f.money(101842.154) == "101,842.15"
    assert f.signed(214.5) == "+214.50"
    assert f.signed(-0.001) == "0.00"
    assert f.score(-0.55) == "-.55"
    assert f.quantity(110.0) == "110"
    assert f.quantity(0.5) == "0.500"


@given(st.floats(-1, 2), st.integers(1, 40))
def test_gauge_is_as_wide_as_asked(fraction: float, width: int) -> None:
    assert len(f.gauge(fraction, width)) == width
    assert len(f.ticked_gauge(fraction, width, 0.7)) == width


def test_gauge_shows_the_threshold_whether_reached_or_not() -> None:
    assert f.ticked_gauge(0.5, 10, 0.7) == "█████··│··"
    assert f.ticked_gauge(0.9, 10, 0.7) == "███████┃█·"


def test_spark_spans_its_values() -> None:
    assert f.spark([1, 2, 3], 8) == "▁▅█"
    assert f.spark([5, 5, 5], 2) == "▄▄"
    assert f.spark([], 4) == ""


@given(st.integers(5, 80))
def test_columns_leave_out_the_least_important_and_stay_in_the_width(width: int) -> None:
    columns = Columns(
        [
            Column(name="a", title="a", width=5),
            Column(name="b", title="b", width=10, rank=2),
            Column(name="c", title="c", width=8, rank=1, grows=True),
        ],
        width,
    )
    row = columns.row("key", a="aaa", b=("bbb", "dim"), c=(("c", ""), ("c", "up")))
    assert width_of(row.line) <= width
    assert width_of(columns.header()) == width_of(row.line)
    assert ("b" in columns) <= ("c" in columns)
    assert text_of(row.line).startswith("aaa")


def test_names_count_the_rest() -> None:
    assert f.names(["A", "B", "C"], 2) == "A, B and 1 more"
