"""Predictions over a history, session block by session block, from the disk where they are there.

A block is one ``.npz`` of plain arrays (never pickle), written whole or not at all, so an
interrupted run goes on where it was. The folder's name is a hash of all that the figures depend on:
the model's manifest, every bar, headline score and split, the code of tier 2 and the libraries that
compute.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.model_files import Manifest, Model
from hybrid_tui.ml.prediction_table import (
    Answer,
    PredictionTable,
    from_arrays,
    tabulated,
    to_arrays,
)
from hybrid_tui.ml.predictor import Score, predict_history, score_news
from hybrid_tui.ml.sentiment import sentiment_events
from hybrid_tui.ml.ticks import EVERY_MINUTES, Ticks, session_ticks, sessions_between

SESSIONS_A_BLOCK = 16
MOST_BYTES = 2 * 1024**3
PARTIAL = ".partial"
CODE = ("ml/*.py", "domain/bars.py", "domain/calendar.py", "domain/splits.py", "market/calendar.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedHistory:
    """What tier 2 is asked over a history: the model, the bars, and what else it may know.

    ``load`` gives the model when a block is not on the disk; importing torch takes a second.
    ``fingerprint`` stands for ``series``.
    """

    manifest: Manifest
    load: Callable[[], Model]
    series: Mapping[str, BarSeries]
    fingerprint: str
    calendar: TradingCalendar
    begins_at: datetime
    news: Sequence[NewsItem] = ()
    score: Score | None = None
    actions: Sequence[CorporateAction] = ()
    every_minutes: int = EVERY_MINUTES


def predicted_blocks(
    asked: PredictedHistory,
    folder: Path | None,
    warn: Callable[[str], None],
    making: Callable[[datetime], None] | None = None,
) -> Iterator[PredictionTable]:
    """Yield the predictions of all instants after ``begins_at``, oldest first, in bounded memory.

    ``folder`` (None: nothing is kept) holds the blocks of all histories; a file in it that cannot
    be what it claims to be is reported to ``warn`` and made anew. ``making`` is told the instants
    whose predictions are made, and not taken from there.
    """
    scores = score_news(asked.news, asked.score) if asked.score is not None else {}
    blocks = _blocks(asked)
    kept = _open(folder, asked, scores, warn) if folder is not None and blocks else None
    symbols = sorted(asked.series)
    members = [member.name for member in asked.manifest.members]
    answers: Iterator[Answer] | None = None
    since = asked.begins_at
    for number, ticks in enumerate(blocks):
        path = kept / f"{number:04}.npz" if kept is not None else None
        table = _read(path, symbols, ticks, len(members), warn) if path is not None else None
        if table is None:
            if answers is None:
                if making is not None:
                    making(since)
                answers = predict_history(
                    asked.load(),
                    asked.series,
                    asked.calendar,
                    since,
                    news=asked.news,
                    score=(lambda items: [scores[item.id] for item in items]) if scores else None,
                    actions=asked.actions,
                    every_minutes=asked.every_minutes,
                )
                answers = _followed(answers, making) if making is not None else answers
            table = tabulated(answers, symbols, ticks.at, ticks.horizon_end, members)
            if path is not None:
                _write(path, table, warn)
        else:
            answers = None
        since = datetime.fromtimestamp(int(ticks.at[-1]), UTC)
        yield table
    if folder is not None and kept is not None:
        tidy(folder, kept)


def _followed(answers: Iterator[Answer], making: Callable[[datetime], None]) -> Iterator[Answer]:
    for answer in answers:
        making(answer.at)
        yield answer


def _blocks(asked: PredictedHistory) -> list[Ticks]:
    """Return the instants of each block, those of ``predict_history``."""
    filled = [bars for bars in asked.series.values() if len(bars)]
    if not filled:
        return []
    first = min(int(bars.start[0]) for bars in filled)
    first = max(first, int(asked.begins_at.timestamp()))
    last = max(int(bars.known_at[-1]) for bars in filled)
    sessions = sessions_between(asked.calendar, first, last)
    blocks = []
    for begin in range(0, len(sessions), SESSIONS_A_BLOCK):
        ticks = session_ticks(sessions[begin : begin + SESSIONS_A_BLOCK], asked.every_minutes)
        ticks = ticks.take((ticks.at > first) & (ticks.at <= last))
        if len(ticks):
            blocks.append(ticks)
    return blocks


def cache_key(asked: PredictedHistory, scores: Mapping[str, float]) -> str:
    """Return a hash of everything that the figures depend on."""
    digest = hashlib.sha256()

    def put(*words: object) -> None:
        digest.update("\0".join(map(str, words)).encode() + b"\n")

    package = Path(__file__).parents[1]
    for pattern in CODE:
        for path in sorted(package.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    put(*(version(name) for name in ("torch", "numpy", "exchange_calendars")))
    put(asked.manifest.model_dump_json())
    put(asked.fingerprint, asked.begins_at.isoformat(), asked.every_minutes, SESSIONS_A_BLOCK)
    for symbol in sorted(asked.series):
        known = asked.series[symbol].known_at
        put(symbol, len(known), hashlib.sha256(known.tobytes()).hexdigest())
    for symbol, events in sorted(sentiment_events(asked.news, scores).items()):
        digest.update(symbol.encode() + events.at_seconds.tobytes() + events.score.tobytes())
    for action in sorted(asked.actions, key=lambda action: (action.ex_at, action.symbol)):
        put(action.symbol, action.ex_at.isoformat(), action.ratio.hex())
    return digest.hexdigest()[:32]


def _open(
    folder: Path,
    asked: PredictedHistory,
    scores: Mapping[str, float],
    warn: Callable[[str], None],
) -> Path | None:
    kept = folder / cache_key(asked, scores)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        os.utime(kept)
    except OSError as error:
        warn(f"predictions are not kept: {kept}: {error.strerror or error}")
        return None
    return kept


def _read(
    path: Path, symbols: Sequence[str], ticks: Ticks, members: int, warn: Callable[[str], None]
) -> PredictionTable | None:
    """Return a block, or None where there is none that can be used."""
    try:
        with np.load(path, allow_pickle=False) as file:
            table = from_arrays({name: file[name] for name in file.files}, members)
        if table.symbols != tuple(symbols) or not np.array_equal(table.at, ticks.at):
            raise ValueError("it is of other symbols or instants")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        warn(f"{path} is damaged and made anew: {error}")
        return None
    return table


def _write(path: Path, table: PredictionTable, warn: Callable[[str], None]) -> None:
    partial = path.with_name(f"{path.stem}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            np.savez(file, **to_arrays(table))  # type: ignore[arg-type]
        partial.replace(path)
    except OSError as error:
        warn(f"predictions are not kept: {path}: {error.strerror or error}")
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def tidy(folder: Path, used: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was used longest ago until the rest fits; ``used`` always stays."""
    found = []
    for kept in folder.iterdir():
        if kept.is_dir() and kept != used:
            with suppress(OSError):
                found.append((kept.stat().st_mtime, kept, _bytes_in(kept)))
    room = most_bytes - _bytes_in(used)
    for _, kept, size in sorted(found, reverse=True):
        room -= size
        if room < 0:
            shutil.rmtree(kept, ignore_errors=True)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with suppress(OSError):
            total += path.stat().st_size
    return total
