"""What several commands share: options of symbols, progress on stderr, lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from hybrid_tui.errors import ConfigError


def split_symbols(text: str | None) -> list[str] | None:
    """Return the symbols of an ``A,B,...`` option; raises ConfigError where it names none."""
    if text is None:
        return None
    symbols = [symbol.strip().upper() for symbol in text.split(",") if symbol.strip()]
    if not symbols:
        raise ConfigError(f"--symbols {text!r} names no symbol", hint="such as --symbols NVDA,SPY")
    return symbols


@contextmanager
def progress(what: str, total: int) -> Iterator[Any]:
    """Give a function that passes items through and draws a bar on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda items: items
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def track(items: Iterable[Any]) -> Iterator[Any]:
            for item in items:
                yield item
                bar.advance(task)

        yield track


def tell(lines: Sequence[str]) -> None:
    """Print lines on stderr."""
    for line in lines:
        typer.echo(line, err=True)
