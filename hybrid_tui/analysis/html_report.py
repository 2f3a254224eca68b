"""Results as one self-contained HTML file: no script, no network, light and dark, escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from hybrid_tui.analysis.html_plots import svg_plot
from hybrid_tui.analysis.summary_text import FRACTIONS, MONTHS, NUMBERS, number, percent

MOST_TRADES = 2_000
COLUMNS = (
    "symbol", "quantity", "entry_at", "entry_price", "entry_reason", "exit_at", "exit_price",
    "exit_reason", "fees", "pnl", "pnl_pct",
)  # fmt: skip
STYLE = """
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #fff; --dim: #667; --rule: #d8dce2;
  --blue: #1f5fbf; --red: #b3261e; --green: #1a7f37; --soft: #f4f6f8; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e7eb; --bg: #14171b; --dim: #9aa3ad;
  --rule: #333a42; --blue: #7ab0ff; --red: #ff8a80; --green: #6fd08c; --soft: #1c2127; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } p { color: var(--dim); }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; } .wide { overflow-x: auto; }
.minus { color: var(--red); } .plus { color: var(--green); } li { margin: .2rem 0; }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
svg .end { text-anchor: end; } .grid { stroke: var(--rule); } polyline { fill: none; }
polyline.line0 { stroke: var(--blue); stroke-width: 1.5; } svg text.line0 { fill: var(--blue); }
polyline.line1 { stroke: var(--dim); } .area { fill: var(--red); opacity: .25; }
summary { cursor: pointer; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a report shows. ``daily`` is the cash at the start, then equity at session closes.

    ``held`` is what the same cash would have become in the benchmark; None: there is none.
    """

    title: str
    document: Document
    depth: Document
    daily: Sequence[float]
    closes: Sequence[str]
    held: Sequence[float] | None = None


def html_page(page: Page) -> str:
    """Return the whole page."""
    document, depth = page.document, page.depth
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f"<p>{escape(_span(document['settings']))}</p>",
        _warnings(document["warnings"]),
        "<h2>Summary</h2>",
        _summary(document["summary"], depth),
        *_plots(page),
        *_section("By month", _months(depth["months"])),
        *_section("By exit reason", _groups(depth["exit_reasons"], "exit_reason")),
        *_section("By symbol", _groups(depth["symbols"], "symbol")),
        *_section("By hour of entry, New York", _groups(depth["hours"], "hour")),
        *_section("Trades", _trades(document["trades"])),
        "<h2>Settings</h2>",
        _settings(document["settings"]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _span(settings: Document) -> str:
    symbols = ", ".join(settings["symbols"])
    tiers = ", ".join(settings["tiers"])
    first, last = settings["first_bar"], settings["last_bar_known_at"]
    return f"Tiers {tiers}; {settings['hybrid']}; {first} to {last}; {symbols}"


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return "<h2>Read this first</h2><ul>" + "".join(
        f"<li>{escape(text)}</li>" for text in warnings
    ) + "</ul>"  # fmt: skip


def _section(title: str, table: str) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", table] if table else []


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are markup already."""
    if not rows:
        return ""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{top}</tr>{lines}</table></div>'


def _signed(value: float | None, text: str) -> str:
    kind = "" if not value else ' class="plus"' if value > 0 else ' class="minus"'
    return f"<span{kind}>{escape(text)}</span>"


def _summary(summary: Document, depth: Document) -> str:
    benchmarks = depth["benchmarks"]
    rows = []
    for name in (*FRACTIONS, *NUMBERS):
        text = percent if name in FRACTIONS else number
        pair = depth["intervals"].get(name)
        interval = f"{text(pair[0])} to {text(pair[1])}" if pair else ""
        others = [text(found[name]) if name in found else "" for found in benchmarks.values()]
        rows.append([name.replace("_", " "), text(summary[name]), interval, *others])
    costs, adjusted = depth["costs"], depth["exposure_adjusted"]
    more = [
        ("trades", f"{summary['trades']:,}"),
        ("bought and sold, dollars", number(costs["traded"])),
        ("slippage and fees, dollars", number(costs["costs"])),
        ("slippage a fill that would leave nothing, bp", number(costs["break_even_bps"])),
        ("return per exposure", percent(adjusted["return_per_exposure"])),
        ("buy and hold at this exposure", percent(adjusted["benchmark_at_same_exposure"])),
    ]
    rows += [[name, value, "", *["" for _ in benchmarks]] for name, value in more]
    heads = ["", "this run", "95 % interval", *(name.replace("_", " ") for name in benchmarks)]
    cells = [[escape(cell) for cell in row] for row in rows]
    return _table(heads, cells) + f"<p>Intervals: {escape(depth['method'])}.</p>"


def _plots(page: Page) -> list[str]:
    if len(page.daily) < 2:
        return []
    path = np.asarray(page.daily, dtype=np.float64)
    lines = [("equity", path.tolist())]
    if page.held is not None:
        lines.append(("buy and hold", list(page.held)))
    below = (path / np.maximum.accumulate(path) - 1).tolist()
    return [
        "<h2>Equity at the close, dollars</h2>",
        svg_plot("equity", lines, page.closes, height=260, label="{:,.0f}".format),
        "<h2>Below the peak so far</h2>",
        svg_plot(
            "drawdown", [("", below)], page.closes, height=140, label="{:.1%}".format, fill=True
        ),
    ]


def _months(months: Sequence[Document]) -> str:
    years: dict[str, dict[int, float]] = {}
    for month in months:
        year, _, index = month["month"].partition("-")
        years.setdefault(year, {})[int(index)] = month["return"]
    rows = []
    for year, found in years.items():
        whole = float(np.prod([1 + value for value in found.values()])) - 1
        values = [*(found.get(index) for index in range(1, 13)), whole]
        rows.append(
            [year, *("" if v is None else _signed(v, percent(v, digits=1)) for v in values)]
        )
    return _table(["", *MONTHS, "year"], rows)


def _groups(groups: Sequence[Document], key: str) -> str:
    rows = [
        [
            escape(str(group[key])),
            f"{group['trades']:,}",
            "-" if group["win_rate"] is None else f"{group['win_rate']:.0%}",
            _signed(group["pnl"], f"{group['pnl']:+,.2f}"),
        ]
        for group in groups
    ]
    return _table([key.replace("_", " "), "trades", "win rate", "pnl, dollars"], rows)


def _trades(rows: Sequence[Document]) -> str:
    if not rows:
        return ""
    cells = [[_cell(row, name) for name in COLUMNS] for row in rows[-MOST_TRADES:]]
    left = len(rows) - len(cells)
    note = f"<p>The last {MOST_TRADES:,}; {left:,} before them are left out here.</p>" * (left > 0)
    heads = [name.replace("_", " ") for name in COLUMNS]
    return f"<details><summary>{len(rows):,} trades</summary>{note}{_table(heads, cells)}</details>"


def _cell(row: Document, name: str) -> str:
    value = row[name]
    if value is None:
        return "open" if name == "exit_reason" else "-"
    if name == "pnl_pct":
        return _signed(value, percent(value))
    if name == "pnl":
        return _signed(value, f"{value:+,.2f}")
    if isinstance(value, float):
        return escape(f"{value:,.4f}".rstrip("0").rstrip("."))
    return escape(str(value))


def _settings(settings: Document) -> str:
    rows = [[escape(name), escape(_plain(value))] for name, value in settings.items()]
    return f"<details><summary>{len(rows)} figures</summary>{_table(['', ''], rows)}</details>"


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return "-" if value is None else str(value)
