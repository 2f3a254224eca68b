"""Charts as cells: what stands where, at which price and hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.inquiries import Chart
from hybrid_tui.tui.symbol.axes import Scale, price_ticks, time_ticks
from hybrid_tui.tui.symbol.canvas import Canvas
from hybrid_tui.tui.symbol.chart import AXIS, Frame, Look, Scene, chart_rows, short_count
from hybrid_tui.tui.symbol.marks import Level, Mark, by_bar
from hybrid_tui.tui.widgets.lines import text_of, width_of
from tests.tui.builders import OPEN, at
from tests.tui.symbol.scenes import chart

PRICES = st.floats(0.01, 5_000)


def lines(canvas: Canvas) -> list[str]:
    return [text_of(line) for line in canvas.rows()]


def drawn(found: Chart, scene: Scene, look: Look, width: int = 120, height: int = 30) -> list[str]:
    return [text_of(row.line) for row in chart_rows(found, scene, look, width, height)]


def test_candles_have_half_cells_and_differ_without_colour() -> None:
    canvas = Canvas(3, 2)
    canvas.candle(0, (0.0, 2.0), (0.5, 1.5), "up", hollow=True)
    canvas.candle(1, (0.0, 2.0), (0.5, 1.5), "down", hollow=False)
    canvas.candle(2, (1.0, 1.0), (1.0, 1.0), "up", hollow=True)
    assert lines(canvas) == ["╽▗ ", "╿▝╹"]


def test_lines_lie_under_candles_and_break_where_a_value_is_missing() -> None:
    canvas = Canvas(4, 1)
    canvas.candle(1, (0.0, 1.0), (0.0, 1.0), "down", hollow=False)
    canvas.line([(0, 0.0), (1, 0.0), (2, None), (3, 0.75)], "dim")
    assert lines(canvas) == ["⠉▐ ⡀"]


@settings(max_examples=50)
@given(low=PRICES, reach=st.floats(0.01, 500), rows=st.integers(3, 60))
def test_price_ticks_are_round_inside_and_apart(low: float, reach: float, rows: int) -> None:
    scale = Scale.of([low, low + reach], rows, 0.03)
    ticks = price_ticks(scale)
    assert all(scale.row(tick) is not None for tick in ticks)
    places = [scale.row(tick) for tick in ticks]
    assert len(set(places)) == len(places)
    assert len(ticks) <= max(1, rows // 3) + 1


@settings(max_examples=50)
@given(values=st.lists(st.one_of(st.none(), PRICES), min_size=1), rows=st.integers(1, 50))
def test_every_value_of_a_scale_has_a_row(values: list[float | None], rows: int) -> None:
    scale = Scale.of(values, rows)
    for value in values:
        if value is not None:
            found = scale.row(value)
            assert found is not None
            assert 0 <= found < rows


def test_times_are_new_yorks_and_do_not_overlap() -> None:
    found = chart("NVDA")
    ticks = time_ticks(found.start[-100:], 60, 1)
    assert [label for _, label in ticks][-3:] == ["10:20", "10:30", "10:40"]
    assert ticks[0] == (0, "Thu 19 Mar")
    assert "Fri 20 Mar" in [label for _, label in ticks]
    ends = [index + len(label) for index, label in ticks]
    assert all(end < index for end, (index, _) in zip(ends, ticks[1:], strict=False))
    summer = datetime(2026, 3, 6, 14, 30, tzinfo=UTC).timestamp(), OPEN.timestamp()
    labels = [label for _, label in time_ticks([int(second) for second in summer], 86_400, 20)]
    assert labels == ["06 Mar 2026", "20 Mar"]


@pytest.mark.parametrize("size", [(80, 16), (180, 40)])
@pytest.mark.parametrize("step", [1, 3])
def test_rows_fill_their_room_whatever_is_shown(size: tuple[int, int], step: int) -> None:
    found = chart("NVDA")
    mark = Mark(sign="n", at=at("10:30"), text="x")
    scene = Scene(
        marks=by_bar(found, [mark]),
        stops=[Level(at=at("10:30"), price=found.close[-1] * 0.999)],
        labels=[(found.close[-1], "◂ last", "bold")],
    )
    for overlay, cursor, panels in (
        ("bands", None, True),
        ("averages", 3, False),
        ("none", 0, True),
    ):
        look = Look(step=step, overlay=overlay, cursor=cursor, with_panels=panels)
        rows = chart_rows(found, scene, look, *size)
        assert len(rows) == size[1]
        assert {width_of(row.line) for row in rows} == {size[0]}


def test_what_happened_stands_at_its_bar() -> None:
    found = chart("NVDA")
    marks = [
        Mark(sign="B", at=at("10:30:05"), text="bought", price=1.0),
        Mark(sign="n", at=at("9:20"), text="before the open"),
        Mark(sign="L", at=at("11:30"), text="after the last bar"),
        Mark(sign="a", at=OPEN.replace(year=2020), text="before all bars"),
    ]
    placed = by_bar(found, marks)
    at_bar = {found.start[index]: [m.sign for m in those] for index, those in placed.items()}
    assert at_bar == {
        int(at("10:30").timestamp()): ["B"],
        int(OPEN.timestamp()): ["n"],
        found.start[-1]: ["L"],
    }
    frame = Frame.of(found, Look(), 120)
    rows = drawn(found, Scene(marks=placed), Look())
    lane = next(line for line in rows if "n" in line[AXIS:100] and "┤" not in line)
    column = AXIS + frame.x(found.start.index(int(at("10:30").timestamp())))
    assert lane[column] == "B"
    assert any(line[column] == "B" for line in rows[:15])


def test_the_crosshair_and_the_scroll_choose_the_bars() -> None:
    found = chart("NVDA")
    frame = Frame.of(found, Look(end=50), 120)
    assert frame.last == len(found) - 50
    rows = drawn(found, Scene(), Look(cursor=60, end=50))
    column = AXIS + frame.x(len(found) - 61)
    assert any(line[column] == "┻" for line in rows)
    assert drawn(replace(found, start=(), known_at=()), Scene(), Look()) == ["No bars yet."]
    assert drawn(found, Scene(), Look(), width=20) == ["Too small for a chart."]


def test_volumes_are_short() -> None:
    assert [short_count(v) for v in (950, 12_345, 4_560_000, 2e9)] == [
        "950", "12.3k", "4.56M", "2G",
    ]  # fmt: skip
