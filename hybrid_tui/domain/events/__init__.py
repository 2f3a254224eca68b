"""What happened: the engine's only output. The screen, recovery and replay are folds of these.

Each event has the id of the event that caused it. ``durability`` says how it is kept: ``full`` is
on disk before anyone acts on it, ``batched`` is committed within a second and may be lost, ``none``
is shown and not kept.

A new event is declared in the module of its subject and named in that module's ``__all__``.
"""

from hybrid_tui.domain.events import (
    account,
    base,
    desk,
    market,
    models,
    orders,
    predictions,
    safety,
    strategy,
)
from hybrid_tui.domain.events.account import *
from hybrid_tui.domain.events.base import *
from hybrid_tui.domain.events.desk import *
from hybrid_tui.domain.events.market import *
from hybrid_tui.domain.events.models import *
from hybrid_tui.domain.events.orders import *
from hybrid_tui.domain.events.predictions import *
from hybrid_tui.domain.events.safety import *
from hybrid_tui.domain.events.strategy import *

EVENTS: dict[str, type[base.Event]] = {
    name: kind
    for module in (desk, market, strategy, predictions, models, orders, account, safety)
    for name, kind in vars(module).items()
    if name in module.__all__ and isinstance(kind, type)
}
