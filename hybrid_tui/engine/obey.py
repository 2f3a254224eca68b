"""What a person asks for, done or refused with a reason."""

from __future__ import annotations

from datetime import datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import (
    Ack,
    AdoptPosition,
    Approve,
    ClosePosition,
    Command,
    Flatten,
    LiftLock,
    Pause,
    PromoteModel,
    Resume,
    RollBackModel,
    TightenStop,
    TrainNow,
    Undo,
    Veto,
)
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.engine.approval import Approvals
from hybrid_tui.engine.models import ModelDesk
from hybrid_tui.engine.models_by_hand import NO_MODELS, promote, roll_back
from hybrid_tui.engine.orders import OrderDesk
from hybrid_tui.engine.recorder import Recorder


def obey(
    now: datetime,
    command: Command,
    orders: OrderDesk,
    approvals: Approvals,
    models: ModelDesk | None,
    recorder: Recorder,
) -> Ack:
    """Carry out a command at ``now`` and say what came of it."""
    state = recorder.state
    match command:
        case Approve():
            return approvals.approve(now, command)
        case Veto():
            return approvals.veto(now, command)
        case Undo():
            return approvals.undo(now, command)
        case TightenStop():
            return _tighten(now, command, orders, recorder)
        case AdoptPosition():
            return adopt(now, command, orders, recorder)
        case Pause():
            if not state.paused:
                recorder.emit(ev.EntriesPaused, now, by=command.by)
            return Ack(ok=True, message="entries are paused; exits go on")
        case Resume():
            if state.flattening is not None:
                recorder.emit(ev.FlattenEnded, now, by=command.by)
            if state.paused:
                recorder.emit(ev.EntriesResumed, now, by=command.by)
            return Ack(ok=True, message="entries are allowed")
        case ClosePosition(symbol=symbol):
            if symbol not in state.positions:
                held = ", ".join(sorted(state.positions)) or "nothing"
                return Ack(ok=False, message=f"{symbol} is not held; held: {held}")
            if state.exit_order(symbol) is not None:
                return Ack(ok=True, message=f"{symbol} is being sold already")
            orders.sell(now, symbol, ExitReason.MANUAL)
            return Ack(ok=True, message=f"selling {symbol} at the next open")
        case Flatten():
            return _flatten(now, command, orders, recorder)
        case LiftLock(name=name, symbol=symbol):
            locked = {
                (lock.name, lock.symbol): lock.label for lock in state.locks if lock.holds(now)
            }
            if (name, symbol) not in locked:
                asked = f"{name} {symbol}" if symbol else name
                named = ", ".join(sorted(locked.values())) or "none"
                return Ack(ok=False, message=f"no lock {asked!r}; locks: {named}")
            recorder.emit(ev.LockLifted, now, name=name, symbol=symbol, by=command.by)
            return Ack(ok=True, message=f"lifted {name}{f' on {symbol}' if symbol else ''}")
        case TrainNow():
            if models is None:
                return NO_MODELS
            return models.obey_train(now, command)
        case PromoteModel(model_id=model_id):
            return promote(now, models, model_id)
        case RollBackModel():
            return roll_back(now, models)
        case _:
            return Ack(ok=False, message=f"{type(command).__name__} is not for the engine")


def _tighten(now: datetime, command: TightenStop, orders: OrderDesk, recorder: Recorder) -> Ack:
    """Raise a stop: never lower it, and never above the price, where it would sell at once."""
    state, symbol, level = recorder.state, command.symbol, command.level
    held = state.positions.get(symbol)
    if held is None:
        names = ", ".join(sorted(state.positions)) or "nothing"
        return Ack(ok=False, message=f"{symbol} is not held; held: {names}")
    if state.exit_order(symbol) is not None:
        return Ack(ok=False, message=f"{symbol} is being sold already")
    price = state.last_price(symbol)
    if not held.level < level:
        return Ack(
            ok=False,
            message=f"a stop is never loosened: that of {symbol} is at {held.level:.2f} already",
        )
    if price is None or level >= price:
        at = "not known" if price is None else f"{price:.2f}"
        return Ack(
            ok=False, message=f"{level:.2f} is not below the price ({at}): closing sells at once"
        )
    orders.tighten(now, symbol, level)
    return Ack(ok=True, message=f"the stop of {symbol} is raised to {level:.2f}")


def adopt(now: datetime, command: AdoptPosition, orders: OrderDesk, recorder: Recorder) -> Ack:
    """Take a position of the account over, where it is whole, watched and free of strangers."""
    state, symbol = recorder.state, command.symbol
    outside = state.externals
    quantity = outside.positions.get(symbol, 0.0) if outside is not None else 0.0
    watched = state.started.watchlist if state.started is not None else ()
    price = state.last_price(symbol)
    refusal = ""
    if outside is None or quantity <= 0:
        names = ", ".join(sorted(outside.positions)) if outside is not None else ""
        refusal = f"the account holds no {symbol} beside this desk; it holds: {names or 'nothing'}"
    elif symbol in state.positions or state.has_order(symbol):
        refusal = f"{symbol} is the desk's own already, or on order"
    elif quantity != int(quantity):
        refusal = f"{quantity:g} {symbol} are not whole shares: no stop can rest for them"
    elif any(text.split()[0] == symbol for text in outside.orders):
        refusal = f"orders in {symbol} are open outside this desk: cancel them first"
    elif symbol not in watched:
        refusal = f"{symbol} is not on the watchlist: nobody would follow its price"
    elif price is None:
        refusal = f"no price of {symbol} is known yet"
    if refusal or price is None:
        return Ack(ok=False, message=refusal)
    orders.adopt(now, symbol, quantity, price, command.by)
    return Ack(ok=True, message=f"{quantity:g} {symbol} are the desk's from {price:.2f} on")


def _flatten(now: datetime, command: Command, orders: OrderDesk, recorder: Recorder) -> Ack:
    state = recorder.state
    if not state.paused:
        recorder.emit(ev.EntriesPaused, now, by=command.by)
    selling = [symbol for symbol in sorted(state.positions) if state.exit_order(symbol) is None]
    cancelled = orders.flatten(now, ExitReason.FLATTEN, command.by)
    sold = ", ".join(selling) or "nothing"
    return Ack(
        ok=True,
        message=f"entries paused, {cancelled} entries cancelled, selling {sold} at the next open",
    )
