"""What several commands share: options of symbols, progress on stderr, lines for people."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand

from hybrid_tui.commands.bars import STORE
from hybrid_tui.errors import ConfigError, Interrupted

PROGRESS = "HYBRID_TUI_PROGRESS"


def split_symbols(text: str | None) -> list[str] | None:
    """Return the symbols of an ``A,B,...`` option; raises ConfigError where it names none."""
    if text is None:
        return None
    symbols = [symbol.strip().upper() for symbol in text.split(",") if symbol.strip()]
    if not symbols:
        raise ConfigError(f"--symbols {text!r} names no symbol", hint="such as --symbols NVDA,SPY")
    return symbols


def symbol_of(text: str) -> str:
    """Return a symbol as it is written everywhere; raises ConfigError where it cannot be one."""
    from hybrid_tui.config_fields import SYMBOL

    symbol = text.upper()
    if not re.fullmatch(SYMBOL, symbol):
        raise ConfigError(f"{text!r} is not a symbol", hint="such as NVDA or BRK-B")
    return symbol


class BareOptions(TyperCommand):
    """A command some of whose options may stand without a value: typer knows only flags or values.

    ``bare`` has the option and what it means alone; it takes the next word only if that is one of
    its values: a number, or a word of ``words``.
    """

    bare: ClassVar[Mapping[str, str]] = {"--check-causality": "all"}
    words: ClassVar[frozenset[str]] = frozenset({"all", "off"})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Fill in what a bare option means, then parse as ever."""
        filled: list[str] = []
        for place, word in enumerate(args):
            filled.append(word)
            if word in self.bare:
                following = args[place + 1] if place + 1 < len(args) else ""
                if not (following in self.words or following.lstrip("-").isdigit()):
                    filled.append(self.bare[word])
                    _check_place(word, following)
        return super().parse_args(ctx, filled)


def _check_place(option: str, word: str) -> None:
    """Raise ConfigError where what follows a bare option is not one of the data's places."""
    if word and not word.startswith("-") and word != STORE and not Path(word).exists():
        raise ConfigError(f"{option} {word!r} is neither a path nor N, all, off")


@contextmanager
def stoppable(where: Callable[[], str], left: str) -> Iterator[None]:
    """Turn Ctrl+C into Interrupted: ``where`` it came, in words, and what is ``left`` of it."""
    try:
        yield
    except KeyboardInterrupt:
        # The command ends with this: a second one would only cut off what it has to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise Interrupted(f"interrupted {where()}: {left}") from None


class ProgressLines:
    """Progress for a program that watches: JSON lines on stderr, where the environment asks for it.

    ``HYBRID_TUI_PROGRESS=json`` gives ``{"progress": "running", "share": 0.42}``, at most one for
    each hundredth of a phase.
    """

    def __init__(self) -> None:
        self._wanted = os.environ.get(PROGRESS) == "json"
        self._said: tuple[str, int] | None = None

    def say(self, phase: str, share: float) -> None:
        """Tell of a phase and the share of it that is done."""
        if not self._wanted or (phase, int(share * 100)) == self._said:
            return
        self._said = (phase, int(share * 100))
        sys.stderr.write(json.dumps({"progress": phase, "share": round(share, 4)}) + "\n")
        sys.stderr.flush()


@contextmanager
def progress(what: str, total: int) -> Iterator[Any]:
    """Give a function that passes items through and draws a bar on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        lines = ProgressLines()

        def follow(items: Iterable[Any]) -> Iterator[Any]:
            for done, item in enumerate(items):
                lines.say(what, done / max(total, 1))
                yield item

        yield follow
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
