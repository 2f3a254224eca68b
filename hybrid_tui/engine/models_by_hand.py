"""A person's word on tier 2's models: the champion by hand, and the last one taken back."""

from __future__ import annotations

from datetime import datetime

from hybrid_tui.domain.commands import Ack
from hybrid_tui.domain.models import ModelFacts, Verdict
from hybrid_tui.engine.models import ModelDesk
from hybrid_tui.errors import ModelError

NO_MODELS = Ack(ok=False, message="tier 2 is off, or no model of it can be read")
BY_HAND = "by hand"


def promote(now: datetime, models: ModelDesk | None, model_id: str) -> Ack:
    """Make a model the champion, or say why not."""
    if models is None:
        return NO_MODELS
    book = models.book
    if book.champion == model_id and not book.suspended:
        return Ack(ok=False, message=f"{model_id} is the champion already")
    try:
        facts = models.plan.shelf.candidate(model_id)
    except ModelError as error:
        return Ack(ok=False, message=error.render())
    return _crown(now, models, "promoted", facts)


def roll_back(now: datetime, models: ModelDesk | None) -> Ack:
    """Make the champion of before champion again, or say why not."""
    if models is None:
        return NO_MODELS
    previous = models.plan.shelf.previous()
    if previous is None:
        return Ack(ok=False, message="no promotion is left to take back, or its model is gone")
    return _crown(now, models, "rolled_back", previous)


def _crown(now: datetime, models: ModelDesk, verdict: Verdict, facts: ModelFacts) -> Ack:
    if models.plan.is_pinned:
        return Ack(ok=False, message="ml.model names one model: set it to champion first")
    if facts.expires_at is not None and facts.has_expired(now):
        message = f"{facts.id} has expired on {facts.expires_at:%Y-%m-%d}: it gives no entries"
        if facts.has_held_out:
            message += f"; hybrid-tui ml refit {facts.id} fits it to the held-out days too"
        return Ack(ok=False, message=message)
    models.decide(now, verdict, facts, BY_HAND)
    return Ack(ok=True, message=f"{facts.id} is asked from the next prediction on")
