"""The runs that were made from the screen, each a file beside the journal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hybrid_tui.atomic import written_whole
from hybrid_tui.errors import DataError

log = logging.getLogger(__name__)

HEAD = ".head.json"
HEADLINES = ("total_return", "sharpe", "max_drawdown", "trades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run: its name, the options that made it, and its headline figures."""

    name: str
    words: tuple[str, ...]
    tiers: str
    symbols: int
    first: str
    last: str
    figures: Mapping[str, float | None]


class RunFolder:
    """Saved runs, newest first; a head beside each document makes the list quick."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def runs(self) -> list[Run]:
        """Return the runs; a file that cannot be read is left out and logged."""
        found = []
        for path in sorted(self._folder.glob(f"*{HEAD}"), reverse=True):
            try:
                head = json.loads(path.read_text(encoding="utf-8"))
                found.append(Run(**{**head, "words": tuple(head["words"])}))
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.warning("%s: not a run: %s", path, error)
        return found

    def save(self, words: Sequence[str], document: Mapping[str, Any], at: datetime) -> Run:
        """Keep a run; raises OSError where it cannot be written."""
        settings, summary = document["settings"], document["summary"]
        name, more = f"{at:%Y%m%d-%H%M%S}", 0
        while (self._folder / f"{name}{HEAD}").exists():
            more += 1
            name = f"{at:%Y%m%d-%H%M%S}-{more}"
        run = Run(
            name=name,
            words=tuple(words),
            tiers=",".join(settings["tiers"]),
            symbols=len(settings["symbols"]),
            first=settings["first_bar"][:10],
            last=settings["last_bar_known_at"][:10],
            figures={figure: summary[figure] for figure in HEADLINES},
        )
        head = {slot: getattr(run, slot) for slot in Run.__slots__}
        with written_whole(self._folder / f"{name}.json") as path:
            path.write_text(json.dumps(document), encoding="utf-8")
        with written_whole(self._folder / f"{name}{HEAD}") as path:
            path.write_text(json.dumps(head), encoding="utf-8")
        return run

    def document(self, name: str) -> dict[str, Any]:
        """Return a run's document; raises DataError where it cannot be read."""
        path = self._folder / f"{name}.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: {error}") from error
        if not isinstance(document, dict):
            raise DataError(f"{path}: not a backtest's document")
        return document

    def remove(self, name: str) -> None:
        """Remove a run."""
        for ending in (HEAD, ".json"):
            (self._folder / f"{name}{ending}").unlink(missing_ok=True)
