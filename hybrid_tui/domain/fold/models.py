"""The life of tier 2's models, folded into the desk's state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.fold.table import Handlers
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.models import (
    BASE_RATE,
    CHALLENGER,
    CHAMPION,
    LINEAR,
    LIVE_SESSIONS,
    RECENT_DECISIONS,
    RECENT_MODELS,
    DayOfLosses,
    DecisionMade,
    ModelBook,
    ModelEntry,
    ModelStatus,
    Shadow,
    ShadowSaid,
    Training,
    Verdict,
)

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

LEAST_PROBABILITY = 1e-9
STATUS: Mapping[Verdict, ModelStatus] = {
    "promoted": "champion",
    "succeeded": "champion",
    "rolled_back": "champion",
    "rejected": "rejected",
    "suspended": "suspended",
}


def judge(book: ModelBook, outcomes: Iterable[Outcome]) -> None:
    """Book what became of the champion's predictions, and of the challenger's beside them."""
    facts = book.champion_facts
    if facts is None:
        return
    for outcome in outcomes:
        _book_live(book, outcome, facts.base_rate)
        if book.shadow is not None:
            _book_shadow(book.shadow, outcome, facts.base_rate)


def _book_live(book: ModelBook, outcome: Outcome, base_rate: float) -> None:
    day = outcome.horizon_end.astimezone(NEW_YORK).date()
    if not book.live or book.live[-1].day != day:
        book.live.append(DayOfLosses(day=day))
        while len(book.live) > LIVE_SESSIONS:
            book.live.popleft()
    came = float(outcome.came_true)
    _add(
        book.live[-1],
        {
            CHAMPION: (outcome.probability - came) ** 2,
            BASE_RATE: (base_rate - came) ** 2,
        },
    )


def _book_shadow(shadow: Shadow, outcome: Outcome, base_rate: float) -> None:
    """Find what was said of an outcome: the oldest of its symbol, horizon and probability."""
    while shadow.waiting and shadow.waiting[0].horizon_end < outcome.horizon_end:
        shadow.waiting.popleft()
    for said in shadow.waiting:
        if said.horizon_end > outcome.horizon_end:
            return
        if said.symbol == outcome.symbol and said.champion == outcome.probability:
            break
    else:
        return
    shadow.waiting.remove(said)
    day = outcome.horizon_end.astimezone(NEW_YORK).date()
    if not shadow.days or shadow.days[-1].day != day:
        shadow.days.append(DayOfLosses(day=day))
    probabilities = {
        CHALLENGER: said.challenger,
        CHAMPION: said.champion,
        BASE_RATE: base_rate,
        LINEAR: said.linear,
    }
    _add(
        shadow.days[-1],
        {
            name: _log_loss(probability, outcome.came_true)
            for name, probability in probabilities.items()
            if probability is not None
        },
    )


def _add(day: DayOfLosses, losses: Mapping[str, float]) -> None:
    day.outcomes += 1
    for name, loss in losses.items():
        day.losses[name] = day.losses.get(name, 0.0) + loss


def _log_loss(probability: float, came_true: bool) -> float:
    chance = probability if came_true else 1.0 - probability
    return -math.log(min(max(chance, LEAST_PROBABILITY), 1.0))


def _named(state: DeskState, event: ev.ChampionNamed) -> None:
    book, facts = state.models, event.model
    book.market = event.market
    if book.champion != facts.id:
        _crown(book, facts.id)
    entry = book.entries.get(facts.id)
    if entry is None:
        entry = ModelEntry(facts=facts, status="champion", since=event.at)
    entry.facts = facts
    if entry.status != "suspended":
        entry.status = "champion"
    _enter(book, entry)


def _crown(book: ModelBook, model_id: str) -> None:
    """Make another model the champion: what is known of the last one's record ends."""
    before = book.entries.get(book.champion or "")
    if before is not None and before.status == "champion":
        before.status = "retired"
    book.champion = model_id
    book.suspended = ""
    book.live.clear()
    book.drift.clear()
    if book.shadow is not None:
        book.shadow = None


def _training_asked(state: DeskState, event: ev.TrainingAsked) -> None:
    state.models.training = Training(number=event.number, asked_at=event.at, by=event.by)


def _progressed(state: DeskState, event: ev.TrainingProgressed) -> None:
    training = state.models.training
    if training is not None and training.number == event.number and training.is_running:
        training.share, training.stage = event.share, event.stage
        training.seconds_left = event.seconds_left


def _training_ended(state: DeskState, event: ev.TrainingEnded) -> None:
    book, training = state.models, state.models.training
    if training is None or training.number != event.number:
        return
    training.outcome, training.ended_at = event.outcome, event.at
    training.reason, training.seconds_left = event.reason, None
    if event.model is not None:
        training.model_id, training.share = event.model.id, 1.0
        book.trained_at = training.asked_at
        _enter(book, ModelEntry(facts=event.model, status="new", since=event.at, gate=event.gate))


def _shadow_began(state: DeskState, event: ev.ShadowBegan) -> None:
    book = state.models
    book.shadow = Shadow(
        model_id=event.model.id,
        champion_id=event.champion_id,
        began_at=event.at,
        sessions=event.sessions,
    )
    _enter(book, ModelEntry(facts=event.model, status="shadow", since=event.at, gate=event.gate))


def _enter(book: ModelBook, entry: ModelEntry) -> None:
    book.entries[entry.facts.id] = entry
    for old in list(book.entries)[:-RECENT_MODELS]:
        if book.entries[old].status in ("rejected", "retired"):
            del book.entries[old]


def _shadow_predicted(state: DeskState, event: ev.ShadowPredicted) -> None:
    shadow = state.models.shadow
    if shadow is None or shadow.model_id != event.model_id:
        return
    for symbol, probability in event.said.items():
        beside = state.predictions.get(symbol)
        if beside is not None and beside.at == event.made_at:
            shadow.waiting.append(
                ShadowSaid(
                    symbol=symbol,
                    horizon_end=beside.horizon_end,
                    champion=beside.buy_probability,
                    challenger=probability,
                    linear=event.linear.get(symbol),
                )
            )


def _decided(state: DeskState, event: ev.ModelDecided) -> None:
    book, model = state.models, event.model
    book.market = event.market
    book.decisions.append(
        DecisionMade(
            at=event.at,
            verdict=event.verdict,
            model_id=model.id,
            previous=event.previous,
            reason=event.reason,
            figures=event.figures,
        )
    )
    while len(book.decisions) > RECENT_DECISIONS:
        book.decisions.popleft()
    if event.verdict == "rolled_back" and event.previous in book.entries:
        broken = book.entries[event.previous]
        broken.status, broken.since, broken.reason = "suspended", event.at, event.reason
    entry = book.entries.setdefault(
        model.id, ModelEntry(facts=model, status=STATUS[event.verdict], since=event.at)
    )
    if STATUS[event.verdict] == "champion":
        _crown(book, model.id)
    elif event.verdict == "suspended":
        book.suspended = event.reason
    elif book.shadow is not None and book.shadow.model_id == model.id:
        book.shadow = None
    entry.facts = model
    entry.status, entry.since = STATUS[event.verdict], event.at
    entry.reason, entry.figures = event.reason, event.figures


def _drifted(state: DeskState, event: ev.DriftMeasured) -> None:
    book = state.models
    if event.model_id == book.champion:
        book.drift_day, book.drift = event.day, dict(event.symbols)


HANDLERS: Handlers = {
    ev.ChampionNamed: _named,
    ev.TrainingAsked: _training_asked,
    ev.TrainingProgressed: _progressed,
    ev.TrainingEnded: _training_ended,
    ev.ShadowBegan: _shadow_began,
    ev.ShadowPredicted: _shadow_predicted,
    ev.ModelDecided: _decided,
    ev.DriftMeasured: _drifted,
}
