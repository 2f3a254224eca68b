"""When companies are expected to report, asked about once a day and kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from hybrid_tui.atomic import written_whole
from hybrid_tui.errors import DataError, HybridError, Retryable

log = logging.getLogger(__name__)

LIFE = timedelta(days=1)


class EarningsSource(Protocol):
    """Who knows when a company reports."""

    def earnings_dates(self, symbol: str) -> list[date]:
        """Return the New York dates on which the next release is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsDates:
    """The New York dates (one, or a first and last) between which the next release is expected.

    ``asked_at`` says when that was so; ``error`` why it could not be asked now.
    """

    symbol: str
    dates: tuple[date, ...]
    asked_at: AwareDatetime | None
    error: HybridError | None = None


_KEPT = TypeAdapter(dict[str, tuple[AwareDatetime, tuple[date, ...]]])


def earnings_dates(
    source: EarningsSource,
    symbols: Sequence[str],
    cache: Path,
    now: datetime,
    *,
    life: timedelta = LIFE,
) -> list[EarningsDates]:
    """Return the symbols' next earnings dates; what was asked within ``life`` comes from ``cache``.

    An error of one symbol stands in its item, beside what is kept of it; where the service itself
    fails (Retryable) the rest is not asked for.
    """
    kept = _read(cache)
    found: list[EarningsDates] = []
    down: Retryable | None = None
    for symbol in symbols:
        asked_at, dates = kept.get(symbol, (None, ()))
        error: HybridError | None = None
        if asked_at is None or not timedelta(0) <= now - asked_at < life:
            try:
                if down is not None:
                    raise down
                dates, asked_at = tuple(source.earnings_dates(symbol)), now
                kept[symbol] = (asked_at, dates)
            except Retryable as caught:
                error = down = caught
            except DataError as caught:
                error = caught
        found.append(EarningsDates(symbol=symbol, dates=dates, asked_at=asked_at, error=error))
    _write(cache, kept)
    return found


def kept_earnings(cache: Path, now: datetime) -> dict[str, tuple[date, ...]]:
    """Return the dates that were known at ``now`` and are not over, by symbol; asks nobody."""
    return {
        symbol: dates
        for symbol, (asked_at, dates) in _read(cache).items()
        if dates and asked_at <= now and dates[-1] >= now.date()
    }


def _read(cache: Path) -> dict[str, tuple[datetime, tuple[date, ...]]]:
    try:
        return _KEPT.validate_json(cache.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        log.warning(
            "%s does not hold earnings dates (%s); asking again", cache, type(error).__name__
        )
        return {}


def _write(cache: Path, kept: dict[str, tuple[datetime, tuple[date, ...]]]) -> None:
    try:
        with written_whole(cache) as partial:
            partial.write_bytes(_KEPT.dump_json(kept))
    except OSError as error:
        log.warning("%s cannot be kept: %s", cache, error)
