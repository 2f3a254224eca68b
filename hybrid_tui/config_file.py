"""Reading the configuration: config.toml, the environment and ``--set``, in that order."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hybrid_tui.config import Config
from hybrid_tui.domain.rulesets import JOINS
from hybrid_tui.errors import ConfigError

ENVIRONMENT_PREFIX = "HYBRID_TUI__"


def load_config(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    forced: Mapping[str, object] | None = None,
) -> Config:
    """Return the configuration of a file (absent: the defaults), the environment and ``--set``.

    Later ones win, ``forced`` (dotted key to value; a command's own options) before ``--set``.
    Raises ConfigError naming the file or option, the key, what is wrong and the nearest valid key.
    """
    tree, origin = _gathered(path, environment, overrides, forced)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise _readable(error, path, origin) from error


def sources_of(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    forced: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Return where each key that is set comes from, as ``load_config`` takes them.

    Keys of the file come from its name; what is not named has its default. Raises ConfigError.
    """
    tree, origin = _gathered(path, environment, overrides, forced)
    found: dict[str, str] = {}

    def walk(prefix: str, node: Mapping[str, Any]) -> None:
        for key, value in node.items():
            if isinstance(value, Mapping):
                walk(f"{prefix}{key}.", value)
            else:
                found[prefix + key] = origin.get(prefix + key, path.name)

    walk("", tree)
    return found


def _gathered(
    path: Path,
    environment: Mapping[str, str] | None,
    overrides: Sequence[str],
    forced: Mapping[str, object] | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings as a tree, and for those not of the file where they come from."""
    tree: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if path.exists():
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
    env = os.environ if environment is None else environment
    for name in sorted(env):
        if name.startswith(ENVIRONMENT_PREFIX):
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            _put(tree, key, _value(env[name]), name, origin)
    for key, value in (forced or {}).items():
        _put(tree, key, value, "the command line", origin)
    for setting in overrides:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {setting!r} is not KEY=VALUE", hint="e.g. rules.rsi_below=30")
        # What notifications go to is secret; where a setting comes from is shown.
        shown = key if key.strip().partition(".")[0] == "notify" else setting
        _put(tree, key.strip(), _value(text.strip()), f"--set {shown}", origin)
    return tree, origin


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(
    tree: dict[str, Any], key: str, value: object, source: str, origin: dict[str, str]
) -> None:
    *tables, last = key.split(".")
    node = tree
    for table in tables:
        node = node.setdefault(table, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{source}: {table!r} is a value, not a table")
    node[last] = value
    origin[key] = source


def known_keys() -> list[str]:
    """Return every dotted key that the configuration knows."""
    return list(Config().flat())


def _readable(error: ValidationError, path: Path, origin: Mapping[str, str]) -> ConfigError:
    problem = error.errors()[0]
    names = [str(part) for part in problem["loc"] if isinstance(part, str)]
    keys = known_keys()
    if names[:2] == ["rules", "sets"]:
        table = ".".join(names[:3])
        keys += ["rules.sets", table, *(f"{table}.{join}" for join in JOINS)]
    sections = {key.rpartition(".")[0] for key in keys}
    while len(names) > 1 and ".".join(names) not in keys and problem["type"] != "extra_forbidden":
        names.pop()
    context = problem.get("ctx") or {}
    key = context.get("key") or ".".join(names)
    where = origin.get(key) or next(
        (source for known, source in origin.items() if known.startswith(f"{key}.")), str(path)
    )
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        # Of an unknown table the whole key that was given says more.
        key = next((known for known in origin if known.startswith(f"{key}.")), key)
        nearest = difflib.get_close_matches(key, [*keys, *sections], n=1, cutoff=0.0)[0]
        is_close = difflib.SequenceMatcher(None, nearest, key).ratio() >= 0.5
        hint = f"did you mean {nearest!r}?" if is_close else f"the nearest is {nearest!r}"
        return ConfigError(f"{where}: unknown key {key!r}{more}", hint=hint)
    message = problem["msg"].removeprefix("Value error, ")
    given = problem.get("input")
    if problem["type"] == "rule_set":
        return ConfigError(f"{where}: {key}: {message}{more}", hint=context["hint"])
    shown = f", not {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    suggestion: str | None = None
    expected = context.get("expected")
    if isinstance(given, str) and isinstance(expected, str):
        choices = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        close = difflib.get_close_matches(given, choices, n=1, cutoff=0.4)
        suggestion = f"did you mean {close[0]!r}?" if close else None
    text = f"{where}: {key or 'configuration'}: {message}{shown}{more}"
    return ConfigError(text, hint=suggestion)
