"""A run's document as lines, and two of them compared day by day.

Imports NumPy: to be called in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybrid_tui.analysis.comparison import comparison_lines, differences_to
from hybrid_tui.analysis.plots import line_plot
from hybrid_tui.analysis.summary_text import summary_lines

WIDTH = 78
Document = Mapping[str, Any]


def result_lines(document: Document) -> list[str]:
    """Return a result as ``hybrid-tui backtest`` prints it."""
    daily = [document["settings"]["cash"], *_closes(document).values()]
    return summary_lines(document, document["depth"], daily)


def compared_lines(first: Document, second: Document, names: tuple[str, str]) -> list[str]:
    """Return two runs side by side, and the second less the first over the days of both.

    Settings that differ are named below. ``names`` are what to call the runs.
    """
    mine, other = _returns(first), _returns(second)
    days = [day for day in mine if day in other]
    rows: list[dict[str, Any]] = []
    for name, document in zip(names, (first, second), strict=True):
        row = {
            "name": name,
            "available": True,
            "summary": document["summary"],
            "intervals": document["depth"]["intervals"],
        }
        if rows:
            row["difference"] = differences_to(
                document["summary"],
                np.asarray([other[day] for day in days]),
                first["summary"],
                np.asarray([mine[day] for day in days]),
                first["settings"]["seed"],
            )
        rows.append(row)
    lines = comparison_lines(rows, first["summary"]["benchmark"])
    lines += ["", f"intervals from the {len(days)} days of both runs, in pairs"]
    for name, document in zip(names, (first, second), strict=True):
        path = [document["settings"]["cash"], *_closes(document).values()]
        if len(path) > 2:
            plot = line_plot(path, width=WIDTH, height=6, label="{:,.0f}".format)
            lines += ["", f"{name}: equity at the close, dollars", *plot]
    return [*lines, "", *_differing(first["settings"], second["settings"], names)]


def _differing(one: Document, other: Document, names: tuple[str, str]) -> list[str]:
    keys = [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
    if not keys:
        return ["the settings are the same"]
    lines = [f"{'what differs':<28}{names[0]:>24}{names[1]:>24}"]
    for key in keys:
        lines.append(f"{key[:27]:<28}{_short(one.get(key)):>24}{_short(other.get(key)):>24}")
    return lines


def _short(value: object) -> str:
    text = "-" if value is None else ",".join(map(str, value)) if isinstance(value, list) else value
    return str(text)[:23]


def _closes(document: Document) -> dict[str, float]:
    """Return the last equity of each New York day (a run may have kept every bar)."""
    return {at[:10]: equity for at, equity in document["equity"]}


def _returns(document: Document) -> dict[str, float]:
    closes = _closes(document)
    path = np.asarray([document["settings"]["cash"], *closes.values()])
    return dict(zip(closes, (path[1:] / path[:-1] - 1).tolist(), strict=True))
