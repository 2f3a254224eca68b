"""Headlines from JSON lines: validated, cleaned, each story once."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    field_validator,
)

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import DataError
from hybrid_tui.market.stories import merge_news

SUFFIXES = (".jsonl", ".jsonl.gz")
SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=:/-]{0,15}")
FIELDS = "a line is {id, received_at, published_at?, symbols, headline, body?, source?, url?}"


def _only_text(value: object) -> object:
    """Keep numbers from being taken as epoch seconds (or milliseconds) by guesswork."""
    if value is not None and not isinstance(value, str):
        raise ValueError("must be ISO 8601 text with an offset, such as 2026-03-02T14:30:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_only_text)]


class _Line(BaseModel):
    """One line as it stands in a file."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str | None = None
    received_at: Instant | None = None
    published_at: Instant | None = None
    symbols: list[str]
    headline: str
    body: str | None = None
    source: str | None = None
    url: str | None = None

    @field_validator("headline")
    @classmethod
    def _headline_says_something(cls, text: str) -> str:
        cleaned = clean_text(text)
        if not cleaned:
            raise ValueError("is empty")
        return cleaned

    @field_validator("symbols")
    @classmethod
    def _symbols_are_tickers(cls, symbols: list[str]) -> list[str]:
        tickers = sorted({symbol.strip().upper() for symbol in symbols})
        for ticker in tickers:
            if not SYMBOL.fullmatch(ticker):
                raise ValueError(f"{ticker!r} is not a symbol")
        return tickers


def read_news(
    paths: Sequence[Path], *, received_from: str | None = None, symbols: Collection[str] = ()
) -> list[NewsItem]:
    """Read headlines from ``.jsonl`` and ``.jsonl.gz`` files and folders of them, oldest first.

    Where a line has no ``received_at`` its field ``received_from`` says when it was received. Each
    story comes once (see ``stories``), ``symbols`` being looked for in its text too. Raises
    DataError naming file and line.
    """
    items: list[NewsItem] = []
    for path in _expand(paths):
        for number, line in enumerate(_lines(path), start=1):
            if line.strip():
                items.append(_parse(line, f"{path}, line {number}", received_from))
    return merge_news(items, symbols)


def _expand(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.lower().endswith(SUFFIXES))
            if not inside:
                raise DataError(f"{path} holds no news files", hint=".jsonl or .jsonl.gz")
            files |= dict.fromkeys(inside)
        elif path.exists():
            files[path] = None
        else:
            raise DataError(f"{path} does not exist")
    return list(files)


def _lines(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b") or path.suffix.lower() == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    # Not splitlines: that also breaks at characters which may stand inside a JSON text.
    yield from text.split("\n")


def _parse(line: str, where: str, received_from: str | None) -> NewsItem:
    try:
        raw: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}", hint=FIELDS) from error
    if not isinstance(raw, dict):
        raise DataError(f"{where}: not a JSON object", hint=FIELDS)
    if raw.get("symbols") is None and raw.get("symbol") is not None:
        raw["symbols"] = [raw["symbol"]]
    if raw.get("source") is None:
        raw["source"] = raw.get("publisher")
    if raw.get("received_at") is None:
        raw["received_at"] = _received(raw, where, received_from)
    try:
        parsed = _Line.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise DataError(f"{where}: {field}: {message}", hint=FIELDS) from error
    received_at = parsed.received_at
    if received_at is None:
        raise DataError(f"{where}: received_at is missing", hint=FIELDS)
    published_at = parsed.published_at.astimezone(UTC) if parsed.published_at else None
    source, url, body = (clean_text(t or "") for t in (parsed.source, parsed.url, parsed.body))
    return NewsItem(
        id=clean_text(parsed.id or "") or _make_id(url, parsed.headline, published_at),
        received_at=received_at.astimezone(UTC),
        symbols=tuple(parsed.symbols),
        headline=parsed.headline,
        source=source,
        url=url,
        body=body,
        published_at=published_at,
    )


def _received(raw: dict[str, Any], where: str, received_from: str | None) -> Any:
    if received_from is None:
        raise DataError(
            f"{where}: received_at is missing",
            hint="--received-from published_at takes the publication for the reception",
        )
    if raw.get(received_from) is None:
        raise DataError(f"{where}: {received_from} is missing", hint="see --received-from")
    return raw[received_from]


def _make_id(url: str, headline: str, published_at: datetime | None) -> str:
    stamp = published_at.isoformat() if published_at else ""
    return sha256("\0".join((url, headline, stamp)).encode()).hexdigest()[:16]
