"""What a backtest is asked for, as fields that a person fills in, and the command they make."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the plan: its option (or key of ``--set``), what it begins with, and a hint."""

    name: str
    title: str
    option: str = ""
    key: str = ""
    begins: str = ""
    hint: str = ""


FIELDS = (
    Field(name="data", title="data", option="--data", begins="store", hint="store, or paths"),
    Field(name="symbols", title="symbols", option="--symbols", hint="A,B,...; empty: all"),
    Field(name="start", title="from", option="--start", hint="2026-03-02; empty: the first bar"),
    Field(name="end", title="until", option="--end", hint="2026-03-20, included"),
    Field(name="tiers", title="tiers", option="--tiers", begins="rules", hint="rules[,ml][,llm]"),
    Field(name="entry", title="entry rules", key="rules.entry", hint="empty: as configured"),
    Field(name="hybrid", title="mode", option="--hybrid", hint="empty: as configured"),
    Field(name="cash", title="cash", option="--cash", hint="dollars; empty: as configured"),
    Field(name="slippage", title="slippage", option="--slippage-bps", hint="bp against you a fill"),
    Field(name="walk", title="walk forward", option="--walk-forward", hint="folds; empty: none"),
    Field(name="settings", title="settings", hint="KEY=VALUE KEY=VALUE ..."),
)  # fmt: skip


def first_plan() -> dict[str, str]:
    """Return the plan that the page begins with."""
    return {field.name: field.begins for field in FIELDS}


def words_of(plan: Mapping[str, str]) -> list[str]:
    """Return the options of ``hybrid-tui backtest``; raises ValueError for an open quote."""
    words: list[str] = []
    for field in FIELDS:
        given = plan.get(field.name, "").strip()
        if not given:
            continue
        if field.name == "settings":
            for setting in shlex.split(given):
                words += ["--set", setting]
        elif field.key:
            words += ["--set", f"{field.key}={given}"]
        elif field.name == "data":
            for path in shlex.split(given):
                words += [field.option, path]
        else:
            words += [field.option, given]
    return words


def plan_of(words: list[str]) -> dict[str, str]:
    """Return the plan that makes these words: the other way round."""
    plan = dict.fromkeys((field.name for field in FIELDS), "")
    lists: dict[str, list[str]] = {"data": [], "settings": []}
    by_option = {field.option: field.name for field in FIELDS if field.option}
    by_key = {field.key: field.name for field in FIELDS if field.key}
    for option, value in zip(words[::2], words[1::2], strict=True):
        key, _, figure = value.partition("=")
        if option == "--set" and key in by_key:
            plan[by_key[key]] = figure
        elif option == "--set":
            lists["settings"].append(value)
        elif by_option[option] == "data":
            lists["data"].append(value)
        else:
            plan[by_option[option]] = value
    return plan | {name: shlex.join(values) for name, values in lists.items()}
