"""PENDING -> APPROVED | VETOED | EXPIRED, for a signal's list and for each symbol of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Approve, Undo, Veto
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import Decided, SignalState
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.theses import why_unchecked

PENDING_FOR = timedelta(minutes=30)
OFF = "tier 3 is switched off"


class Approvals:
    """Proposals, decisions on them, and their expiry."""

    def __init__(self, recorder: Recorder, *, policy: str, interval: int) -> None:
        self._recorder = recorder
        self._state: DeskState = recorder.state
        self._policy = policy
        self._interval = interval

    def propose(self, now: datetime, signal: StrategySignal, *, cause: int | None = None) -> None:
        """Put a signal up for decision; the policy ``auto`` approves it at once."""
        until = min(now + PENDING_FOR, signal.expires_at)
        self._recorder.emit(ev.SignalProposed, now, cause=cause, signal=signal, pending_until=until)
        for thesis in signal.theses:
            reason = why_unchecked(thesis.invalid_if, self._interval)
            if reason:
                self._recorder.emit(
                    ev.ThesisUnchecked,
                    now,
                    cause=self._state.signals[signal.id].event_id,
                    signal_id=signal.id,
                    symbol=thesis.symbol,
                    invalid_if=thesis.invalid_if,
                    reason=reason,
                )
        if self._policy == "auto":
            self._approve(now, self._state.signals[signal.id], signal.focus_stocks, "policy")

    def expire(self, now: datetime) -> None:
        """End what nobody decided in time, and the strategy in force when its time is over."""
        for found in list(self._state.signals.values()):
            waiting = _undecided(found)
            if now >= found.pending_until and (found.status == "pending" or waiting):
                self._expired(now, found, waiting)
        current = self._state.strategy_id
        if current is not None and now >= self._state.signals[current].signal.expires_at:
            self._ended(now, current, "expired")

    def switch_off(self, now: datetime) -> None:
        """End the strategy in force and what is pending: tier 3 has no say any more."""
        for found in list(self._state.signals.values()):
            waiting = _undecided(found)
            if found.status == "pending" or waiting:
                self._expired(now, found, waiting, OFF)
        if self._state.strategy_id is not None:
            self._ended(now, self._state.strategy_id, OFF)

    def approve(self, now: datetime, command: Approve) -> Ack:
        """Approve symbols (none named: all that are pending); the first puts it in force."""
        found, refusal = self._open(now, command.signal_id, command.symbols)
        if found is None:
            return Ack(ok=False, message=refusal)
        symbols = command.symbols or _undecided(found)
        self._approve(now, found, symbols, command.by)
        named = ", ".join(symbols) if symbols else "the strategy, with no symbols"
        return Ack(ok=True, message=f"approved {named} of {command.signal_id}")

    def veto(self, now: datetime, command: Veto) -> Ack:
        """Veto symbols (none named: all that are pending, and with them the list)."""
        found, refusal = self._open(now, command.signal_id, command.symbols)
        if found is None:
            return Ack(ok=False, message=refusal)
        symbols = command.symbols or _undecided(found)
        rest = set(_undecided(found)) - set(symbols)
        self._recorder.emit(
            ev.SignalDecided,
            now,
            cause=found.event_id,
            signal_id=found.signal.id,
            symbols=tuple(symbols),
            decision="vetoed",
            by=command.by,
            reason=command.reason,
            whole=found.status == "pending" and not rest,
        )
        named = ", ".join(symbols) if symbols else "the whole list"
        return Ack(ok=True, message=f"vetoed {named} of {command.signal_id}")

    def undo(self, now: datetime, command: Undo) -> Ack:
        """Take back the last decision on a signal, for the symbols that were not acted on.

        A first approval gives its place back to the strategy that it replaced; stop levels that
        were raised stay. An approval can be taken back after the list's time is over, a veto not.
        """
        found = self._state.signals.get(command.signal_id)
        if found is None:
            return Ack(ok=False, message=f"nothing was decided on {command.signal_id!r}")
        name = found.signal.id
        refusal = found.why_not_undone(now, in_force=self._state.strategy_id == name)
        if refusal:
            return Ack(ok=False, message=refusal)
        last, symbols = found.decisions[-1], found.decisions[-1].symbols
        is_first = last.decision == "approved" and last.status_before != "approved"
        if last.decision == "approved":
            symbols = tuple(symbol for symbol in last.symbols if symbol not in found.acted)
        is_whole = symbols == last.symbols and not (is_first and found.acted)
        restores = last.replaced if is_first and is_whole else ""
        old = self._state.signals.get(restores)
        if old is None or now >= old.signal.expires_at:
            restores = ""
        self._recorder.emit(
            ev.DecisionUndone,
            now,
            cause=found.event_id,
            signal_id=name,
            symbols=symbols,
            whole=is_whole,
            by=command.by,
            restores=restores,
        )
        self.expire(now)
        return Ack(ok=True, message=_undone(symbols, last, found, restores, is_first and is_whole))

    def _approve(self, now: datetime, found: SignalState, symbols: Sequence[str], by: str) -> None:
        old = self._state.strategy_id
        new = found.signal.id
        replaces = ""
        if old is not None and old != new:
            replaces = old
            self._replace(now, self._state.signals[old], new)
        self._recorder.emit(
            ev.SignalDecided,
            now,
            cause=found.event_id,
            signal_id=new,
            symbols=tuple(symbols),
            decision="approved",
            by=by,
            whole=not set(_undecided(found)) - set(symbols),
            replaces=replaces,
        )

    def _replace(self, now: datetime, old: SignalState, new: str) -> None:
        waiting = _undecided(old)
        if waiting:
            self._expired(now, old, waiting, f"replaced by {new}")
        self._ended(now, old.signal.id, f"replaced by {new}")

    def _expired(
        self, now: datetime, found: SignalState, symbols: tuple[str, ...], reason: str = ""
    ) -> None:
        self._recorder.emit(
            ev.SignalDecided,
            now,
            cause=found.event_id,
            signal_id=found.signal.id,
            symbols=symbols,
            decision="expired",
            by="clock",
            reason=reason,
            whole=found.status == "pending",
        )

    def _ended(self, now: datetime, signal_id: str, reason: str) -> None:
        cause = self._state.signals[signal_id].event_id
        self._recorder.emit(ev.StrategyEnded, now, cause=cause, signal_id=signal_id, reason=reason)

    def _open(
        self, now: datetime, signal_id: str, symbols: Sequence[str]
    ) -> tuple[SignalState | None, str]:
        found = self._state.signals.get(signal_id)
        if found is None:
            waiting = ", ".join(s.signal.id for s in self._state.pending(now)) or "none"
            return None, f"no signal {signal_id!r}; pending: {waiting}"
        if not found.is_pending(now):
            return None, f"{signal_id} is {found.status}: nothing of it waits for a decision"
        for symbol in symbols:
            status = found.symbols.get(symbol)
            if status != "pending":
                state = f"is {status}" if status else "is not on the list"
                return None, f"{symbol} {state} in {signal_id}"
        return found, ""


def _undone(
    symbols: Sequence[str], last: Decided, found: SignalState, restores: str, ends: bool
) -> str:
    listed = ", ".join(symbols) if symbols else "the list"
    waits = f"{'wait' if len(symbols) > 1 else 'waits'} again"
    if symbols and all(found.symbols[symbol] == "expired" for symbol in symbols):
        waits = "expired: the time to decide is over"
    said = f"undone: {listed} {waits}"
    stays = [symbol for symbol in last.symbols if symbol not in symbols]
    if stays:
        said += f"; acted on already: {', '.join(stays)}"
    if ends:
        said += f"; {restores} is in force again" if restores else "; no strategy is in force"
    return said


def _undecided(found: SignalState) -> tuple[str, ...]:
    return tuple(symbol for symbol, status in found.symbols.items() if status == "pending")
