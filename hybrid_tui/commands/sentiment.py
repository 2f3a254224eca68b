"""``hybrid-tui sentiment``: headlines in, the same lines with their sentiment out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn

import typer

from hybrid_tui.errors import DataError

if TYPE_CHECKING:
    from hybrid_tui.llm.sentiment import Sentiment

_OURS = ("score", "label", "confidence")


def sentiment(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON lines with a headline each; - or nothing: standard input."),
    ] = None,
) -> None:
    """Add score, label and confidence to each line of JSON with a headline."""
    from hybrid_tui.llm.sentiment import SentimentModel

    name, data = _input(file)
    # Everything is checked before anything is written: bad input leaves no half output behind.
    lines = list(parse_lines(name, data))
    model = SentimentModel.load()
    out: BinaryIO = typer.get_binary_stream("stdout")
    for line, row in lines:
        out.write((with_sentiment(line, row, model.score(row["headline"])) + "\n").encode())
    out.flush()


def _input(file: Path | None) -> tuple[str, bytes]:
    if file is None or str(file) == "-":
        stream: BinaryIO = typer.get_binary_stream("stdin")
        return "standard input", stream.read()
    try:
        return str(file), file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def parse_lines(name: str, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each line that is not blank as text and as an object with a headline.

    Raises DataError, naming the line, where one is not such an object.
    """
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        where = f"{name}, line {number}"
        try:
            line = raw.decode().strip()
            row = json.loads(line, parse_constant=_not_json) if line else None
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: not UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from error
        if not line:
            continue
        if not isinstance(row, dict):
            raise DataError(
                f"{where}: not an object", hint='each line is like {"id": 7, "headline": "..."}'
            )
        if "headline" not in row:
            raise DataError(
                f"{where}: no `headline`", hint="null is allowed, leaving it out is not"
            )
        if not (row["headline"] is None or isinstance(row["headline"], str)):
            raise DataError(f"{where}: `headline` is neither text nor null")
        yield line, row


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def with_sentiment(line: str, row: dict[str, Any], found: Sentiment) -> str:
    """Return the line as it came with the three fields at its end.

    A line that already has one of the three is written anew, with the old value gone.
    """
    ours = {"score": found.score, "label": found.label, "confidence": found.confidence}
    if not any(key in row for key in _OURS):
        return f"{line[:-1].rstrip()}, {json.dumps(ours)[1:]}"
    others = {key: value for key, value in row.items() if key not in _OURS}
    return json.dumps({**others, **ours})
