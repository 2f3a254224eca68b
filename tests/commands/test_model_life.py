"""Composing the life of models: the shelf's files, the commands of a training, the defaults."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.markets import DeskMarket
from hybrid_tui.commands.model_life import (
    FileShelf,
    facts_of,
    life_plan,
    retrains_weekly,
    training_plan,
)
from hybrid_tui.config import Config
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.events import ChampionNamed, ModelDecided, ShadowBegan
from hybrid_tui.domain.models import UNREACHABLE
from hybrid_tui.domain.ports import Feed, TrainingTask
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.trainer import TrainingPlan
from hybrid_tui.errors import ConfigError, ModelError
from hybrid_tui.journal.decisions import ModelDecision, add_decision
from hybrid_tui.journal.journal import Journal
from hybrid_tui.ml.model_files import read_champions, read_manifest, shipped_models

SHIPPED = "ensemble-real-2026.02"
SATURDAY = datetime(2026, 3, 7, 11, tzinfo=UTC)


@pytest.fixture
def journal(home: Path) -> Journal:
    return Journal(home / "journal.db")


@pytest.fixture
def shelf(home: Path, journal: Journal) -> FileShelf:
    folder = home / "models" / "second"
    shutil.copytree(shipped_models() / SHIPPED, folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "id": "second"}))
    decision = ModelDecision(
        at=SATURDAY,
        market="real",
        action="promote",
        model_id="second",
        previous=SHIPPED,
        reason="it beat every rival",
    )
    add_decision(journal.connection, decision)
    return FileShelf(CliState(), journal.connection, "real", 14)


def test_a_decision_that_a_crash_kept_from_the_files_is_made_good(
    shelf: FileShelf, home: Path
) -> None:
    heard: list[str] = []
    shelf.told = lambda: heard.append("new")
    shelf.settle()
    assert read_champions(home / "models") == {"real": "second"}
    shelf.settle()
    assert heard == ["new"], "once is enough"
    before = shelf.previous()
    assert before is not None
    assert before.id == SHIPPED


def test_the_journal_tells_what_was_rejected(shelf: FileShelf, journal: Journal) -> None:
    state = DeskState()
    journal.start_run("r", "paper", "d", SATURDAY)
    journal.follow("r", state)
    recorder = Recorder(state, journal)
    facts = shelf.facts("second")
    recorder.emit(ChampionNamed, SATURDAY, market="real", model=shelf.facts(SHIPPED))
    recorder.emit(
        ModelDecided, SATURDAY, market="real", verdict="rejected", model=facts, previous=None,
        reason="worse", figures={},
    )  # fmt: skip
    journal.flush()
    assert [shelf.is_rejected(name) for name in ("second", SHIPPED, "none")] == [True, False, False]


def test_a_decision_for_a_model_that_is_gone_changes_nothing(shelf: FileShelf, home: Path) -> None:
    shutil.rmtree(home / "models" / "second")
    shelf.settle()
    assert read_champions(home / "models") == {}


def test_a_candidate_is_whole_and_has_a_level_where_one_is_wanted(
    shelf: FileShelf, journal: Journal, home: Path
) -> None:
    assert shelf.candidate("second") == shelf.facts("second")
    assert shelf.candidate("second").entry_level is None
    with pytest.raises(ModelError, match="simulated market"):
        shelf.candidate("ensemble-sim-1")
    auto = FileShelf(CliState(), journal.connection, "real", 14, is_auto=True)
    path = home / "models" / "second" / "manifest.json"
    document = json.loads(path.read_text())
    threshold = {"confidence": 0.9, "outcomes": 400, "days": 9}
    for level, expected in ((0.55, 0.55), (None, UNREACHABLE)):
        path.write_text(json.dumps({**document, "threshold": {**threshold, "level": level}}))
        assert auto.candidate("second").entry_level == expected
    path.write_text(json.dumps({**document, "threshold": None}))
    with pytest.raises(ModelError, match="carries none"):
        auto.candidate("second")
    weights = home / "models" / "second" / "gru.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="vouches for"):
        shelf.candidate("second")


def test_the_champion_of_before_is_not_gone_back_to_when_it_is_damaged(
    shelf: FileShelf, journal: Journal, home: Path
) -> None:
    decision = ModelDecision(
        at=SATURDAY, market="real", action="promote", model_id=SHIPPED, previous="second",
        reason="by hand",
    )  # fmt: skip
    add_decision(journal.connection, decision)
    before = shelf.previous()
    assert before is not None
    assert before.id == "second"
    (home / "models" / "second" / "lstm.safetensors").write_bytes(b"")
    assert shelf.previous() is None


def test_age_counts_from_the_last_instant_that_the_model_has_seen() -> None:
    manifest = read_manifest(shipped_models() / SHIPPED)
    assert facts_of(manifest, None).expires_at is None
    facts = facts_of(manifest, 14)
    assert facts.expires_at == manifest.trained_until + timedelta(days=14)
    assert facts.expires_at is not None
    assert facts.has_expired(facts.expires_at)
    assert not facts.has_expired(facts.expires_at - timedelta(seconds=1))


def test_a_live_training_fetches_bars_and_ends_with_the_last_whole_session(
    home: Path, calendar: TradingCalendar
) -> None:
    config = Config.model_validate(
        {"app": {"mode": "paper", "watchlist": ["SPY", "NVDA"]}, "market": {"provider": "yahoo"}}
    )
    state = CliState(profile="p", overrides=("app.mode=paper",))
    task = TrainingTask(number=1, asked_at=SATURDAY)
    rejected: set[str] = set()

    def planned(asked: TrainingTask = task) -> TrainingPlan:
        return training_plan(state, config, "real", calendar, asked, rejected.__contains__)

    plan = planned()
    assert (plan.measured, plan.name) == ("real-20260306", "real-20260306-refit")
    start = ("--profile", "p", "--set", "app.mode=paper")
    assert plan.fetch[:8] == (*start, "data", "fetch", "--provider", "yahoo")
    assert plan.train[:6] == (*start, "ml", "train")
    assert plan.train[plan.train.index("--end") + 1] == "2026-03-06"
    assert plan.judge[4:7] == ("ml", "judge", "real-20260306")
    assert plan.refit[4:7] == ("ml", "refit", "real-20260306")
    assert plan.refit[plan.refit.index("--id") + 1] == plan.name
    folder = home / "models" / "real-20260306"
    folder.mkdir(parents=True)
    assert planned().measured == "real-20260306-2"
    path = folder / "manifest.json"
    path.touch()
    assert planned().measured == "real-20260306-2", "it cannot be read"
    made = json.loads((shipped_models() / SHIPPED / "manifest.json").read_text())
    path.write_text(json.dumps({**made, "id": folder.name}))
    assert planned().measured == "real-20260306-2", "it is of other symbols"
    asked_for = {**made["data"], "symbols": ["NVDA", "SPY"]}
    path.write_text(json.dumps({**made, "id": folder.name, "data": asked_for}))
    again = planned()
    assert (again.measured, again.fetch, again.train) == (plan.measured, (), ())
    assert (again.judge, again.refit) == (plan.judge, plan.refit), "it goes on where it was"
    rejected.add(plan.measured)
    anew = planned()
    assert (anew.measured, bool(anew.train)) == ("real-20260306-2", True), "it was not refitted"
    rejected.clear()
    (home / "models" / plan.name).mkdir()
    assert planned().measured == "real-20260306-2"
    noon = replace(task, asked_at=datetime(2026, 3, 6, 17, tzinfo=UTC))
    assert planned(noon).measured == "real-20260305"
    simulated = training_plan(state, Config(), "simulated", calendar, task, lambda _: False)
    assert simulated.fetch == ()
    assert simulated.train[simulated.train.index("--data") + 1] == "sim"
    assert "--seed" in simulated.judge
    assert "--seed" not in simulated.refit, "the recipe has it"


@pytest.mark.parametrize(
    ("mode", "wanted", "weekly"),
    [
        ("sim", None, False),
        ("recorded", None, False),
        ("paper", None, True),
        ("sim", "weekly", True),
        ("paper", "off", False),
    ],
)
def test_models_are_trained_weekly_on_live_data_unless_told_otherwise(
    mode: str, wanted: str | None, weekly: bool
) -> None:
    ml = {} if wanted is None else {"retrain": wanted}
    config = Config.model_validate({"app": {"mode": mode}, "ml": ml})
    assert retrains_weekly(config) is weekly


@pytest.mark.parametrize("mode", ["paper", "recorded"])
def test_recorded_days_judge_no_model_and_leave_the_live_desks_challenger_alone(
    shelf: FileShelf, journal: Journal, mode: str
) -> None:
    state = DeskState()
    journal.start_run("r", "paper", "d", SATURDAY)
    journal.follow("r", state)
    recorder = Recorder(state, journal)
    champion, challenger = shelf.facts("second"), shelf.facts(SHIPPED)
    recorder.emit(ChampionNamed, SATURDAY, market="real", model=champion)
    recorder.emit(ShadowBegan, SATURDAY, model=challenger, champion_id="second", sessions=5)
    journal.flush()
    feed = cast(Feed, None)
    market = DeskMarket(feed=feed, begins_at=SATURDAY, day="d", kind="real", name="n")
    config = Config.model_validate({"app": {"mode": mode}})
    plan = life_plan(CliState(), config, market, journal.connection, shelf)
    assert plan is not None
    challenged_by = plan.challenger.id if plan.challenger is not None else None
    expected = (True, SHIPPED) if mode == "paper" else (False, None)
    assert (plan.is_judged, challenged_by) == expected


def test_a_day_that_is_none_is_a_mistake_in_the_configuration(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"ml\.retrain_at"):
        CliState(overrides=("ml.retrain_at=Someday 06:00",)).config()
