"""The XNYS calendar from exchange_calendars, kept as a small table so that starting is quick."""

from __future__ import annotations

import json
import logging
import warnings
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from hybrid_tui.atomic import written_whole
from hybrid_tui.domain.calendar import Session, TradingCalendar

log = logging.getLogger(__name__)

FIRST_DAY = "1990-01-01"
LAST_DAY = "2030-12-31"


def _from_library() -> list[tuple[str, int, int]]:
    import exchange_calendars

    with warnings.catch_warnings():
        # The library's own use of pandas; it is not for the person at the screen.
        warnings.simplefilter("ignore")
        calendar = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY)
        schedule = calendar.schedule
    return [
        (str(day.date()), int(opens.timestamp()), int(closes.timestamp()))
        for day, opens, closes in zip(
            schedule.index, schedule["open"], schedule["close"], strict=True
        )
    ]


def xnys(cache: Path | None = None) -> TradingCalendar:
    """Return every XNYS session from 1990 to 2030.

    ``cache`` is a folder for the table; importing the library (with pandas) takes most of a second,
    reading the table a few milliseconds. A table that cannot be read or written is made anew.
    """
    table: list[tuple[str, int, int]] | None = None
    path = cache / f"xnys-{version('exchange_calendars')}-{LAST_DAY}.json" if cache else None
    if path is not None and path.exists():
        try:
            table = [(str(d), int(o), int(c)) for d, o, c in json.loads(path.read_text())]
        except (OSError, ValueError) as error:
            log.warning("calendar table %s is not readable (%s); making it anew", path, error)
    if not table:
        table = _from_library()
        if path is not None:
            _write(path, table)
    return TradingCalendar(
        [
            Session(
                day=date.fromisoformat(day),
                open=datetime.fromtimestamp(opens, UTC),
                close=datetime.fromtimestamp(closes, UTC),
            )
            for day, opens, closes in table
        ]
    )


def _write(path: Path, table: list[tuple[str, int, int]]) -> None:
    try:
        with written_whole(path) as partial:
            partial.write_text(json.dumps(table))
    except OSError as error:
        log.warning("calendar table %s cannot be written: %s", path, error)
