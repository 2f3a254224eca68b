"""``backtest --walk-forward`` with tier 2: each fold's model is trained on its past alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.analysis.causality import other_future
from hybrid_tui.commands import walk_forward
from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.walk_forward import Fold, WalkForward, plan_walk
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.model_files import Model
from tests.ml.builders import random_walk, seconds

SESSIONS = 27
SPACE = ("rules.min_buy_probability=0.3|0.6",)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """The models that walks train, in order: of one epoch, on a few windows."""
    models: list[Model] = []
    train = walk_forward._trained

    def kept(asked: WalkForward, fold: Fold, number: int) -> Model:
        models.append(train(asked, fold, number))
        return models[-1]

    monkeypatch.setattr(walk_forward, "_trained", kept)
    monkeypatch.setattr(walk_forward, "MOST_EPOCHS", 1)
    monkeypatch.setattr(walk_forward, "MOST_WINDOWS", 600)
    return models


def asked_of(calendar: TradingCalendar, changed_from: int | None = None) -> WalkForward:
    """A walk of one fold over a random walk, whose future is another from an instant on."""
    state = CliState()
    bars = random_walk(calendar, "NVDA", sessions=SESSIONS)
    if changed_from is not None:
        bars = other_future(1)(bars, changed_from)
    begins_at = datetime.fromtimestamp(int(bars.start[0]) - 1, UTC)
    history = History(
        before={},
        traded={"NVDA": bars},
        interval=60,
        feed="test",
        fingerprint="",
        warnings=(),
        begins_at=begins_at,
        ends_at=datetime.fromtimestamp(int(bars.known_at[-1]), UTC),
    )
    forced: dict[str, object] = {
        "app.mode": "recorded",
        "app.tiers": ["rules", "ml"],
        "approval.policy": "auto",
    }
    always = ("rules.min_confidence=0", "rules.rsi_below=60")
    return WalkForward(
        state=state,
        config_of=lambda more: state.config((*always, *more), forced),
        history=history,
        headlines=(),
        folds=1,
        space=SPACE,
        seed=5,
    )


def walked(asked: WalkForward) -> dict[str, Any]:
    rows, _ = walk_forward.walk_forward(asked, list)
    (row,) = rows
    return row


def test_each_fold_retrains_on_its_past_only(
    calendar: TradingCalendar, home: Path, trained: list[Model]
) -> None:
    """With another future from the embargo on, the same is learned; a session earlier, it is not.

    A manifest holds the hash of each member's weights.
    """
    asked = asked_of(calendar)
    _, (fold,) = plan_walk(asked)
    rows = [walked(asked)]
    for days in (0, 1):
        rows.append(walked(asked_of(calendar, seconds(fold.until - timedelta(days=days)))))
    learned = [model.manifest.model_dump(exclude={"created_at", "data"}) for model in trained]
    assert learned[0] == learned[1]
    assert learned[1] != learned[2]
    assert trained[0].manifest.data == trained[1].manifest.data
    for name in ("settings", "in_sample_sharpe", "in_sample_return", "trained_until"):
        assert rows[0][name] == rows[1][name]


def test_the_past_the_choice_and_the_test_of_a_fold_are_apart(
    calendar: TradingCalendar, home: Path, trained: list[Model]
) -> None:
    """The model saw nothing that settings are chosen on; a session lies before the test."""
    row = walked(asked_of(calendar))
    (model,) = trained
    chosen_from, chosen_until = map(datetime.fromisoformat, row["chosen_on"])
    tested_from, _ = map(datetime.fromisoformat, row["tested_on"])
    assert model.manifest.trained_until < chosen_from < chosen_until
    between = [at for at in calendar.sessions if chosen_until < at.open < tested_from]
    assert len(between) == walk_forward.EMBARGO_SESSIONS
