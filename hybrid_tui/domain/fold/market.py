"""Runs, sessions, prices, headlines and corporate actions, folded into the desk's state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar
from hybrid_tui.domain.calendar import Session
from hybrid_tui.domain.fold.table import Handlers

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

# By place: a bar's fields by name take three times as long.
CLOSE = Bar._fields.index("close")


def _started(state: DeskState, event: ev.EngineStarted) -> None:
    if not event.resumed:
        state.cash = state.starting_cash = event.cash
        state.reference_equity = state.peak_equity = event.cash
    state.started = event
    state.running = True
    state.speed = event.speed


def _stopped(state: DeskState, _event: ev.EngineStopped) -> None:
    state.running = False


def _speed(state: DeskState, event: ev.SpeedChanged) -> None:
    state.speed = event.speed


def _opened(state: DeskState, event: ev.SessionOpened) -> None:
    state.session = Session(day=event.day, open=event.open, close=event.close)
    state.entries_today = 0
    state.lifted.clear()
    state.event_sessions.clear()
    state.sessions_held.clear()
    state.moves.clear()
    state.day_open = dict(state.closes)
    state.locks = [lock for lock in state.locks if lock.until is None or lock.until > event.at]


def _closed(state: DeskState, event: ev.SessionClosed) -> None:
    state.session = None
    state.reference_equity = event.equity


def _ticked(state: DeskState, event: ev.Ticked) -> None:
    state.quotes.update(event.quotes)
    state.quoted_at.update(dict.fromkeys(event.quotes, event.at))
    for symbol, age in event.ages.items():
        state.quoted_at[symbol] = event.at - timedelta(seconds=age)


def _halts(state: DeskState, event: ev.HaltsChanged) -> None:
    for symbol in event.resumed:
        state.halts.pop(symbol, None)
    state.halts.update(event.halted)


def _bars(state: DeskState, event: ev.BarsClosed) -> None:
    closes, closed_at, at = state.closes, state.closed_at, event.at
    for symbol, bar in event.bars.items():
        closes[symbol] = bar[CLOSE]
        closed_at[symbol] = at


def _moved(state: DeskState, event: ev.PriceMoved) -> None:
    state.moves[f"{event.symbol} {event.kind}"] = event.at


def _nights(state: DeskState, event: ev.NightsMeasured) -> None:
    state.nights.update(event.gaps)


def _news(state: DeskState, event: ev.NewsArrived) -> None:
    if len(state.news) == state.news.maxlen:
        state.scores.pop(state.news[0].id, None)
    state.news.append(event.item)
    if event.score is not None:
        state.scores[event.item.id] = event.score


def _action(state: DeskState, event: ev.ActionApplied) -> None:
    action = event.action
    if action.symbol in state.closes:
        state.closes[action.symbol] /= action.ratio
    for order in list(state.orders.values()):
        if order.symbol == action.symbol:
            state.orders[order.id] = order.split(action.ratio)
    held = state.positions.get(action.symbol)
    if held is None:
        return
    state.cash += held.quantity * action.amount
    held.quantity *= action.ratio
    held.entry_price /= action.ratio
    held.high /= action.ratio
    held.level /= action.ratio


HANDLERS: Handlers = {
    ev.EngineStarted: _started,
    ev.EngineStopped: _stopped,
    ev.SpeedChanged: _speed,
    ev.SessionOpened: _opened,
    ev.SessionClosed: _closed,
    ev.Ticked: _ticked,
    ev.HaltsChanged: _halts,
    ev.BarsClosed: _bars,
    ev.PriceMoved: _moved,
    ev.NightsMeasured: _nights,
    ev.NewsArrived: _news,
    ev.ActionApplied: _action,
}
