"""What the health page says: tiers, the age of all data, the engine's work, troubles, settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hybrid_tui.domain.inquiries import Health, Latency, ProcessHealth, Setting
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import lateness
from hybrid_tui.tui.header import HEALTH, TIERS
from hybrid_tui.tui.tape import Entry
from hybrid_tui.tui.widgets.lines import Column, Columns, Line, Row, row

WORK = {
    "instant": "decisions",
    "late": "behind the clock",
    "predict": "predictions",
    "propose": "a session",
    "score": "headlines",
}
"""The kinds of work, in the order in which they are shown."""

BUDGETS = {"instant": 0.050, "late": 2.0, "predict": 1.0}
"""From where on a 99th percentile, in seconds, is marked: the desk would feel slow."""

LEAST_FREE = 500_000_000
FEW_REQUESTS = 20.0
OLD_ANSWER = 15.0
TROUBLES = frozenset({"warn", "bad", "alarm"})
"""The styles of the tape's lines that are troubles."""

TIER_COLUMNS = (
    Column(name="tier", title="tier", width=6),
    Column(name="health", title="", width=9),
    Column(name="at", title="last beat", width=9, align="right"),
    Column(name="next", title="next", width=8, align="right", rank=1),
    Column(name="reason", title="says", width=12, grows=True),
)
DATA_COLUMNS = (
    Column(name="what", title="data", width=13),
    Column(name="age", title="newest", width=8, align="right"),
    Column(name="detail", title="", width=14, grows=True),
)
WORK_COLUMNS = (
    Column(name="work", title="work", width=18, grows=True),
    Column(name="p50", title="p50", width=8, align="right"),
    Column(name="p99", title="p99", width=8, align="right"),
    Column(name="longest", title="longest", width=8, align="right", rank=1),
    Column(name="count", title="times", width=9, align="right", rank=2),
)
SETTING_COLUMNS = (
    Column(name="name", title="setting", width=28),
    Column(name="value", title="value", width=10, grows=True),
    Column(name="source", title="from", width=14, rank=1),
)


def tier_rows(state: DeskState, now: datetime, width: int) -> tuple[list[Row], Line]:
    """Return each tier's heartbeat, and what ends it where it is not well."""
    columns = Columns(TIER_COLUMNS, width)
    rows = []
    for tier in TIERS:
        beat = state.beats.get(tier)
        if beat is None:
            rows.append(columns.row(None, tier=tier, health=("- off", "dim")))
            continue
        sign, style = HEALTH.get(beat.health, ("?", "warn"))
        words, reason = beat.health, f.clean(beat.reason)
        late = lateness(tier, beat, state, now)
        if late is not None and beat.health != "failed":
            words, style = "late", "warn"
            reason = f"by {f.span(late)}" + (f"; {reason}" if reason else "")
        waits = beat.next_at is not None and beat.next_at > now
        rows.append(
            columns.row(
                f"tier-{tier}",
                tier=tier,
                health=(f"{sign} {words}", style),
                at=(f.span(now - beat.at), "dim"),
                next=(f.span(beat.next_at - now) if beat.next_at and waits else "", "dim"),
                reason=(reason, "bad" if beat.health == "failed" else ""),
            )
        )
    return rows, columns.header()


def data_rows(state: DeskState, now: datetime, width: int) -> tuple[list[Row], Line]:
    """Return how old each kind of data is, and which symbol's is the oldest."""
    columns = Columns(DATA_COLUMNS, width)
    listed = state.started.watchlist if state.started is not None else ()
    signal = state.signals.get(state.strategy_id or "")
    made = {s: p.at for s, p in state.predictions.items()}
    rows = [
        _aged(columns, "quotes", state.quoted_at, now, listed),
        _aged(columns, "bars", state.closed_at, now, listed),
        _aged(columns, "predictions", made, now, ()),
        _one(
            columns,
            "headlines",
            state.news[-1].received_at if state.news else None,
            now,
            f.clean(state.news[-1].headline) if state.news else "none received yet",
        ),
        _one(
            columns,
            "strategy",
            signal.signal.at if signal is not None else None,
            now,
            f"{f.clean(signal.signal.source)}, in force until "
            f"{f.new_york(signal.signal.expires_at, '%a %H:%M')}"
            if signal is not None
            else "none in force",
        ),
    ]
    if state.account is not None:
        blocked = f.clean(state.account.blocked)
        rows.append(_one(columns, "account", state.account.at, now, blocked or "not blocked"))
    if state.halts:
        rows.append(row(("halted: ", "bad"), f.names(sorted(state.halts))))
    return rows, columns.header()


def _aged(
    columns: Columns, what: str, ages: dict[str, datetime], now: datetime, listed: Sequence[str]
) -> Row:
    if not ages:
        return columns.row(what, what=what, age=("-", "dim"), detail=("none yet", "dim"))
    newest = max(ages.values())
    symbol, oldest = min(ages.items(), key=lambda item: (item[1], item[0]))
    detail = f"{len(ages)} symbols, oldest {symbol} {f.span(now - oldest)}"
    missing = [name for name in listed if name not in ages]
    if missing:
        detail += f"; none of {f.names(missing, 3)}"
    return columns.row(
        what, what=what, age=f.span(now - newest), detail=(detail, "warn" if missing else "")
    )


def _one(columns: Columns, what: str, at: datetime | None, now: datetime, detail: str) -> Row:
    age = (f.span(now - at), "") if at is not None else ("-", "dim")
    return columns.row(what, what=what, age=age, detail=(detail, "" if at is not None else "dim"))


def engine_rows(
    health: Health | None, age: float, refused: str, width: int
) -> tuple[list[Row], Line]:
    """Return how long the engine's work takes and how its process is.

    ``age`` is how many seconds ago the engine said so; ``refused`` why it did not.
    """
    columns = Columns(WORK_COLUMNS, width)
    if health is None:
        return [row((refused or "asking the engine ...", "dim"))], columns.header()
    rows = [
        _work(columns, work, words, health.latencies[work])
        for work, words in WORK.items()
        if work in health.latencies
    ]
    rows.append(row(""))
    rows += _process(health.process)
    if health.requests_left is not None:
        style = "warn" if health.requests_left < FEW_REQUESTS else ""
        rows.append(row(("requests left ", "dim"), (f"{health.requests_left:.0f} of 100", style)))
    if age > OLD_ANSWER:
        rows.append(row((f"{f.span(timedelta(seconds=age))} old: {refused or 'silent'}", "warn")))
    return rows, columns.header()


def _work(columns: Columns, work: str, words: str, taken: Latency) -> Row:
    slow = taken.p99 > BUDGETS.get(work, float("inf"))
    return columns.row(
        f"work-{work}",
        work=words,
        p50=seconds(taken.p50),
        p99=(seconds(taken.p99), "warn" if slow else ""),
        longest=(seconds(taken.longest), "dim"),
        count=(f"{taken.count:,}", "dim"),
    )


def _process(process: ProcessHealth | None) -> Iterable[Row]:
    if process is None:
        return
    peak = " at most" if process.resident_is_peak else ""
    yield row(
        ("process ", "dim"),
        f"{process.pid}, hybrid-tui {process.version}, {megabytes(process.resident_bytes)}{peak}",
    )
    tight = process.free_bytes < LEAST_FREE
    yield row(
        ("journal ", "dim"),
        f"{megabytes(process.journal_bytes)}; ",
        (f"{megabytes(process.free_bytes)} free on its disk", "bad" if tight else ""),
    )
    yield row((f.clean(process.journal), "dim"), key="journal")
    yield row((f.clean(process.log), "dim"), key="log")


def seconds(value: float) -> str:
    """Return a duration with three figures: 412 us, 3.20 ms, 1.50 s."""
    for limit, unit in ((1e-3, "us"), (1.0, "ms")):
        if value < limit:
            return f"{value * 1000 / limit:.3g} {unit}"
    return f"{value:.3g} s"


def megabytes(count: int) -> str:
    """Return bytes as MB or GB, in powers of ten."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def trouble_rows(entries: Iterable[Entry], width: int) -> list[Row]:
    """Return what went wrong or forbids something, newest first."""
    found = [entry for entry in entries if entry.style in TROUBLES]
    if not found:
        return [row(("nothing went wrong", "dim"))]
    room = max(10, width - 21)
    return [
        row(
            (f.new_york(entry.at, "%a %H:%M:%S"), "dim"),
            (f" {entry.kind:<8}", entry.style),
            f.fit(f"{entry.text}  {entry.because}".strip(), room),
            key=entry.key,
        )
        for entry in found
    ]


def setting_rows(
    settings: Sequence[Setting], wanted: str, *, changed_only: bool, width: int
) -> tuple[list[Row], Line]:
    """Return the settings whose key, value or source has ``wanted`` in it (case folded)."""
    columns = Columns(SETTING_COLUMNS, width)
    rows = [
        columns.row(
            setting.key,
            name=setting.key,
            value=(f.clean(setting.value), "" if is_changed(setting) else "dim"),
            source=(f.clean(setting.source), "accent" if is_changed(setting) else "dim"),
        )
        for setting in settings
        if (is_changed(setting) or not changed_only)
        and wanted in f"{setting.key} {setting.value} {setting.source}".casefold()
    ]
    if not rows and settings:
        rows = [row(("all are the defaults" if changed_only and not wanted else "none", "dim"))]
    return rows, columns.header()


def is_changed(setting: Setting) -> bool:
    """Whether a setting is not the default."""
    return setting.source != "default"
