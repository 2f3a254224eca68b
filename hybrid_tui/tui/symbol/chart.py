"""A chart as rows: candles with lines over them, marks, volume, RSI and MACD, and both axes.

Own drawing: textual-plotext paints one picture of the whole canvas each time, in colours of its own
and with whole cells for candles; here a row that did not change is not painted again, colours are
the theme's, and candles have half cells, lines quarters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hybrid_tui.domain.inquiries import Chart
from hybrid_tui.tui import format as f
from hybrid_tui.tui.symbol.axes import Scale, price_ticks, time_ticks
from hybrid_tui.tui.symbol.canvas import Canvas
from hybrid_tui.tui.symbol.marks import Level, Mark, shown_sign
from hybrid_tui.tui.widgets.lines import Line, Row, Span, row

AXIS = 9
GUTTER = 14
NARROW_GUTTER = 13
ROOMY = 100
WIDEST = 4
OVERLAYS = ("bands", "averages", "none")
LEVELS = (35.0, 70.0)
VOLUME = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a person looks at a chart: ``cursor`` and ``end`` are bars counted from the newest.

    ``step`` is how many cells a bar takes, ``overlay`` one of ``OVERLAYS``.
    """

    step: int = 1
    overlay: str = "bands"
    cursor: int | None = None
    end: int = 0
    with_panels: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a chart shows beside its bars; labels are (price, text, style), the first wins."""

    marks: Mapping[int, Sequence[Mark]] = field(default_factory=dict)
    stops: Sequence[Level] = ()
    labels: Sequence[tuple[float, str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The bars that show, ``first`` to ``last`` (excluded), and where they stand."""

    chart: Chart
    first: int
    last: int
    step: int
    width: int
    gutter: int

    @staticmethod
    def of(chart: Chart, look: Look, width: int) -> Frame:
        """Return the frame of a width in cells, the axis and the labels included."""
        gutter = GUTTER if width >= ROOMY else NARROW_GUTTER
        inner = max(1, width - AXIS - gutter)
        # A few bars alone spread out.
        step = max(look.step, min(WIDEST, inner // max(1, len(chart))))
        last = max(0, len(chart) - look.end)
        return Frame(
            chart=chart,
            first=max(0, last - inner // step),
            last=last,
            step=step,
            width=inner,
            gutter=gutter,
        )

    def x(self, index: int) -> int:
        """Return the column of a bar."""
        return (index - self.first) * self.step + (self.step - 1) // 2

    def values(self, name: str) -> Sequence[float]:
        """Return a column of the bars that show."""
        values: Sequence[float] = getattr(self.chart, name)[self.first : self.last]
        return values

    def line(self, name: str) -> Sequence[float | None]:
        """Return an indicator's values over the bars that show; its name without parameters."""
        return line_of(self.chart, name)[self.first : self.last]


def line_of(chart: Chart, name: str) -> Sequence[float | None]:
    """Return an indicator's row by its name without parameters, empty where there is none."""
    for full, values in chart.lines.items():
        if full.partition("(")[0] == name:
            return values
    return ()


def full_name(chart: Chart, name: str) -> str:
    """Return an indicator's name with its parameters."""
    return next((full for full in chart.lines if full.partition("(")[0] == name), name)


def chart_rows(chart: Chart, scene: Scene, look: Look, width: int, height: int) -> list[Row]:
    """Return the chart as ``height`` rows of ``width`` cells."""
    if not len(chart) or height < 4 or width < AXIS + NARROW_GUTTER + 10:
        return [row(("No bars yet." if not len(chart) else "Too small for a chart.", "dim"))]
    frame = Frame.of(chart, look, width)
    panels = _heights(height, with_panels=look.with_panels)
    cursor = len(chart) - 1 - look.cursor if look.cursor is not None else None
    prices = height - 2 - sum(panels.values())
    rows = _prices(frame, scene, look.overlay, prices, cursor)
    rows.append(_lane(frame, scene, cursor))
    rows.append(_times(frame, cursor))
    if panels["volume"]:
        rows += _volume(frame, panels["volume"], cursor)
    if panels["rsi"]:
        rows += _rsi(frame, panels["rsi"], cursor)
    if panels["macd"]:
        rows += _macd(frame, panels["macd"], cursor)
    return rows


def _heights(height: int, *, with_panels: bool) -> dict[str, int]:
    """Return how many rows each part below the prices gets."""
    volume = 2 if height >= 20 else 1 if height >= 10 else 0
    panel = 0 if not with_panels or height < 14 else 4 if height >= 26 else 3
    return {"volume": volume, "rsi": panel, "macd": panel if height >= 17 else 0}


def _prices(frame: Frame, scene: Scene, overlay: str, height: int, cursor: int | None) -> list[Row]:
    lines = _overlay(frame, overlay)
    scale = Scale.of(
        [*frame.values("high"), *frame.values("low"), *_held(frame, scene.stops)], height, 0.03
    )
    canvas = Canvas(frame.width, height)
    _candles(canvas, frame, scale)
    _fills(canvas, frame, scene, scale)
    for values, style, dotted in lines:
        points = [(frame.x(frame.first + n), scale.at(value)) for n, value in enumerate(values)]
        canvas.line(points, style, dotted=dotted)
    for index, stop in _stops(frame, scene.stops):
        at = scale.row(stop)
        if at is not None:
            for x in range(frame.x(index), frame.x(index) + frame.step):
                canvas.put_under(x, at, "┄", "warn")
    _crosshair(canvas, frame, cursor)
    ticks = {scale.row(price): f.money(price) for price in price_ticks(scale)}
    labels = _labels(scene, scale)
    return [
        _row(ticks.get(y, ""), "┤" if y in ticks else "│", line, labels.get(y), frame)
        for y, line in enumerate(canvas.rows())
    ]


def _overlay(frame: Frame, overlay: str) -> list[tuple[Sequence[float | None], str, bool]]:
    if overlay == "bands":
        names = (("upper_band", "dim", False), ("lower_band", "dim", False),
                 ("middle_band", "accent", True))  # fmt: skip
    elif overlay == "averages":
        names = (("ema", "accent", False), ("sma", "blue", False))  # type: ignore[assignment]
    else:
        return []
    return [(frame.line(name), style, dotted) for name, style, dotted in names]


def _candles(canvas: Canvas, frame: Frame, scale: Scale) -> None:
    columns = zip(*(frame.values(name) for name in ("open", "high", "low", "close")), strict=True)
    for n, (open_, high, low, close) in enumerate(columns):
        x = frame.x(frame.first + n)
        wick = (scale.y(high), scale.y(low))
        body = (scale.y(max(open_, close)), scale.y(min(open_, close)))
        canvas.candle(x, wick, body, "up" if close >= open_ else "down", hollow=close >= open_)


def _fills(canvas: Canvas, frame: Frame, scene: Scene, scale: Scale) -> None:
    """Put B under the bar's low and S over its high; what has no room stands on the bar."""
    for index, marks in scene.marks.items():
        if not frame.first <= index < frame.last:
            continue
        for sign, edge, by in (
            ("B", frame.chart.low[index], 1),
            ("S", frame.chart.high[index], -1),
        ):
            if any(mark.sign == sign for mark in marks):
                y = min(canvas.height - 1, max(0, int(scale.y(edge)) + by))
                canvas.put(frame.x(index), y, sign, "buy" if sign == "B" else "sell")


def _held(frame: Frame, stops: Sequence[Level]) -> list[float]:
    """Return the stops near enough to the prices to be worth the room: within half their range."""
    if not frame.values("high"):
        return []
    low, high = min(frame.values("low")), max(frame.values("high"))
    reach = (high - low) / 2
    return [price for _, price in _stops(frame, stops) if low - reach <= price <= high + reach]


def _stops(frame: Frame, stops: Sequence[Level]) -> list[tuple[int, float]]:
    """Return (bar, stop) for the bars that show over which a stop rested."""
    if not stops:
        return []
    begins = [int(level.at.timestamp()) for level in stops]
    found = []
    for index in range(frame.first, frame.last):
        place = bisect_right(begins, frame.chart.known_at[index] - 1) - 1
        if place >= 0:
            found.append((index, stops[place].price))
    return found


def _labels(scene: Scene, scale: Scale) -> dict[int, tuple[str, str]]:
    """Return the texts at the right by row; one that finds its row taken goes to the next."""
    found: dict[int, tuple[str, str]] = {}
    for price, text, style in scene.labels:
        at = scale.row(price)
        if at is None:
            continue
        for y in (at, at + 1, at - 1):
            if 0 <= y < scale.rows and y not in found:
                found[y] = (text, style)
                break
    return found


def _lane(frame: Frame, scene: Scene, cursor: int | None) -> Row:
    """Return the row of signs of what happened when."""
    canvas = Canvas(frame.width, 1)
    for index, marks in scene.marks.items():
        if frame.first <= index < frame.last:
            sign, style = shown_sign(marks)
            canvas.put(frame.x(index), 0, sign, style)
    _crosshair(canvas, frame, cursor)
    return _row("", "│", canvas.rows()[0], None, frame)


def _times(frame: Frame, cursor: int | None) -> Row:
    canvas = Canvas(frame.width, 1)
    canvas.write(0, 0, "─" * frame.width, "dim")
    shown = frame.chart.start[frame.first : frame.last]
    for n, label in time_ticks(shown, frame.chart.interval, frame.step):
        x = frame.x(frame.first + n)
        if x + len(label) < frame.width:
            canvas.write(x, 0, f"┴{label}", "dim")
    if cursor is not None and frame.first <= cursor < frame.last:
        canvas.put(frame.x(cursor), 0, "┻", "bold")
    return _row("", "└", canvas.rows()[0], None, frame)


def _volume(frame: Frame, height: int, cursor: int | None) -> list[Row]:
    canvas = Canvas(frame.width, height)
    volumes = frame.values("volume")
    most = max(volumes, default=0.0) or 1.0
    pairs = zip(frame.values("open"), frame.values("close"), volumes, strict=True)
    for n, (open_, close, volume) in enumerate(pairs):
        eighths = round(volume / most * height * 8)
        style = "up" if close >= open_ else "down"
        for y in range(height):
            part = min(8, max(0, eighths - (height - 1 - y) * 8))
            if part:
                canvas.put(frame.x(frame.first + n), y, VOLUME[part], style)
    _crosshair(canvas, frame, cursor)
    at = cursor if cursor is not None else frame.last - 1
    shown = f"{short_count(frame.chart.volume[at])}" if 0 <= at < len(frame.chart) else ""
    return [
        _row("volume" if y == 0 else "", "│", line, (shown, "dim") if y == 0 else None, frame)
        for y, line in enumerate(canvas.rows())
    ]


def _rsi(frame: Frame, height: int, cursor: int | None) -> list[Row]:
    scale = Scale(low=10.0, high=90.0, rows=height)
    canvas = Canvas(frame.width, height)
    values = frame.line("rsi")
    clipped = (min(89.0, max(11.0, value)) if value is not None else None for value in values)
    canvas.line(
        [(frame.x(frame.first + n), scale.at(value)) for n, value in enumerate(clipped)], "blue"
    )
    for level in LEVELS:
        _rule(canvas, scale.row(level))
    _crosshair(canvas, frame, cursor)
    at = _at(frame, "rsi", cursor)
    notes = {scale.row(level): f"{level:.0f}" for level in LEVELS}
    style = "warn" if at is not None and not LEVELS[0] <= at <= LEVELS[1] else "bold"
    name = full_name(frame.chart, "rsi").upper()
    return [
        _row(
            name if y == 0 else notes.get(y, ""),
            "┤" if y in notes and y else "│",
            line,
            (f"{at:.0f}", style) if y == 0 and at is not None else None,
            frame,
        )
        for y, line in enumerate(canvas.rows())
    ]


def _macd(frame: Frame, height: int, cursor: int | None) -> list[Row]:
    lines = [frame.line(name) for name in ("macd", "macd_signal", "macd_histogram")]
    known = [abs(value) for values in lines for value in values if value is not None]
    reach = max(known, default=1.0) or 1.0
    scale = Scale(low=-reach, high=reach, rows=height)
    canvas = Canvas(frame.width, height)
    for n, value in enumerate(lines[2]):
        if value is not None:
            zero, end = scale.y(0.0), scale.y(value)
            style = "up" if value >= 0 else "down"
            canvas.bar(frame.x(frame.first + n), min(zero, end), max(zero, end), style)
    for values, style in ((lines[0], "blue"), (lines[1], "accent")):
        points = [(frame.x(frame.first + n), scale.at(value)) for n, value in enumerate(values)]
        canvas.line(points, style)
    _crosshair(canvas, frame, cursor)
    macd, signal = _at(frame, "macd", cursor), _at(frame, "macd_signal", cursor)
    notes: dict[int, tuple[str, str]] = {}
    if macd is not None:
        notes[0] = (f"{macd:+.3f}", "blue")
    if signal is not None:
        notes[1] = (f"{signal:+.3f} sig.", "accent")
    return [
        _row("MACD" if y == 0 else "", "│", line, notes.get(y), frame)
        for y, line in enumerate(canvas.rows())
    ]


def _rule(canvas: Canvas, y: int | None) -> None:
    if y is not None:
        for x in range(canvas.width):
            canvas.put_under(x, y, "┄", "dim")


def _crosshair(canvas: Canvas, frame: Frame, cursor: int | None) -> None:
    if cursor is not None and frame.first <= cursor < frame.last:
        for y in range(canvas.height):
            canvas.put_under(frame.x(cursor), y, "╎", "bold")


def _at(frame: Frame, name: str, cursor: int | None) -> float | None:
    """Return an indicator at the cursor, or at the newest bar that shows."""
    values = line_of(frame.chart, name)
    at = cursor if cursor is not None else frame.last - 1
    return values[at] if 0 <= at < len(values) else None


def _row(tick: str, axis: str, line: Line, label: tuple[str, str] | None, frame: Frame) -> Row:
    spans: list[Span] = [(f.fit(tick, AXIS - 1, "right"), "dim"), (axis, "dim"), *line]
    text, style = label or ("", "")
    spans.append((f.fit(f" {text}", frame.gutter), style))
    return row(*spans)


def short_count(value: float) -> str:
    """Return a number of shares in few cells: 950, 12.3k, 4.56M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.0f}"
