"""The kinds of values that configuration keys take, and the short forms a person may write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from hybrid_tui.domain.retraining import parse_slot

SYMBOL = r"^[A-Z][A-Z0-9.\-/]{0,14}$"


def listed(value: object) -> object:
    """Let ``a,b`` stand for a list where one is wanted, and ``none`` for an empty one."""
    if isinstance(value, str):
        words = [word.strip() for word in value.split(",") if word.strip()]
        return [] if words == ["none"] else words
    return value


def weekly(value: str) -> str:
    """Check a weekday and a time, such as ``Sat 06:00``."""
    parse_slot(value)
    return value


def conditions(value: object) -> object:
    """Let ``rsi_below(level=30, bars=10), fell`` stand for a list of conditions."""
    if isinstance(value, str):
        return [part.strip() for part in re.split(r",(?![^()]*\))", value) if part.strip()]
    return value


def symbols_of(value: object) -> object:
    """Read a list of symbols in capitals."""
    value = listed(value)
    if isinstance(value, (list, tuple)):
        return [word.upper() if isinstance(word, str) else word for word in value]
    return value


def dotted(value: object) -> object:
    """Read ``safety.pause = "f9"`` (tables in TOML) as one table of dotted keys."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, object] = {}
    for key, given in value.items():
        if isinstance(given, Mapping):
            flat.update({f"{key}.{name}": found for name, found in given.items()})
        else:
            flat[str(key)] = given
    return flat


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Symbols = Annotated[
    tuple[Annotated[str, Field(pattern=SYMBOL)], ...],
    BeforeValidator(symbols_of),
]
SetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Conditions = Annotated[tuple[str, ...], Field(max_length=32), BeforeValidator(conditions)]


def sectors_of(value: object) -> object:
    """Read ``SYMBOL = "sector"`` and ``sector = ["SYMBOL", ...]`` into symbol to sector."""
    if not isinstance(value, Mapping):
        return value
    found: dict[str, str] = {}
    for key, given in value.items():
        if isinstance(given, str) and "," not in given:
            pairs = [(str(key).upper(), given)]
        else:
            symbols = symbols_of(given)
            if not isinstance(symbols, (list, tuple)):
                raise ValueError(f"{key!r} is neither a symbol's sector nor a sector's symbols")
            pairs = [(str(symbol), str(key)) for symbol in symbols]
        for symbol, sector in pairs:
            if found.setdefault(symbol, sector) != sector:
                raise ValueError(f"{symbol} is in two sectors: {found[symbol]!r} and {sector!r}")
    return found


Keys = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=80)]], BeforeValidator(dotted)
]
Sectors = Annotated[
    Mapping[
        Annotated[str, Field(pattern=SYMBOL)], Annotated[str, Field(min_length=1, max_length=40)]
    ],
    BeforeValidator(sectors_of),
]
Level = Annotated[
    tuple[
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[float, Field(gt=0, le=10)],
    ],
    BeforeValidator(listed),
]
