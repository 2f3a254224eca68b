"""The two lines on top: what is real, and whether everything is alive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import Beat
from hybrid_tui.market.halts import short
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import lateness, stale_quotes
from hybrid_tui.tui.model import DeskModel, Phase, live_equity, live_gross
from hybrid_tui.tui.widgets.lines import Line, Span, width_of

MODES = {"sim": "SIM", "recorded": "RECORDED", "paper": "PAPER", "live": "LIVE"}
HEALTH = {
    "ok": ("●", "good"),
    "waiting": ("○", "dim"),
    "loading": ("◌", "dim"),
    "failed": ("✗", "bad"),
    "off": ("-", "dim"),
}
TIERS = ("rules", "ml", "llm")
ROOMY = 100
STALE_QUOTES = {"paper": timedelta(seconds=30), "live": timedelta(seconds=30)}
STALE_REPLAYED_QUOTES = timedelta(seconds=90)

Section = tuple[int, Line]
"""A rank (the highest goes first when there is no room) and the spans."""


def header_lines(model: DeskModel, wall: float, width: int, zone: tzinfo | None) -> list[Line]:
    """Return the two lines, cut to the width by leaving out what matters least."""
    state, now = model.state, model.now(wall)
    if state is None or now is None or state.started is None:
        first: list[Section] = [(0, ((" hybrid-tui ", "badge"),))]
        return [spread(first, width), spread([(0, trouble(model, wall))], width)]
    second = _alive(model, state, now, wall, width)
    if model.link.phase is not Phase.LIVE:
        second = [(0, trouble(model, wall))]
    return [spread(_real(model, state, now, zone, width), width), spread(second, width)]


def trouble(model: DeskModel, wall: float) -> Line:
    """Return what is the matter with the engine, in words and with the key that mends it."""
    link = model.link
    style = {Phase.STARTING: "accent", Phase.GONE: "alarm", Phase.FAILED: "alarm"}.get(
        link.phase, "warn"
    )
    text = f" {f.clean(link.text)}"
    if link.retry_at is not None:
        text += f"; again in {max(0, round(link.retry_at - wall))} s"
    if link.phase in (Phase.ENDED, Phase.FAILED):
        text += "; r starts it again"
    elif link.phase is Phase.GONE:
        text += " (r: now)"
    if model.state is not None and model.state.now is not None:
        text += f"; figures of {f.new_york(model.state.now, '%a %H:%M:%S')}"
    return ((text + " ", style),)


def spread(sections: Sequence[Section], width: int, gap: int = 2) -> Line:
    """Return sections side by side, those with the highest rank left out until they fit."""
    kept = list(sections)
    while len(kept) > 1 and _taken(kept, gap) > width:
        least = max(kept, key=lambda section: section[0])
        if least[0] == 0:
            break
        kept.remove(least)
    space = gap if _taken(kept, gap) <= width else 1
    line: list[Span] = []
    for _, spans in kept:
        if line:
            line.append((" " * space, ""))
        line.extend(spans)
    return tuple(line)


def _taken(sections: Sequence[Section], gap: int) -> int:
    return sum(width_of(spans) for _, spans in sections) + gap * (len(sections) - 1)


def _real(
    model: DeskModel, state: DeskState, now: datetime, zone: tzinfo | None, width: int
) -> list[Section]:
    started = state.started
    assert started is not None
    badge = MODES.get(started.mode, started.mode.upper())
    here = f.local(now, zone)
    sections: list[Section] = [
        (0, ((f" {badge} ", "alarm" if started.mode == "live" else "badge"),)),
    ]
    if model.read_only:
        sections.append((1, (("read-only", "warn"),)))
    clock = (f.new_york(now), "bold")
    sections.append((6, ((f.new_york(now, "%a %d %b"), "dim"),)))
    there = " New York" if width >= ROOMY else " NY"
    sections.append((0, (clock, (there + (f" · {here} here" if here else ""), "dim"))))
    sections.append((3, _market(state, now, is_short=width < ROOMY)))
    if started.mode in ("sim", "recorded"):
        speed = f"{state.speed:g}x" if state.speed else "as fast as it goes"
        sections.append((4, ((speed, "dim"),)))
    equity = live_equity(state)
    day = equity - state.reference_equity
    share = day / state.reference_equity if state.reference_equity else 0.0
    sections.append((0, (("equity ", "dim"), (f.money(equity), "bold"))))
    style = f.direction(round(day, 2))
    sections.append((5, ((f.signed(day), style),)))
    sections.append((1, ((f"{f.moved(share)} today", style),)))
    gross = live_gross(state) / equity if equity > 0 else 0.0
    sections.append((4, (("in market ", "dim"), (f"{gross * 100:.0f} %", ""))))
    sources = " · ".join(
        f.clean(started.sources[name])
        for name in ("market", "broker", "llm")
        if name in started.sources
    )
    sections.append((7, ((sources, "dim"),)))
    return sections


def _market(state: DeskState, now: datetime, *, is_short: bool) -> Line:
    session = state.session
    if session is not None and session.contains(now):
        left = f.span(session.close - now)
        return (("open", "good"), (f" {left}" if is_short else f", closes in {left}", "dim"))
    clock = now.astimezone(NEW_YORK)
    if clock.weekday() < 5 and (clock.hour, clock.minute) < (9, 30):
        opens = clock.replace(hour=9, minute=30, second=0, microsecond=0)
        return (("closed", "warn"), (f", 09:30 in {f.span(opens - clock)}", "dim"))
    return (("closed", "warn"),)


def _alive(
    model: DeskModel, state: DeskState, now: datetime, wall: float, width: int
) -> list[Section]:
    sections: list[Section] = []
    silent = model.silence(wall)
    if silent is not None:
        sections.append((0, ((f" engine silent for {silent:.0f} s ", "alarm"),)))
    troubles: list[Span] = []
    for tier in TIERS:
        beat = state.beats.get(tier)
        health = beat.health if beat is not None else "off"
        sign, style = HEALTH.get(health, ("?", "warn"))
        late = lateness(tier, beat, state, now) if beat is not None else None
        if late is not None and health != "failed":
            style = "warn"
        sections.append((0, ((f"{' ' if tier == 'rules' else ''}{tier} ", ""), (sign, style))))
        if beat is not None:
            if width >= ROOMY:
                sections[-1] = (0, (*sections[-1][1], *_beat(beat, now, late)))
            if health == "failed":
                troubles.append((f"{tier}: {f.clean(beat.reason)}", "bad"))
            elif health == "ok" and "no " in beat.reason:
                troubles.append((f"{tier}: {f.clean(beat.reason)}", "warn"))
    sections.append((3, _quotes(state, now)))
    if model.state is not None and "llm" in (state.started.tiers if state.started else ()):
        sections.append((5, _cost(model, state, now)))
    sections.append((0, _entries(state, now)))
    if troubles:
        text, style = troubles[0]
        needed = sum(width_of(spans) + 2 for rank, spans in sections if rank == 0)
        room = max(12, width - needed)
        sections.append((0, ((f.fit(text, min(len(text), room)), style),)))
    return sections


def _beat(beat: Beat, now: datetime, late: timedelta | None) -> Line:
    if beat.health == "off":
        return ((" off", "dim"),)
    if late is not None:
        return ((f" {f.span(late)} late", "warn"),)
    parts = "" if beat.health == "failed" else f" {f.span(now - beat.at)}"
    if beat.next_at is not None and beat.next_at > now:
        wait = beat.next_at - now
        shown = f.span(wait) if wait < timedelta(hours=1) else f.new_york(beat.next_at, "%H:%M")
        parts += f", next {shown}" if parts else f" next {shown}"
    return ((parts, "dim"),)


def _quotes(state: DeskState, now: datetime) -> Line:
    if not state.quoted_at:
        return (("quotes ", ""), ("-", "dim"))
    age = now - max(state.quoted_at.values())
    mode = state.started.mode if state.started is not None else ""
    if age >= STALE_QUOTES.get(mode, STALE_REPLAYED_QUOTES) and state.session is not None:
        return (("quotes ", ""), ("✗", "bad"), (f" {f.span(age)} old", "bad"))
    sign = ("●", "good") if state.session is not None else ("○", "dim")
    return (("quotes ", ""), sign, (f" {f.span(age)}", "dim"))


def _cost(model: DeskModel, state: DeskState, now: datetime) -> Line:
    today, month = _spent(state, now)
    cap = model.setting("monthly_cap_usd", 0.0)
    style = "warn" if cap and month >= cap * 0.9 else "dim"
    return ((f"LLM ${today:.3f} · month ${month:.2f} of ${cap:.2f}", style),)


def _spent(state: DeskState, now: datetime) -> tuple[float, float]:
    """Return the dollars of the day and the month: of the real ones, where the clock is real."""
    meter = state.llm_meter
    if meter is None:
        return 0.0, 0.0
    read, clock = meter.read_at.astimezone(NEW_YORK), now.astimezone(NEW_YORK)
    if state.started is not None and state.started.mode in ("sim", "recorded"):
        return meter.today_usd, meter.month_usd
    is_today = read.date() == clock.date()
    is_month = (read.year, read.month) == (clock.year, clock.month)
    return meter.today_usd if is_today else 0.0, meter.month_usd if is_month else 0.0


def _entries(state: DeskState, now: datetime) -> Line:
    if state.flattening is not None:
        return (("entries ", ""), ("OFF: selling everything", "bad"))
    if state.paused:
        return (("entries ", ""), ("PAUSED", "warn"), (" (p)", "dim"))
    listed = state.started.watchlist if state.started is not None else ()
    if listed and state.halts.keys() >= set(listed) and state.session is not None:
        reasons = {short(reason) for reason in state.halts.values()}
        why = f.clean(reasons.pop()) if len(reasons) == 1 else "halted"
        return (("entries ", ""), (f"OFF: {why}", "warn"))
    lock = next((lock for lock in state.locks if lock.symbol is None and lock.holds(now)), None)
    if lock is not None:
        until = f" to {f.new_york(lock.until, '%H:%M')}" if lock.until else ""
        return (("entries ", ""), (f"locked by {lock.name}{until}", "warn"))
    old = stale_quotes(state, now)
    if old:
        return (("entries ", ""), (f"OFF: {old}", "warn"))
    return (("entries ", ""), ("ON", "good"))
