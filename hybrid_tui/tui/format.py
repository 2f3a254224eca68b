"""Figures, times and small pictures as text. Pure: nothing here knows the desk."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from rich.cells import cell_len, set_cell_size

from hybrid_tui.domain.calendar import NEW_YORK

BLOCKS = " ▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])?")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return untrusted text as one line without escapes, control, bidi or zero-width characters."""
    plain = _ESCAPES.sub("", text)
    spaced = (" " if character.isspace() else character for character in plain)
    return "".join(c for c in spaced if unicodedata.category(c) not in _UNPRINTABLE)


def clean(text: str) -> str:
    """Return untrusted text as one line, made printable, runs of spaces made one."""
    return " ".join(printable(text).split())


def fit(text: str, width: int, align: str = "left") -> str:
    """Return text cut (with an ellipsis) or padded to ``width`` cells."""
    if width <= 0:
        return ""
    cells = cell_len(text)
    if cells > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - cells)
    return padding + text if align == "right" else text + padding


def wrap(text: str, width: int) -> list[str]:
    """Return text broken at spaces into lines of at most ``width`` cells."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while cell_len(word) > width > 0:
            if line:
                lines.append(line)
                line = ""
            head = set_cell_size(word, width).rstrip()
            lines.append(head)
            word = word[len(head) :]
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def money(value: float) -> str:
    """Return dollars with two decimals: 101,842.15."""
    return f"{value:,.2f}"


def signed(value: float) -> str:
    """Return dollars with two decimals and a sign: +214.50; nothing for zero."""
    return f"{value:+,.2f}" if round(value, 2) else "0.00"


def arrow(value: float) -> str:
    """Return ▲ or ▼ for a value that shows as more or less than nothing, else a space."""
    shown = round(value, 1)
    return "▲" if shown > 0 else "▼" if shown < 0 else " "


def percent(fraction: float, *, sign: bool = False) -> str:
    """Return a fraction as per cent with one decimal: 3.5 %, or +3.5 %."""
    value = round(fraction * 100, 1) or 0.0
    return f"{value:+.1f} %" if sign and value else f"{value:.1f} %"


def moved(fraction: float) -> str:
    """Return a change with its arrow: ▲ +1.1 %."""
    return f"{arrow(fraction * 100)} {percent(fraction, sign=True)}"


def direction(value: float) -> str:
    """Return the style of a gain or a loss."""
    return "up" if value > 0 else "down" if value < 0 else ""


def probability(value: float) -> str:
    """Return a probability as .71; 1 is 1.0."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text[:3]


def score(value: float) -> str:
    """Return a sentiment from -1 to 1 as +.80."""
    return ("-" if round(value, 2) < 0 else "+") + probability(abs(value))


def quantity(value: float) -> str:
    """Return a number of shares: whole where it is whole."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"


def span(duration: timedelta) -> str:
    """Return a length of time in at most two units: 2s, 1m58, 5h18, 2d3h."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600}h"


def countdown(duration: timedelta) -> str:
    """Return a length of time as a clock that runs down: 21:53."""
    seconds = max(0, math.ceil(duration.total_seconds()))
    if seconds >= 3600:
        return span(timedelta(seconds=seconds))
    return f"{seconds // 60}:{seconds % 60:02d}"


def new_york(instant: datetime, pattern: str = "%H:%M:%S") -> str:
    """Return an instant on New York's clock."""
    return instant.astimezone(NEW_YORK).strftime(pattern)


def local(instant: datetime, zone: tzinfo | None) -> str | None:
    """Return an instant on the local clock, or None where that is New York's."""
    here = instant.astimezone(zone)
    if here.utcoffset() == instant.astimezone(NEW_YORK).utcoffset():
        return None
    return here.strftime("%H:%M")


def gauge(fraction: float, width: int) -> str:
    """Return a bar of ``width`` cells filled to a fraction, in eighths of a cell."""
    eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (BLOCKS[rest] if rest else "")
    return bar.ljust(width)


def ticked_gauge(fraction: float, width: int, tick: float) -> str:
    """Return a bar whose empty part is dotted, with a tick standing at ``tick``."""
    bar = list(gauge(fraction, width).replace(" ", NOTHING))
    at = min(width - 1, max(0, int(tick * width)))
    bar[at] = "│" if bar[at] == NOTHING else "┃"
    return "".join(bar)


def spark(values: Sequence[float], width: int) -> str:
    """Return the last ``width`` values as a line of small columns."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high - low <= abs(high) * 1e-9:
        return SPARKS[3] * len(shown)
    step = (high - low) / (len(SPARKS) - 1)
    return "".join(SPARKS[round((value - low) / step)] for value in shown)


def thinned(values: Sequence[float], most: int) -> list[float]:
    """Return at most ``most`` of the values, evenly chosen, the last always."""
    if len(values) <= most or most <= 0:
        return list(values)
    step = len(values) / most
    return [values[int((index + 1) * step) - 1] for index in range(most)]


def names(symbols: Sequence[str], most: int = 6) -> str:
    """Return symbols as a list in words, the rest counted."""
    listed = ", ".join(symbols[:most])
    return f"{listed} and {len(symbols) - most} more" if len(symbols) > most else listed
