"""What a backtest shows while it runs, and at its end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import typer

from hybrid_tui.commands.common import ProgressLines
from hybrid_tui.domain.instants import iso


class Progress:
    """Follows a run: a bar on stderr where it is a terminal, and how far it came."""

    def __init__(self, begins_at: datetime, ends_at: datetime, name: str = "backtest") -> None:
        self._name = name
        self._begins_at = begins_at
        self._span = max((ends_at - begins_at).total_seconds(), 1.0)
        self._reached = begins_at
        self._predicted: datetime | None = None
        self._bar: Any = None
        self._lines = ProgressLines()

    @property
    def reached(self) -> str:
        """How far the run came, in words."""
        if self._predicted is not None:
            return (
                f"while predicting, {self._share(self._predicted):.0%} of the predictions made"
                " (the cache keeps those of finished blocks)"
            )
        return f"at {self._reached:%Y-%m-%d %H:%M} UTC, {self._share(self._reached):.0%} of the way"

    def predicting(self, at: datetime) -> None:
        """Note that tier 2 makes the predictions of an instant, ahead of the run."""
        self._predicted = at
        self._lines.say("predicting", self._share(at))

    def _share(self, at: datetime) -> float:
        return min(1.0, (at - self._begins_at).total_seconds() / self._span)

    def __enter__(self) -> Callable[[datetime], None]:
        if not sys.stderr.isatty():
            return self._follow
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn(f"{self._name} {{task.description}}"),
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
            self._note(now)
            if (now - shown).total_seconds() >= self._span / 500:
                shown = now
                done = (now - self._begins_at).total_seconds()
                self._bar.update(task, completed=done, description=f"{now:%Y-%m-%d}")

        return advance

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _note(self, now: datetime) -> None:
        self._reached, self._predicted = now, None

    def _follow(self, now: datetime) -> None:
        self._note(now)
        self._lines.say("running", self._share(now))


def print_summary(document: dict[str, Any], depth: dict[str, Any], daily: Sequence[float]) -> None:
    """Print a backtest for a person; warnings go to stderr.

    ``daily`` is the cash at the start, then equity at session closes.
    """
    from hybrid_tui.analysis.summary_text import summary_lines

    encoding = (sys.stdout.encoding or "ascii").lower()
    for line in summary_lines(document, depth, daily, braille=encoding.startswith("utf")):
        typer.echo(line)
    print_warnings(document)


def print_warnings(document: dict[str, Any]) -> None:
    """Print a backtest's warnings on stderr, a line each."""
    for warning in document["warnings"]:
        typer.echo(f"warning: {warning}", err=True)


def run_log(document: dict[str, Any], begun_at: datetime) -> list[str]:
    """Return the lines of a run's log: what ran over what, how long it took, and its warnings."""
    settings, summary = document["settings"], document["summary"]
    return [
        f"begun {iso(begun_at)}, {summary['seconds']:.3f} s",
        f"hybrid-tui {settings['code_version']}, path {settings['path']}, seed {settings['seed']}",
        f"{summary['bars']:,} bars of {len(settings['symbols'])} symbols, {settings['interval']} s"
        f" each, feed {settings['feed']}, fingerprint {settings['data_fingerprint']}",
        f"{settings['first_bar']} to {settings['last_bar_known_at']}",
        f"tiers {','.join(settings['tiers'])}, models {settings['model_ids']}",
        f"llm {settings['llm']}; {summary['trades']} trades",
        *(f"warning: {warning}" for warning in document["warnings"]),
    ]


def print_walk(document: dict[str, Any]) -> None:
    """Print the folds of a walk-forward, if there was one."""
    if "walk_forward" not in document:
        return
    typer.echo(
        f"{'tested from':<12}{'in sample':>10}{'out':>8}{'return':>9}{'trades':>8}  settings"
    )
    for row in document["walk_forward"]:
        one, two = row["in_sample_sharpe"], row["out_of_sample_sharpe"]
        typer.echo(
            f"{row['tested_on'][0][:10]:<12}{'-' if one is None else f'{one:.2f}':>10}"
            f"{'-' if two is None else f'{two:.2f}':>8}{row['out_of_sample_return']:>+9.2%}"
            f"{row['trades']:>8}  {', '.join(row['settings'])}"
        )
    chained = document["walk_forward_summary"]
    ratio, interval = chained["sharpe"], chained["sharpe_ci95"]
    between = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    typer.echo(
        f"out of sample, {chained['days']} days chained: Sharpe"
        f" {'-' if ratio is None else f'{ratio:.2f}'}{between},"
        f" return {chained['total_return']:+.2%}, drawdown {chained['max_drawdown']:.2%}"
    )
