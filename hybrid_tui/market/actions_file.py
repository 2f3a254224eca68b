"""A symbol's splits and dividends on disk: one small JSON file, replaced whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from hybrid_tui.atomic import written_whole
from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.errors import DataError
from hybrid_tui.market.actions import merge_actions

ACTIONS = "actions"
HINT = "remove the file and import its actions again"


def read_actions(path: Path, symbol: str) -> list[CorporateAction]:
    """Return the actions of a file, oldest first; none where there is no file.

    Raises DataError where it is not one of splits and dividends.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["actions"]
        return [
            CorporateAction(
                symbol=symbol,
                ex_at=datetime.fromisoformat(row["ex_at"]).astimezone(UTC),
                ratio=float(row["ratio"]),
                amount=float(row["amount"]),
            )
            for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a file of actions: {error}", hint=HINT) from error


def write_actions(path: Path, symbol: str, actions: Iterable[CorporateAction]) -> int:
    """Merge actions into a file and return how many were new; a crash leaves the old file."""
    known = read_actions(path, symbol)
    merged = merge_actions(known, actions)
    if len(merged) == len(known):
        return 0
    rows = [
        {"ex_at": action.ex_at.isoformat(), "ratio": action.ratio, "amount": action.amount}
        for action in merged
    ]
    try:
        with written_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
            json.dump({"symbol": symbol, "actions": rows}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        # After a fault or Ctrl+C; after the rename there is none.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return len(merged) - len(known)


def sync_folder(path: Path) -> None:
    """Make a rename durable where folders can be opened (they cannot on Windows)."""
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
