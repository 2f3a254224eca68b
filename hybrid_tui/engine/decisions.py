"""What an engine decided, instant by instant, as plain rows that two runs can be compared by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.engine.recorder import Sink

Row = tuple[datetime, str, str, Any]


class DecisionLog:
    """A sink that passes events on and keeps (at, kind, symbol, value) of each decision."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.rows: list[Row] = []

    def append(self, event: ev.Event) -> None:
        """Take an event that the state already knows."""
        self._sink.append(event)
        match event:
            case ev.PredictionsMade():
                for made in event.predictions:
                    self._keep(event, "prediction", made.symbol, _figures(made))
                for silent in event.abstentions:
                    self._keep(event, "prediction", silent.symbol, silent.reason)
            case ev.OrderIntended(order=order):
                text = f"{order.side} {order.quantity:g}: {order.reason}"
                self._keep(event, "order", order.symbol, text)
            case ev.EntryRefused():
                self._keep(event, "refusal", event.symbol, event.reason)
            case ev.SignalProposed(signal=signal):
                text = (
                    f"{signal.direction} {signal.risk_level} {signal.overnight_target:g}"
                    f" {','.join(signal.focus_stocks)} {dict(signal.sentiment_scores)}"
                )
                self._keep(event, "signal", "", text)
            case ev.SignalAbstained():
                self._keep(event, "signal", "", f"none: {event.reason}")
            case ev.OrderFilled(fill=fill):
                self._keep(event, "fill", fill.symbol, f"{fill.quantity:g} at {fill.price!r}")
            case ev.StopMoved():
                self._keep(event, "stop", event.symbol, event.level)
            case ev.LockSet(lock=lock):
                self._keep(event, "lock", lock.symbol or "", lock.name)
            case ev.NewsArrived():
                self._keep(event, "sentiment", event.item.id, event.score)

    def commit(self) -> None:
        """Pass it on."""
        self._sink.commit()

    def _keep(self, event: ev.Event, kind: str, symbol: str, value: Any) -> None:
        self.rows.append((event.at, kind, symbol, value))


def _figures(made: MLPrediction) -> str:
    return (
        f"{made.buy_probability!r} confidence {made.confidence!r} price {made.price_forecast_1h!r}"
        f" volatility {made.volatility_forecast!r} familiar {made.familiar}"
    )
