"""The life of tier 2's models as read tables: what each is, trainings, decisions and drift."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.models import GateResult, ModelFacts
from hybrid_tui.domain.state import DeskState

Write = tuple[str, tuple[Any, ...]]

MODEL_TABLES = """
create table models (
    run text not null, id text not null, market text not null, status text not null,
    since text not null, reason text not null, figures text not null, facts text not null,
    gate text, primary key (run, id)
);
create table trainings (
    run text not null, number integer not null, market text not null, asked_at text not null,
    asked_by text not null, outcome text, ended_at text, model_id text,
    reason text not null default '', primary key (run, number)
);
create table drift (
    run text not null, day text not null, symbol text not null, model_id text not null,
    feature text not null, psi real not null, outcome_psi real, windows integer not null,
    primary key (run, day, symbol)
);
"""
READ_MODEL_TABLES = ("models", "trainings", "drift")
_FACTS = TypeAdapter(ModelFacts)
_GATE = TypeAdapter(GateResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """What a model is to the desk, since when and why."""

    id: str
    market: str
    status: str
    since: datetime
    reason: str
    figures: dict[str, float]
    facts: ModelFacts
    gate: GateResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """A symbol's drift after a session."""

    day: str
    symbol: str
    model_id: str
    feature: str
    psi: float
    outcome_psi: float | None


def model_rows(connection: sqlite3.Connection) -> dict[str, ModelRow]:
    """Return the latest that any run says of each model, by id."""
    if not _has(connection):
        return {}
    rows = connection.execute(
        "select id, models.market, status, since, reason, figures, facts, gate from models"
        " join runs using (run) order by runs.rowid"
    )
    return {
        row[0]: ModelRow(
            id=row[0],
            market=row[1],
            status=row[2],
            since=datetime.fromisoformat(row[3]),
            reason=row[4],
            figures=json.loads(row[5]),
            facts=_FACTS.validate_json(row[6]),
            gate=_GATE.validate_json(row[7]) if row[7] else None,
        )
        for row in rows
    }


def last_training(connection: sqlite3.Connection, market: str, mode: str) -> datetime | None:
    """Return when the last training that gave a model was asked for, in runs of a mode."""
    row = connection.execute(
        "select max(asked_at) from trainings join runs using (run)"
        " where market = ? and mode = ? and outcome = 'trained'",
        (market, mode),
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row is not None and row[0] is not None else None


def newest_training(connection: sqlite3.Connection) -> tuple[str, str | None, str] | None:
    """Return when the newest training was asked for, its outcome (None: under way) and reason."""
    if not _has(connection):
        return None
    row = connection.execute(
        "select asked_at, outcome, reason from trainings join runs using (run)"
        " order by runs.rowid desc, number desc limit 1"
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def latest_drift(connection: sqlite3.Connection) -> list[DriftRow]:
    """Return the drift that was measured last, strongest first."""
    if not _has(connection):
        return []
    rows = connection.execute(
        "select day, symbol, model_id, feature, psi, outcome_psi from drift where (run, day) ="
        " (select run, drift.day from drift join runs using (run)"
        " order by runs.rowid desc, drift.day desc limit 1) order by psi desc, symbol"
    )
    return [
        DriftRow(
            day=row[0],
            symbol=row[1],
            model_id=row[2],
            feature=row[3],
            psi=row[4],
            outcome_psi=row[5],
        )
        for row in rows
    ]


def _has(connection: sqlite3.Connection) -> bool:
    """Whether the file has the tables: one that nobody has written to since an update may not."""
    found = connection.execute("select 1 from sqlite_master where name = 'models'")
    return found.fetchone() is not None


def _models(run: str, state: DeskState, *ids: str | None) -> Iterator[Write]:
    for model_id in dict.fromkeys(ids):
        entry = state.models.entries.get(model_id or "")
        if entry is None:
            continue
        yield (
            "insert or replace into models (run, id, market, status, since, reason, figures, facts,"
            " gate) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run,
                entry.facts.id,
                state.models.market,
                entry.status,
                iso(entry.since),
                entry.reason,
                json.dumps(dict(entry.figures)),
                _FACTS.dump_json(entry.facts).decode(),
                _GATE.dump_json(entry.gate).decode() if entry.gate is not None else None,
            ),
        )


def _named(run: str, event: ev.ChampionNamed, state: DeskState) -> Iterator[Write]:
    yield from _models(run, state, *state.models.entries)


def _asked(run: str, event: ev.TrainingAsked, state: DeskState) -> Iterator[Write]:
    yield (
        "insert or replace into trainings (run, number, market, asked_at, asked_by)"
        " values (?, ?, ?, ?, ?)",
        (run, event.number, state.models.market, iso(event.at), event.by),
    )


def _ended(run: str, event: ev.TrainingEnded, state: DeskState) -> Iterator[Write]:
    model_id = event.model.id if event.model is not None else None
    yield (
        "update trainings set outcome = ?, ended_at = ?, model_id = ?, reason = ?"
        " where run = ? and number = ?",
        (event.outcome, iso(event.at), model_id, event.reason, run, event.number),
    )
    yield from _models(run, state, model_id)


def _shadow(run: str, event: ev.ShadowBegan, state: DeskState) -> Iterator[Write]:
    yield from _models(run, state, event.model.id)


def _decided(run: str, event: ev.ModelDecided, state: DeskState) -> Iterator[Write]:
    yield from _models(run, state, event.model.id, event.previous)
    action = {"promoted": "promote", "succeeded": "promote", "rolled_back": "rollback"}
    if event.verdict in action:
        values = (iso(event.at), event.market, action[event.verdict], event.model.id)
        # Read tables can be made anew: what stands there already is not decided twice.
        yield (
            "insert into model_decisions (at, market, action, model_id, previous, reason)"
            " select ?, ?, ?, ?, ?, ? where not exists (select 1 from model_decisions"
            " where at = ? and market = ? and action = ? and model_id = ?)",
            (*values, event.previous, event.reason, *values),
        )


def _drifted(run: str, event: ev.DriftMeasured, _state: DeskState) -> Iterator[Write]:
    for symbol, drift in event.symbols.items():
        yield (
            "insert or replace into drift (run, day, symbol, model_id, feature, psi, outcome_psi,"
            " windows) values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run,
                event.day.isoformat(),
                symbol,
                event.model_id,
                drift.feature,
                drift.psi,
                drift.outcome,
                drift.windows,
            ),
        )


MODEL_PROJECTIONS: dict[type[ev.Event], Callable[[str, Any, DeskState], Iterator[Write]]] = {
    ev.ChampionNamed: _named,
    ev.TrainingAsked: _asked,
    ev.TrainingEnded: _ended,
    ev.ShadowBegan: _shadow,
    ev.ModelDecided: _decided,
    ev.DriftMeasured: _drifted,
}
