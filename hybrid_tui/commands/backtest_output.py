"""What a backtest shows while it runs, and at its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import typer


class Progress:
    """A progress bar on stderr where it is a terminal."""

    def __init__(self, begins_at: datetime, ends_at: datetime) -> None:
        self._begins_at = begins_at
        self._span = max((ends_at - begins_at).total_seconds(), 1.0)
        self._bar: Any = None

    def __enter__(self) -> Callable[[datetime], None] | None:
        if not sys.stderr.isatty():
            return None
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("backtest {task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        task = self._bar.add_task("", total=self._span)
        shown = self._begins_at

        def advance(now: datetime) -> None:
            nonlocal shown
            if (now - shown).total_seconds() >= self._span / 500:
                shown = now
                done = (now - self._begins_at).total_seconds()
                self._bar.update(task, completed=done, description=f"{now:%Y-%m-%d}")

        return advance

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def print_summary(document: dict[str, Any]) -> None:
    """Print a backtest's document for a person; warnings go to stderr."""
    from collections import Counter

    summary = document["summary"]
    typer.echo(f"tiers {','.join(document['settings']['tiers'])}   bars {summary['bars']:,}")
    for name in ("total_return", "cagr", "max_drawdown", "volatility", "exposure", "win_rate"):
        value = summary[name]
        typer.echo(f"{name:<16}{'-' if value is None else f'{value:+.2%}'}")
    for name in ("sharpe", "sortino", "profit_factor", "turnover", "fees", "slippage_cost"):
        value = summary[name]
        typer.echo(f"{name:<16}{'-' if value is None else f'{value:.2f}'}")
    reasons = Counter(row["exit_reason"] or "open" for row in document["trades"])
    counts = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
    typer.echo(f"{'trades':<16}{summary['trades']} ({counts})")
    for warning in document["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
