"""Text plots and summaries fit where they are shown, and lose no extreme."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.analysis.depth import depth_of
from hybrid_tui.analysis.plots import BRAILLE, line_plot
from hybrid_tui.analysis.summary_text import month_lines, summary_lines

from .builders import row


@given(
    st.lists(st.floats(-1e9, 1e9), max_size=400),
    st.integers(20, 120),
    st.integers(1, 12),
    st.booleans(),
)
def test_a_plot_has_its_size_whatever_the_values(
    values: list[float], width: int, height: int, braille: bool
) -> None:
    lines = line_plot(values, width=width, height=height, label="{:.0f}".format, braille=braille)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    assert braille or all(line.isascii() for line in lines)
    if values:
        assert any(ord(c) > BRAILLE or c == "*" for line in lines for c in line)


def test_a_line_goes_from_corner_to_corner() -> None:
    lines = line_plot(range(40), width=11, height=5, label=lambda _: "", braille=False)
    assert lines[0].endswith("  **")
    assert lines[-1].startswith(" **")
    firsts = [line.index("*") for line in lines]
    assert firsts == sorted(firsts, reverse=True)


def test_a_spike_between_columns_is_not_lost() -> None:
    values = [0.0] * 1000
    values[501] = 1.0
    assert "*" in line_plot(values, width=20, height=4, label=str, braille=False)[0]


def test_months_stand_under_their_names() -> None:
    months = [
        {"month": "2025-11", "return": 0.0123},
        {"month": "2025-12", "return": -0.2},
        {"month": "2026-01", "return": 0.0996},
    ]
    names, first, second = month_lines(months)
    assert first[names.index("Nov") : names.index("Nov") + 3] == "1.2"
    assert first[names.index("Dec") : names.index("Dec") + 3] == "-20"
    assert first.endswith("-19.0")
    assert second.split() == ["2026", "10", "+10.0"]


def document(trades: int = 40) -> tuple[dict[str, Any], dict[str, Any], list[float]]:
    """A made-up result of 300 days, its depth and its equity."""
    path = 100_000 * np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, 300))
    closes = [datetime(2025, 1, 2, 21, tzinfo=UTC) + timedelta(days=n) for n in range(300)]
    rows = [row(f"SYM{n % 12}", 10.0 - n, day=n) for n in range(trades)]
    figures = dict.fromkeys(
        ("cagr", "sharpe", "sortino", "volatility", "win_rate", "profit_factor"), -1234.5678
    )
    summary = {
        **figures,
        "total_return": 0.1,
        "max_drawdown": -0.2,
        "exposure": 0.5,
        "turnover": 1234.0,
        "trades": trades,
        "bars": 1_234_567,
        "fees": 12.0,
        "slippage_cost": 3456.78,
        "benchmark": {"total_return": 12.3456, "sharpe": None, "max_drawdown": -0.99},
    }
    depth = depth_of(
        rows=rows,
        daily=list(zip(closes, path.tolist(), strict=True)),
        starting=100_000.0,
        summary=summary,
        traded=1e6,
        seed=0,
        is_daily=False,
        benchmarks={"SPY": {"total_return": 0.2, "sharpe": 1.0, "max_drawdown": -0.1}},
    )
    settings = {
        "tiers": ["rules", "ml", "llm"],
        "hybrid": "hierarchical",
        "symbols": [f"SYM{n}" for n in range(12)],
        "first_bar": "2025-01-02T14:30:00Z",
        "last_bar_known_at": "2025-10-29T20:00:00Z",
        "seed": 0,
    }
    made = {
        "settings": settings,
        "summary": summary,
        "trades": rows,
        "equity": [],
        "warnings": ["only <b>40</b> closed trades"],
    }
    return made, depth, [100_000.0, *path.tolist()]


def test_a_summary_fits_into_80_columns() -> None:
    made, depth, daily = document()
    for braille in (True, False):
        lines = summary_lines(made, depth, daily, braille=braille)
        assert max(len(line) for line in lines) < 80
        assert not [line for line in lines if "\x1b" in line]
    text = "\n".join(lines)
    assert text.isascii()
    for part in ("total_return", "95 % interval", "buy and hold", "SPY", "by exit reason", "Jan"):
        assert part in text
    assert "(4 between)" in text


def test_a_run_without_trades_has_a_summary_too() -> None:
    made, depth, _ = document(trades=0)
    lines = summary_lines(made, depth, [100_000.0])
    assert "by symbol" not in "\n".join(lines)
