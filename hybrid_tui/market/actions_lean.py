"""Splits and dividends out of Lean's factor files, under the ticker that was in force."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.market.actions import ex_instant, merge_actions

FORMAT = "a row is: date as YYYYMMDD, price factor, split factor, last raw close"
FACTORS, MAPS = "factor_files", "map_files"
TOLERANCE = 2e-4
LEAST_AMOUNT = 0.0005
MOST_PARTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    day: date
    price: float
    split: float
    close: float


def read_lean_actions(paths: Sequence[Path], calendar: TradingCalendar) -> list[CorporateAction]:
    """Read factor files, folders of them, or a folder that holds ``factor_files``.

    A factor row holds up to and including its date, so an action's ex-date is the session after
    it. Where ``map_files`` lies beside the factor files an action gets the ticker of its day.
    Raises DataError naming file and line.
    """
    groups = []
    for path in _expand(paths):
        rows = _rows(path)
        names = _tickers(path)
        actions = []
        for before, after in pairwise(rows):
            action = _action(path.stem.upper(), before, after, calendar)
            if action is not None:
                day = action.ex_at.astimezone(NEW_YORK).date()
                ticker = next((name for last, name in names if day <= last), action.symbol)
                actions.append(
                    CorporateAction(
                        symbol=ticker,
                        ex_at=action.ex_at,
                        ratio=action.ratio,
                        amount=action.amount,
                    )
                )
        groups.append(actions)
    return merge_actions(*groups)


def _expand(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, None] = {}
    for path in paths:
        folder = path / FACTORS if (path / FACTORS).is_dir() else path
        if folder.is_dir():
            inside = sorted(folder.glob("*.csv"))
            if not inside:
                raise DataError(f"{folder} holds no factor files", hint=FORMAT)
            files |= dict.fromkeys(inside)
        elif folder.exists():
            files[folder] = None
        else:
            raise DataError(f"{path} does not exist")
    return list(files)


def _lines(path: Path) -> list[list[str]]:
    try:
        return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _rows(path: Path) -> list[_Row]:
    rows = []
    for number, cells in enumerate(_lines(path), start=1):
        try:
            price, split, close = (float(cell) for cell in cells[1:4])
            day = datetime.strptime(cells[0], "%Y%m%d").date()  # noqa: DTZ007 - a date
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number}: {error}", hint=FORMAT) from error
        if not (0 < price < 1e6 and 0 < split < 1e6 and 0 <= close < 1e9):
            raise DataError(f"{path}, line {number}: a factor is out of range", hint=FORMAT)
        rows.append(_Row(day=day, price=price, split=split, close=close))
    return sorted(rows, key=lambda row: row.day)


def _tickers(path: Path) -> list[tuple[date, str]]:
    """Return the last dates of a security's tickers, oldest first; none without a map file."""
    table = path.parent.parent / MAPS / path.name
    if path.parent.name != FACTORS or not table.is_file():
        return []
    names = []
    for number, cells in enumerate(_lines(table), start=1):
        try:
            day = datetime.strptime(cells[0], "%Y%m%d").date()  # noqa: DTZ007 - a date
            names.append((day, cells[1].strip().upper()))
        except (ValueError, IndexError) as error:
            raise DataError(f"{table}, line {number}: {error}") from error
    return sorted(names)


def _action(
    symbol: str, before: _Row, after: _Row, calendar: TradingCalendar
) -> CorporateAction | None:
    ratio = _ratio(after.split / before.split)
    amount = before.close * (1 - before.price / after.price)
    if abs(amount) < LEAST_AMOUNT:
        amount = 0.0
    if ratio == 1.0 and amount == 0.0:
        return None
    session = calendar.next_session(ex_instant(before.day + timedelta(days=1)))
    return CorporateAction(
        symbol=symbol, ex_at=ex_instant(session.day), ratio=ratio, amount=round(amount, 6)
    )


def _ratio(found: float) -> float:
    """Return the split that a quotient of rounded factors means: 6.99999 is 7, 0.66667 is 2/3."""
    near = float(Fraction(found).limit_denominator(MOST_PARTS))
    return near if near and abs(found / near - 1) < TOLERANCE else found
