"""Signals, predictions, heartbeats and charges, folded into the desk's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.fold import models
from hybrid_tui.domain.fold.table import Handlers
from hybrid_tui.domain.tiers import Beat, Decided, Meter, SignalState

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

RECENT_SIGNALS = 40


def _asked(state: DeskState, event: ev.SessionAsked) -> None:
    if event.by == "event":
        state.event_sessions.append(event.at)
    elif event.by == "hand":
        state.asked_by_hand = event.at


def _proposed(state: DeskState, event: ev.SignalProposed) -> None:
    signal = event.signal
    state.writing = ""
    state.sessions_held[signal.session] = event.at
    state.signals[signal.id] = SignalState(
        signal=signal,
        pending_until=event.pending_until,
        event_id=event.id,
        symbols=dict.fromkeys(signal.focus_stocks, "pending"),
    )
    needed = {state.strategy_id, *(held.strategy_id for held in state.positions.values())}
    for old in list(state.signals)[:-RECENT_SIGNALS]:
        if old not in needed:
            del state.signals[old]


def _unchecked(state: DeskState, event: ev.ThesisUnchecked) -> None:
    state.signals[event.signal_id].unchecked[event.invalid_if] = event.reason


def _decided(state: DeskState, event: ev.SignalDecided) -> None:
    found = state.signals[event.signal_id]
    if event.decision != "expired":
        found.decisions.append(
            Decided(
                symbols=event.symbols,
                decision=event.decision,
                status_before=found.status,
                replaced=event.replaces,
                reason=event.reason,
            )
        )
    for symbol in event.symbols:
        found.symbols[symbol] = event.decision
    if event.reason:
        found.reasons.append(event.reason)
    if event.decision == "approved":
        if found.status != "approved":
            state.strategy_id = event.signal_id
        found.status = "approved"
        found.decided_by, found.decided_at = event.by, event.at
    elif event.whole and found.status == "pending":
        found.status = event.decision
        found.decided_by, found.decided_at = event.by, event.at


def _undone(state: DeskState, event: ev.DecisionUndone) -> None:
    found = state.signals[event.signal_id]
    last = found.decisions.pop()
    for symbol in event.symbols:
        found.symbols[symbol] = "pending"
    if last.reason in found.reasons:
        found.reasons.remove(last.reason)
    if not event.whole:
        return
    if last.decision == "approved" and last.status_before != "approved":
        state.strategy_id = event.restores or None
    found.status = last.status_before
    if found.status == "pending":
        found.decided_by, found.decided_at = "", None


def _strategy_ended(state: DeskState, event: ev.StrategyEnded) -> None:
    if state.strategy_id == event.signal_id:
        state.strategy_id = None


def _predicted(state: DeskState, event: ev.PredictionsMade) -> None:
    for prediction in event.predictions:
        state.predictions[prediction.symbol] = prediction
        state.abstentions.pop(prediction.symbol, None)
    for abstention in event.abstentions:
        state.abstentions[abstention.symbol] = abstention
    state.prediction_event = event.id
    instants = [found.at for found in event.predictions] or [a.at for a in event.abstentions]
    if instants:
        # Live, the answer is booked later than the instant that it is of.
        state.live_calibration.heard(instants[0], event.outcomes)
        state.live_calibration.note(event.predictions)
        models.judge(state.models, event.outcomes)


def _charged(state: DeskState, event: ev.LlmCharged) -> None:
    amount = event.reserved_usd if event.settled_usd is None else event.settled_usd
    paid_at = event.paid_at or event.at
    state.charges[event.call_id] = (paid_at, amount)
    if event.today_usd is not None and event.month_usd is not None:
        state.llm_meter = Meter(
            read_at=paid_at, today_usd=event.today_usd, month_usd=event.month_usd
        )


def _meter_read(state: DeskState, event: ev.LlmMeterRead) -> None:
    state.llm_meter = Meter(read_at=event.at, today_usd=event.today_usd, month_usd=event.month_usd)


def _wrote(state: DeskState, event: ev.StrategistWrote) -> None:
    state.writing = event.text


def _abstained(state: DeskState, event: ev.SignalAbstained) -> None:
    state.writing = ""
    state.sessions_held[event.session] = event.at


def _learnt(state: DeskState, event: ev.LessonLearnt) -> None:
    state.lessons.append(event.lesson)


def _beat(state: DeskState, event: ev.Heartbeat) -> None:
    state.beats[event.tier] = Beat(
        at=event.at, health=event.health, reason=event.reason, next_at=event.next_at
    )


HANDLERS: Handlers = {
    ev.SessionAsked: _asked,
    ev.SignalProposed: _proposed,
    ev.ThesisUnchecked: _unchecked,
    ev.SignalDecided: _decided,
    ev.DecisionUndone: _undone,
    ev.StrategyEnded: _strategy_ended,
    ev.PredictionsMade: _predicted,
    ev.LlmCharged: _charged,
    ev.LessonLearnt: _learnt,
    ev.LlmMeterRead: _meter_read,
    ev.StrategistWrote: _wrote,
    ev.SignalAbstained: _abstained,
    ev.Heartbeat: _beat,
}
