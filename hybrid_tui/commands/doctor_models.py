"""What ``doctor`` says of tier 2's models: champions, their age, trainings and drift."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.commands.finding import Finding
from hybrid_tui.commands.model_life import facts_of, max_age_of, retrains_weekly
from hybrid_tui.domain.models import SHIFT, STRONG_SHIFT
from hybrid_tui.errors import HybridError

if TYPE_CHECKING:
    from hybrid_tui.config import Config

MOST_SHIFTS = 3


def examine_models(state: CliState, config: Config, now: datetime) -> Iterator[Finding]:
    """Yield the champions, whether the desk's one is too old, the last training and the drift."""
    from hybrid_tui.ml.model_files import CHAMPION, find_model, read_manifest, shipped_models

    folders = [state.paths.models, shipped_models()]
    used = "simulated" if config.app.mode == "sim" else "real"
    for market in ("real", "simulated"):
        name = config.ml.model if market == used else CHAMPION
        try:
            manifest = read_manifest(find_model(name, folders, market))
        except HybridError as error:
            yield Finding(name="model", ok=False, text=f"{market}: {error.render()}")
            continue
        text = f"{market}: {manifest.id}, trained until {iso(manifest.trained_until)}"
        facts = facts_of(manifest, max_age_of(config) if market == used else None)
        is_old = facts.has_expired(now) and "ml" in config.app.tiers
        if facts.expires_at is not None:
            text += f", {'expired' if is_old else 'expires'} {facts.expires_at:%Y-%m-%d}"
        if is_old:
            text += ": no entries (train a new one: hybrid-tui ml retrain, or ml train)"
        yield Finding(name="model", ok=not is_old, text=text)
    weekly = f"weekly, {config.ml.retrain_at} New York" if retrains_weekly(config) else "by hand"
    yield Finding(name="training", ok=True, text=f"{weekly}{_last_training(state)}")
    yield from _drift(state)


def _last_training(state: CliState) -> str:
    if not state.paths.journal.exists():
        return ""
    from hybrid_tui.journal.model_tables import newest_training
    from hybrid_tui.journal.reader import open_read_only

    try:
        with closing(open_read_only(state.paths.journal)) as connection:
            found = newest_training(connection)
    except (HybridError, sqlite3.Error) as error:
        return f"; the journal cannot be read: {error}"
    if found is None:
        return "; none yet"
    asked_at, outcome, reason = found
    told = f": {reason}" if reason and outcome != "trained" else ""
    return f"; last {asked_at[:10]}, {outcome or 'under way'}{told}"


def _drift(state: CliState) -> Iterator[Finding]:
    if not state.paths.journal.exists():
        return
    from hybrid_tui.journal.model_tables import latest_drift
    from hybrid_tui.journal.reader import open_read_only

    try:
        with closing(open_read_only(state.paths.journal)) as connection:
            rows = latest_drift(connection)
    except (HybridError, sqlite3.Error) as error:
        yield Finding(name="drift", ok=False, text=f"the journal cannot be read: {error}")
        return
    if not rows:
        yield Finding(name="drift", ok=True, text="not measured yet: it takes eight sessions")
        return
    far = [row for row in rows if row.psi >= SHIFT]
    strong = sum(row.psi >= STRONG_SHIFT for row in rows)
    listed = ", ".join(f"{row.symbol} {row.psi:.2f} {row.feature}" for row in far[:MOST_SHIFTS])
    text = f"{rows[0].day}, against {rows[0].model_id}: "
    text += f"{strong} of {len(rows)} symbols strong ({listed})" if far else "none"
    yield Finding(name="drift", ok=True, text=text)
