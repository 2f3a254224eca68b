"""The tape: what happened, one line each, newest first, with its because."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Order, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f

MOST_ENTRIES = 400
REFUSED_AGAIN = timedelta(minutes=30)
NEWS_BACKLOG = timedelta(hours=1)
STOP_STEP = 0.005

WORDS = {
    "hard_stop": "hard stop",
    "trailing_stop": "trailing stop",
    "tightened_stop": "tightened stop",
    "thesis_invalidated": "thesis invalidated",
    "signal_exit": "signal exit",
    "overnight": "overnight target",
    "manual": "by hand",
    "flatten": "flatten",
    "daily_loss": "daily loss",
}
KINDS = (
    "EngineStarted", "EngineStopped", "SpeedChanged", "SessionOpened", "SessionClosed",
    "HaltsChanged", "NewsArrived", "ActionApplied", "SignalProposed", "SignalAbstained",
    "SignalDecided", "DecisionUndone", "StrategyEnded", "PositionAdopted", "OrderIntended",
    "OrderFilled", "OrderCancelled", "StopMoved",
    "EntryRefused", "LockSet", "LockLifted", "EntriesPaused", "EntriesResumed", "FlattenBegan",
    "FlattenEnded", "PriceMoved", "ThesisUnchecked", "SessionAsked", "Alert",
)  # fmt: skip
"""The kinds of events that can be on the tape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the tape; ``style`` names the style of its kind."""

    event: ev.Event
    at: datetime
    kind: str
    text: str
    because: str = ""
    style: str = ""

    @property
    def key(self) -> str:
        """What the cursor holds on to."""
        return f"tape-{self.event.id}"


class Tape:
    """Folds events into entries; remembers orders, refusals and stops to tell news from noise."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self.fresh: list[Entry] = []
        self._because: dict[str, str] = {}
        self._refused: dict[str, tuple[str, datetime]] = {}
        self._stops: dict[str, tuple[float, str]] = {}
        self._failed: dict[str, str] = {}

    def take(self, event: ev.Event, state: DeskState) -> None:
        """Add the entry of an event that was just folded into the state, if it makes one."""
        teller = _TELLERS.get(type(event))
        entry = teller(self, event, state) if teller is not None else None
        if entry is not None:
            self.entries.appendleft(entry)
            self.fresh.append(entry)

    def put_under(self, earlier: Tape) -> None:
        """Put an earlier tape under this one."""
        self.entries.extend(earlier.entries)
        self._because = {**earlier._because, **self._because}
        self._stops = {**earlier._stops, **self._stops}
        self._refused = {**earlier._refused, **self._refused}

    def find(self, key: str) -> Entry | None:
        """Return the entry of a key."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def take_fresh(self) -> list[Entry]:
        """Return the entries since the last call."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def _intended(self, event: ev.OrderIntended, state: DeskState) -> Entry:
        order = event.order
        because = _why(order, state)
        self._because[order.id] = because
        buys = order.side is Side.BUY
        return _entry(
            event,
            "entry" if buys else "exit",
            f"{'buying' if buys else 'selling'} {f.quantity(order.quantity)} {order.symbol}",
            because=because,
        )

    def _filled(self, event: ev.OrderFilled, state: DeskState) -> Entry:
        fill = event.fill
        notional = fill.quantity * fill.price
        buys = fill.side is Side.BUY
        text = (
            f"{'bought' if buys else 'sold'} {f.quantity(fill.quantity)} {fill.symbol}"
            f" at {f.money(fill.price)}"
        )
        if notional:
            text += f"   slippage {fill.slippage / notional * 1e4:.1f} bp"
        because = self._because.get(fill.order_id) or WORDS.get(fill.reason, f.clean(fill.reason))
        style = "bold"
        if not buys:
            trade = next(
                (
                    t
                    for t in reversed(state.trades)
                    if t.exit_order_id == fill.order_id and t.exit_at == fill.at
                ),
                None,
            )
            if trade is not None:
                invested = trade.entry_price * trade.quantity
                share = f" ({f.percent(trade.pnl / invested, sign=True)})" if invested else ""
                text += f"   {f.arrow(trade.pnl)} {f.signed(trade.pnl)}{share}"
                style = f.direction(trade.pnl) or "bold"
        return _entry(event, "fill", text, because=because, style=style)

    def _cancelled(self, event: ev.OrderCancelled, _state: DeskState) -> Entry:
        return _entry(event, "cancel", f"order in {event.symbol} ended", because=event.reason)

    def _stop(self, event: ev.StopMoved, _state: DeskState) -> Entry | None:
        told = self._stops.get(event.symbol)
        if (
            told is not None
            and told[1] == event.level_from
            and told[0] <= event.level < told[0] * (1 + STOP_STEP)
        ):
            return None
        self._stops[event.symbol] = (event.level, event.level_from)
        rises = told is not None and told[0] < event.level
        text = f"{event.symbol} {f.money(event.level)} {'raised' if rises else 'resting'}"
        return _entry(event, "stop", text, because=WORDS.get(event.level_from, event.level_from))

    def _refuse(self, event: ev.EntryRefused, _state: DeskState) -> Entry | None:
        shape = re.sub(r"[\d.]+", "#", event.reason)
        told = self._refused.get(event.symbol)
        if told is not None and told[0] == shape and event.at - told[1] < REFUSED_AGAIN:
            return None
        self._refused[event.symbol] = (shape, event.at)
        return _entry(event, "no entry", event.symbol, because=event.reason)

    def _beat(self, event: ev.Heartbeat, _state: DeskState) -> Entry | None:
        before = self._failed.get(event.tier, "")
        if event.health == "failed":
            self._failed[event.tier] = event.reason
            if before == event.reason:
                return None
            return _entry(event, "trouble", f"{event.tier} failed", event.reason, "bad")
        if before and event.health == "ok":
            self._failed[event.tier] = ""
            return _entry(event, "tier", f"{event.tier} works again", style="good")
        return None


def _entry(event: ev.Event, kind: str, text: str, because: str = "", style: str = "") -> Entry:
    return Entry(
        event=event,
        at=event.at,
        kind=kind,
        text=f.printable(text),
        because=f.clean(because),
        style=style,
    )


def _why(order: Order, state: DeskState) -> str:
    """Return the reason chain of an order in one line."""
    reasons = [WORDS.get(order.reason, order.reason)]
    if order.side is Side.BUY:
        if order.prediction_id is not None:
            reasons.append(f"p {f.probability(order.priority)}")
        signal = state.signals.get(order.strategy_id or "")
        if signal is not None:
            approved = ""
            if signal.decided_at is not None:
                by = "you" if signal.decided_by == "person" else signal.decided_by
                approved = f" approved {f.new_york(signal.decided_at, '%H:%M')} by {by}"
            reasons.append(f"strategy {signal.signal.session}{approved}")
        elif order.strategy_id is not None:
            reasons.append(f"strategy {order.strategy_id}")
    return " ← ".join(reasons)


def _started(_tape: Tape, event: ev.EngineStarted, _state: DeskState) -> Entry:
    word = "goes on" if event.resumed else "begins"
    return _entry(event, "engine", f"run {event.run} {word}", style="dim")


def _stopped(_tape: Tape, event: ev.EngineStopped, _state: DeskState) -> Entry:
    return _entry(event, "engine", "the engine ended", because=event.reason, style="warn")


def _speed(_tape: Tape, event: ev.SpeedChanged, _state: DeskState) -> Entry:
    speed = f"{event.speed:g} times the wall clock" if event.speed else "as fast as it goes"
    return _entry(event, "speed", speed, style="dim")


def _opened(_tape: Tape, event: ev.SessionOpened, _state: DeskState) -> Entry:
    return _entry(event, "market", f"open until {f.new_york(event.close, '%H:%M')}", style="dim")


def _halts(_tape: Tape, event: ev.HaltsChanged, _state: DeskState) -> Entry:
    if event.halted:
        because = "; ".join(dict.fromkeys(event.halted.values()))
        names = f.names(tuple(event.halted))
        return _entry(event, "halt", f"no entries in {names}", because, "warn")
    return _entry(event, "resumed", f"entries in {f.names(event.resumed)} again", style="good")


def _closed(_tape: Tape, event: ev.SessionClosed, _state: DeskState) -> Entry:
    text = f"closed at an equity of {f.money(event.equity)}"
    return _entry(event, "market", text, style="dim")


def _moved(_tape: Tape, event: ev.PriceMoved, _state: DeskState) -> Entry:
    if event.kind == "halt":
        return _entry(event, "halt", f"trading in {event.symbol} stops", event.reason, "warn")
    if event.kind == "volume" or event.sigma is None:
        text = f"{event.symbol} trades {event.size:.0f} times its usual volume"
        return _entry(event, "volume", text, style="warn")
    over = "from the last close" if event.kind == "gap" else "in 5 minutes"
    moved = f.moved(math.expm1(event.size))
    because = f"{abs(event.size) / event.sigma:.1f} times what is usual"
    return _entry(event, event.kind, f"{event.symbol} {moved} {over}", because, "warn")


def _session_asked(_tape: Tape, event: ev.SessionAsked, _state: DeskState) -> Entry:
    said = {
        "event": "tier 3 is asked outside its hours",
        "hand": "tier 3 is asked outside its hours",
        "late": f"the {event.session} session is held now",
    }
    return _entry(event, "strategy", said[event.by], event.reason, "accent")


def _news(_tape: Tape, event: ev.NewsArrived, _state: DeskState) -> Entry | None:
    item = event.item
    if event.at - item.received_at > NEWS_BACKLOG:
        return None
    score = f"{f.score(event.score)}  " if event.score is not None else ""
    text = f"{','.join(item.symbols)} {score}{item.headline}"
    return _entry(event, "news", text, style="dim")


def _action(_tape: Tape, event: ev.ActionApplied, _state: DeskState) -> Entry:
    action = event.action
    what = f"split {action.ratio:g} for 1" if action.ratio != 1 else f"dividend {action.amount:.4g}"
    return _entry(event, "action", f"{action.symbol} {what}")


def _proposed(_tape: Tape, event: ev.SignalProposed, _state: DeskState) -> Entry:
    signal = event.signal
    text = (
        f"{signal.session} {signal.direction}, {len(signal.focus_stocks)} symbols wait for you"
        f" until {f.new_york(event.pending_until, '%H:%M')}"
    )
    source = "the local analyst" if signal.source == "local" else signal.source
    return _entry(event, "strategy", text, because=source, style="accent")


def _unchecked(_tape: Tape, event: ev.ThesisUnchecked, _state: DeskState) -> Entry:
    text = f"the thesis on {event.symbol} is unchecked: {event.invalid_if}"
    return _entry(event, "alert", text, event.reason, "warn")


def _abstained(_tape: Tape, event: ev.SignalAbstained, _state: DeskState) -> Entry:
    return _entry(event, "strategy", f"{event.session} no signal", because=event.reason)


def _decided(_tape: Tape, event: ev.SignalDecided, state: DeskState) -> Entry:
    signal = state.signals.get(event.signal_id)
    session = signal.signal.session if signal is not None else event.signal_id
    listed = f.names(event.symbols) or "the list"
    by = {"person": "you", "clock": "time ran out"}.get(event.by, event.by)
    because = f"{by}: {event.reason}" if event.reason else by
    style = {"approved": "good", "vetoed": "warn"}.get(event.decision, "dim")
    return _entry(event, event.decision, f"{listed} of {session}", because, style)


def _undone(_tape: Tape, event: ev.DecisionUndone, state: DeskState) -> Entry:
    signal = state.signals.get(event.signal_id)
    session = signal.signal.session if signal is not None else event.signal_id
    listed = f.names(event.symbols) or "the list"
    by = "you" if event.by == "person" else event.by
    again = f"; {event.restores} is in force again" if event.restores else ""
    return _entry(event, "undone", f"{listed} of {session} wait again{again}", by, "warn")


def _strategy_ended(_tape: Tape, event: ev.StrategyEnded, _state: DeskState) -> Entry:
    return _entry(event, "strategy", f"{event.signal_id} is over", because=event.reason)


def _adopted(_tape: Tape, event: ev.PositionAdopted, _state: DeskState) -> Entry:
    text = f"{f.quantity(event.quantity)} {event.symbol} are the desk's from {f.money(event.price)}"
    return _entry(event, "adopted", text, "you" if event.by == "person" else event.by, "warn")


def _locked(_tape: Tape, event: ev.LockSet, _state: DeskState) -> Entry:
    lock = event.lock
    until = f"until {f.new_york(lock.until, '%a %H:%M')}" if lock.until else "until lifted"
    text = f"{lock.name} on {lock.symbol or 'all entries'} {until}"
    return _entry(event, "lock", text, because=lock.reason, style="warn")


def _lifted(_tape: Tape, event: ev.LockLifted, _state: DeskState) -> Entry:
    return _entry(event, "lock", f"{event.name} lifted from {event.symbol or 'all'}", event.by)


def _paused(_tape: Tape, event: ev.EntriesPaused, _state: DeskState) -> Entry:
    return _entry(event, "paused", "entries are paused; exits go on", event.by, "warn")


def _resumed(_tape: Tape, event: ev.EntriesResumed, _state: DeskState) -> Entry:
    return _entry(event, "resumed", "entries are allowed", event.by, "good")


def _flatten_began(_tape: Tape, event: ev.FlattenBegan, _state: DeskState) -> Entry:
    text = "everything is being sold; entries are cancelled"
    return _entry(event, "flatten", text, WORDS.get(event.reason, event.reason), "bad")


def _flatten_ended(_tape: Tape, event: ev.FlattenEnded, _state: DeskState) -> Entry:
    return _entry(event, "flatten", "flattening is over", event.by, "warn")


def _alert(_tape: Tape, event: ev.Alert, _state: DeskState) -> Entry:
    return _entry(event, "alert", event.text, style="bad")


_TELLERS: dict[type[ev.Event], Callable[[Tape, Any, DeskState], Entry | None]] = {
    ev.EngineStarted: _started,
    ev.EngineStopped: _stopped,
    ev.SpeedChanged: _speed,
    ev.SessionOpened: _opened,
    ev.SessionClosed: _closed,
    ev.HaltsChanged: _halts,
    ev.PriceMoved: _moved,
    ev.SessionAsked: _session_asked,
    ev.NewsArrived: _news,
    ev.ActionApplied: _action,
    ev.SignalProposed: _proposed,
    ev.ThesisUnchecked: _unchecked,
    ev.SignalAbstained: _abstained,
    ev.SignalDecided: _decided,
    ev.DecisionUndone: _undone,
    ev.StrategyEnded: _strategy_ended,
    ev.OrderIntended: Tape._intended,
    ev.OrderFilled: Tape._filled,
    ev.OrderCancelled: Tape._cancelled,
    ev.StopMoved: Tape._stop,
    ev.EntryRefused: Tape._refuse,
    ev.PositionAdopted: _adopted,
    ev.LockSet: _locked,
    ev.LockLifted: _lifted,
    ev.EntriesPaused: _paused,
    ev.EntriesResumed: _resumed,
    ev.FlattenBegan: _flatten_began,
    ev.FlattenEnded: _flatten_ended,
    ev.Heartbeat: Tape._beat,
    ev.Alert: _alert,
}
