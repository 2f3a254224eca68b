"""A desk whose models have a life: champion, challenger, earlier ones, drift, a training."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.live_calibration import LiveCalibration, SessionTally
from hybrid_tui.domain.models import GateResult, ModelFacts, SymbolDrift
from hybrid_tui.tui.models.cards import Card
from tests.tui.builders import Story, normal

GATE = GateResult(is_passed=False, reason="log loss gained over the champion: 0.001 (-0.002 .. )")


def facts(name: str, expires_at: datetime | None = None) -> ModelFacts:
    """Return a model's facts."""
    return ModelFacts(
        id=name,
        trained_until=datetime(2026, 3, 6, 21, tzinfo=UTC),
        base_rate=0.49,
        threshold_bps=2.0,
        expires_at=expires_at,
    )


def living() -> Story:
    """Return the morning with a champion, a challenger in the shadow and a training under way."""
    story = normal()
    tell = story.tell
    tell(ev.ChampionNamed, "10:43", market="real", model=facts("real-20260228"))
    tell(ev.ModelDecided, "10:43", market="real", verdict="promoted", previous="real-20260228",
         model=facts("real-20260307", datetime(2026, 3, 27, 20, tzinfo=UTC)),
         reason="walk-forward: passed; 5 sessions in the shadow: it gained 0.004")  # fmt: skip
    tell(ev.ModelDecided, "10:43", market="real", verdict="rejected", previous="real-20260307",
         model=facts("real-20260310", datetime(2026, 3, 19, tzinfo=UTC)),
         reason="worse than forecasting the base rate")  # fmt: skip
    tell(ev.ShadowBegan, "10:43", model=facts("real-20260314"), champion_id="real-20260307",
         sessions=5, gate=GATE)  # fmt: skip
    symbols = {
        "NVDA": SymbolDrift(feature="volume", psi=0.31, outcome=0.12, windows=310),
        "META": SymbolDrift(feature="return_5", psi=0.14, outcome=None, windows=312),
        "XLK": SymbolDrift(feature="range", psi=0.02, outcome=0.01, windows=312),
    }
    tell(ev.DriftMeasured, "10:43", day=date(2026, 3, 19), model_id="real-20260307",
         symbols=symbols)  # fmt: skip
    tell(ev.TrainingAsked, "10:43", number=3, by="person")
    tell(ev.TrainingProgressed, "10:43", number=3, share=0.42, stage="gru, epoch 3",
         seconds_left=312.0)  # fmt: skip
    tally = SessionTally(
        day=date(2026, 3, 19),
        counts=[0, 0, 0, 4, 40, 52, 20, 6, 0, 0],
        said=[0.0, 0.0, 0.0, 1.4, 18.0, 28.6, 13.0, 4.5, 0.0, 0.0],
        came=[0, 0, 0, 1, 17, 30, 15, 3, 0, 0],
    )
    story.state.live_calibration = LiveCalibration(model_id="real-20260307")
    story.state.live_calibration.tallies.append(tally)
    return story


def card(name: str, gain: float = 0.0007) -> Card:
    """Return a model's card."""
    metrics: dict[str, float | int | None] = {"windows": 14_399, "days": 11, "ece": 0.0308,
                                              "at_or_above_0.70": 0}  # fmt: skip
    for figure, value, half in (
        ("auc", 0.5177, 0.05), ("brier", 0.249, 0.002), ("log_loss_gain", gain, 0.0017),
        ("interval_coverage", 0.924, 0.02),
    ):  # fmt: skip
        metrics |= {figure: value, f"{figure}_low": value - half, f"{figure}_high": value + half}
    return Card(
        id=name,
        market="real",
        first=datetime(2025, 9, 15, 17, 50, tzinfo=UTC),
        last=datetime(2026, 3, 13, 20, tzinfo=UTC),
        trained_until=datetime(2026, 3, 6, 21, tzinfo=UTC),
        threshold_bps=2.0,
        members=("lstm", "gru", "logistic"),
        metrics=metrics,
        reliability=tuple((0.32 + 0.03 * n, 0.30 + 0.035 * n, 1_440) for n in range(10)),
        text=f"# {name}\n\nTier 2 of the desk.\n\n| figure | value |\n|---|---|\n| AUC | 0.51 |",
    )


class SomeCards:
    """Cards made of a list."""

    def __init__(self, *cards: Card) -> None:
        self._cards = cards

    def cards(self) -> list[Card]:
        """Return them."""
        return list(self._cards)


CARDS = SomeCards(
    card("real-20260228", -0.003),
    card("real-20260307", 0.004),
    card("real-20260310"),
    replace(card("real-20260314"), measured_on="real-20260313"),
    Card(id="real-broken", damaged="manifest.json: members: Field required"),
)
