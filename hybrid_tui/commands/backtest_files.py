"""What a backtest leaves on disk: everything or nothing, in one folder."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.engine.backtest import Ledger

HTML = "backtest.html"
ELSEWHERE = ("settings", "trades", "equity")
TRADES = {
    "symbol": "string", "quantity": "float64", "entry_at": "timestamp", "entry_price": "float64",
    "entry_reason": "string", "exit_at": "timestamp", "exit_price": "float64",
    "exit_reason": "string", "fees": "float64", "pnl": "float64", "pnl_pct": "float64",
    "open": "bool",
}  # fmt: skip
EQUITY = {"at": "timestamp", "equity": "float64", "exposure": "float64"}
DAILY = {"at": "timestamp", "equity": "float64", "return": "float64", "drawdown": "float64"}


def check_folder(folder: Path | None, html: bool) -> None:
    """Raise ConfigError where results could not be written: before the work, not after it."""
    target = folder if folder is not None else Path.cwd() if html else None
    if target is None:
        return
    if target.exists() and not target.is_dir():
        raise ConfigError(f"--out {target} is not a folder")
    near = next(parent for parent in (target, *target.absolute().parents) if parent.exists())
    try:
        tempfile.TemporaryDirectory(prefix=".hybrid-tui-", dir=near).cleanup()
    except OSError as error:
        raise _unwritable(target, error) from error


def write_results(
    folder: Path,
    document: Mapping[str, Any],
    depth: Mapping[str, Any],
    ledger: Ledger,
    starting: float,
    *,
    log: Sequence[str],
    html: str | None,
) -> None:
    """Write a run into ``folder``: tables as Parquet and CSV, settings and summary as JSON, a log.

    The files are made beside the folder and moved into it when all are whole; those of a run before
    are replaced, anything else in the folder stays. ``starting`` is the cash at the start, dollars.
    Raises ConfigError where the folder cannot be written.
    """
    with _whole(folder) as made:
        _table(made / "trades", TRADES, document["trades"])
        _table(made / "equity", EQUITY, _equity_rows(ledger))
        _table(made / "daily", DAILY, _daily_rows(ledger, starting))
        _json(made / "settings.json", document["settings"])
        rest = {name: found for name, found in document.items() if name not in ELSEWHERE}
        _json(made / "summary.json", {**rest, "depth": depth})
        (made / "backtest.log").write_text("".join(f"{line}\n" for line in log), encoding="utf-8")
        if html is not None:
            (made / HTML).write_text(html, encoding="utf-8")


def write_page(folder: Path, html: str, name: str = HTML) -> Path:
    """Write a page into a folder, in place of one that is there already; return its path."""
    with _whole(folder) as made:
        (made / name).write_text(html, encoding="utf-8")
    return folder / name


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, and move what is in it to ``folder`` at the end, or nothing."""
    target = folder.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield made
        with _uninterrupted():
            target.mkdir(exist_ok=True)
            for path in sorted(made.iterdir()):
                path.replace(target / path.name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{folder} cannot be written: {error.strerror or error}",
        hint="--out DIR chooses another folder",
    )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let signals wait for the moment in which finished files are moved."""
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _json(path: Path, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _equity_rows(ledger: Ledger) -> list[dict[str, Any]]:
    marks = ledger.marks
    exposure = (marks.gross / marks.equity).tolist() if len(marks) else []
    return [
        {"at": at, "equity": equity, "exposure": share}
        for (at, equity), share in zip(marks.points(), exposure, strict=True)
    ]


def _daily_rows(ledger: Ledger, starting: float) -> list[dict[str, Any]]:
    rows, before, peak = [], starting, starting
    for at, equity in ledger.daily:
        peak = max(peak, equity)
        rows.append(
            {
                "at": at,
                "equity": equity,
                "return": equity / before - 1,
                "drawdown": equity / peak - 1,
            }
        )
        before = equity
    return rows


def _table(stem: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as Parquet with its types (UTC timestamps), and as CSV with ISO 8601 times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hybrid_tui.domain.instants import iso

    kinds = {
        "string": pa.string(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    arrays = [
        pa.array([_value(row[name], kind) for row in rows], kinds[kind])
        for name, kind in columns.items()
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), f"{stem}.parquet")
    with Path(f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            values = (row[name] for name in columns)
            writer.writerow(iso(v) if isinstance(v, datetime) else v for v in values)


def _value(value: Any, kind: str) -> Any:
    if kind == "timestamp" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value
