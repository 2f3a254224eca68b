"""``hybrid-tui doctor``: what is there, what is missing, what needs mending."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from hybrid_tui import __version__
from hybrid_tui.commands.compose import seldom_fresh
from hybrid_tui.commands.context import CliState, iso, print_json, state_of
from hybrid_tui.commands.doctor_broker import examine_broker
from hybrid_tui.commands.doctor_market import examine_market
from hybrid_tui.commands.doctor_models import examine_models
from hybrid_tui.commands.finding import Finding
from hybrid_tui.errors import HybridError
from hybrid_tui.keys import find_key

PACKAGES = ("textual", "torch", "TA-Lib", "alpaca-py", "yfinance", "openai", "exchange_calendars")
LEAST_FREE_BYTES = 200_000_000
OLDEST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Examine versions, paths, permissions, keys (never their values), clock, calendar and data."""
    findings = list(_examine(state_of(context)))
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'MEND'}  {finding.name:<12}  {finding.text}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _examine(state: CliState) -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(
        name="versions",
        ok=sys.version_info >= (3, 11),
        text=f"hybrid-tui {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    )
    paths = state.paths
    for name, folder in (
        ("config", paths.config.parent),
        ("journal", paths.journal.parent),
        ("state", paths.engine.parent),
        ("logs", paths.logs),
        ("cache", paths.cache),
    ):
        yield _writable(name, folder)
    yield _disk(paths.journal.parent)
    yield _configuration(state)
    yield _journal(paths.journal)
    yield from _keys(state)
    now = datetime.now(UTC)
    yield Finding(
        name="clock",
        ok=now > OLDEST_PLAUSIBLE,
        text=f"{iso(now.replace(microsecond=0))}, zone {datetime.now().astimezone().tzname()}",
    )
    yield _calendar(state, now)
    yield from _sentiment()
    try:
        config = state.config()
    except HybridError:
        return
    yield from examine_models(state, config, now)
    yield from examine_market(state, config, now)
    yield from examine_broker(state, config)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _writable(name: str, folder: Path) -> Finding:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    ok = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    made = "" if folder.exists() else ", made when needed"
    return Finding(name=name, ok=ok, text=f"{folder}{made if ok else ' cannot be written'}")


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(name="disk", ok=free > LEAST_FREE_BYTES, text=f"{free / 1e9:.1f} GB free")


def _configuration(state: CliState) -> Finding:
    try:
        config = state.config()
    except HybridError as error:
        return Finding(name="settings", ok=False, text=error.render())
    there = "" if state.paths.config.exists() else ", no config.toml: defaults"
    stale = seldom_fresh(config)
    doubt = f"; {stale}" if stale else ""
    return Finding(name="settings", ok=True, text=f"mode {config.app.mode}{there}{doubt}")


def _journal(path: Path) -> Finding:
    from hybrid_tui.journal.reader import latest_run, open_read_only

    if not path.exists():
        return Finding(name="journal", ok=True, text="none yet")
    try:
        connection = open_read_only(path)
        problem = connection.execute("pragma quick_check").fetchone()[0]
        info = latest_run(connection)
        connection.close()
    except (HybridError, sqlite3.Error) as error:
        text = error.render() if isinstance(error, HybridError) else str(error)
        return Finding(name="journal", ok=False, text=text)
    return Finding(
        name="journal",
        ok=problem == "ok",
        text=f"{path.stat().st_size / 1e6:.1f} MB, {problem}, last run {info.run if info else '-'}",
    )


def _keys(state: CliState) -> Iterator[Finding]:
    from hybrid_tui.commands.model import needs_key

    try:
        config = state.config()
    except HybridError:
        return
    names = ["APCA_API_KEY_ID", "APCA_API_SECRET_KEY", config.llm.api_key_env]
    follows_alpaca = config.app.mode in ("paper", "live") and config.market.provider != "yahoo"
    needs_alpaca = config.broker.kind == "alpaca" or follows_alpaca
    needed = {
        "APCA_API_KEY_ID": needs_alpaca,
        "APCA_API_SECRET_KEY": needs_alpaca,
        config.llm.api_key_env: needs_key(config),
    }
    for name in names:
        try:
            secret = find_key(name, os.environ, state.profile)
        except HybridError as error:
            yield Finding(name="key", ok=not needed[name], text=error.render())
            continue
        text = f"{name} is set, in the {secret.origin}" if secret else f"{name} is not set"
        if secret is None and not needed[name]:
            text += ", and not needed"
        yield Finding(name="key", ok=secret is not None or not needed[name], text=text)


def _calendar(state: CliState, now: datetime) -> Finding:
    try:
        calendar = state.calendar()
        following = calendar.next_session(now)
    except HybridError as error:
        return Finding(name="calendar", ok=False, text=error.render())
    last = calendar.sessions[-1].day
    return Finding(
        name="calendar",
        ok=following.open - now < timedelta(days=10),
        text=f"XNYS to {last}, next open {iso(following.open)}",
    )


def _sentiment() -> Iterator[Finding]:
    from hybrid_tui.llm.sentiment import SentimentModel

    try:
        SentimentModel.load()
    except HybridError as error:
        yield Finding(name="model", ok=False, text=f"sentiment: {error.render()}")
    else:
        yield Finding(name="model", ok=True, text="sentiment: loaded")
