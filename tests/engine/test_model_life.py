"""What happens to tier 2's models over weeks: trained, shadowed, promoted, rolled back, mended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.commands import PromoteModel, RollBackModel, TrainNow
from hybrid_tui.domain.models import UNREACHABLE, GateResult
from hybrid_tui.domain.ports import TrainingResult
from hybrid_tui.journal.decisions import before_last, decisions
from hybrid_tui.journal.model_tables import last_training, latest_drift, model_rows
from tests.engine.model_life import (
    FAILED,
    PASSED,
    WORSE,
    Shelf,
    World,
    days,
    errs,
    facts,
    knows,
    new_york,
    shrugs,
)

# 6 October 2025 is a Monday.
MONDAY = "2025-10-06T08:00"
GUESSES = {"old": shrugs, "new": knows, "newer": knows, "weak": shrugs, "wild": errs}
BROKEN = TrainingResult(outcome="failed", reason="the bar store has no one-minute bars")


def test_a_training_begins_on_saturday_and_then_a_week_later(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(
        tmp_path, calendar, MONDAY, GUESSES, facts("old"), slot="Sat 06:00",
        trained_at=new_york("2025-10-04T06:00"),
    )  # fmt: skip
    world.until("2025-10-12T00:00")
    assert days(world.events(ev.TrainingAsked)) == ["Sat 11 06:00"]
    world.trained("new")
    world.until("2025-10-20T00:00")
    assert days(world.events(ev.TrainingAsked)) == ["Sat 11 06:00", "Sat 18 06:00"]


def test_a_missed_saturday_is_made_up_for_after_the_next_close(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, "2025-10-07T10:00", GUESSES, facts("old"), slot="Sat 06:00")
    world.until("2025-10-08T00:00")
    assert days(world.events(ev.TrainingAsked)) == ["Tue 07 16:15"]
    world.answer(BROKEN)
    world.until("2025-10-10T00:00")
    assert days(world.events(ev.TrainingAsked))[1:] == ["Wed 08 16:15"], "a day later, once"
    assert world.book.training is not None
    assert world.book.training.is_running


def test_no_training_begins_without_a_slot_or_while_one_runs(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    world.until("2025-10-20T00:00")
    assert world.events(ev.TrainingAsked) == []
    assert world.command(TrainNow(by="cli")).ok
    refused = world.command(TrainNow())
    assert not refused.ok
    assert "training 1 is under way" in refused.message
    world.answer(BROKEN)
    assert world.command(TrainNow()).message == "training 2 begins"


def test_a_training_that_died_with_the_desk_is_asked_for_again(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, "2025-10-11T05:00", GUESSES, facts("old"), slot="Sat 06:00")
    world.until("2025-10-11T06:30")
    assert len(world.asked) == 1
    world.restart()
    (ended,) = world.events(ev.TrainingEnded)
    assert (ended.outcome, ended.reason) == ("interrupted", "the desk ended before it did")
    world.until("2025-10-11T06:31")
    assert [job.task.number for job in world.asked] == [2]
    world.trained("new")
    world.restart()
    world.until("2025-10-12T00:00")
    assert world.asked == [], "the journal knows that this week's is done"
    asked = last_training(world.journal.connection, "real", "paper")
    assert asked == world.events(ev.TrainingAsked)[-1].at


def challenge(world: World, name: str, gate: GateResult = PASSED) -> None:
    assert world.command(TrainNow()).ok
    world.trained(name, gate)


def test_a_challenger_that_beats_everything_is_promoted_after_its_week(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    world.until("2025-10-10T15:59")
    assert world.decided() == []
    assert world.book.shadow is not None
    assert world.book.shadow.outcomes > 500
    asked = {made.model_id for one in world.events(ev.PredictionsMade) for made in one.predictions}
    assert asked == {"old"}, "a challenger decides nothing"
    assert {made.model_id for made in world.events(ev.ShadowPredicted)} == {"new"}
    world.until("2025-10-10T17:00")
    (decision,) = world.events(ev.ModelDecided)
    assert (decision.verdict, decision.model.id, decision.previous) == ("promoted", "new", "old")
    assert days([decision]) == ["Fri 10 16:00"]
    assert decision.figures["shadow the champion low"] > 0
    assert "5 sessions in the shadow" in decision.reason
    assert world.shelf.installed == ["new"]
    assert before_last(decisions(world.journal.connection, "real")) == "old"
    rows = model_rows(world.journal.connection)
    assert {name: row.status for name, row in rows.items()} == {"old": "retired", "new": "champion"}
    world.until("2025-10-13T11:00")
    assert {made.model_id for made in world.state.predictions.values()} == {"new"}


def test_what_knows_fridays_data_is_promoted_a_week_later_and_lives_another_week(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    world.shelf.expires_at = new_york("2025-10-03T16:00") + timedelta(days=14)
    world.until("2025-10-17T15:59")
    assert world.decided() == [("promoted", "new")]
    assert world.state.beats["ml"].health == "ok"
    made = {prediction.at for prediction in world.state.predictions.values()}
    assert made == {new_york("2025-10-17T15:30")}
    world.until("2025-10-20T12:00")
    assert {prediction.at for prediction in world.state.predictions.values()} == made
    assert "new has expired on 2025-10-17" in world.state.beats["ml"].reason


def test_what_is_worse_than_the_base_rate_is_let_into_no_shadow(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new", WORSE)
    assert world.decided() == [("rejected", "new")]
    assert "worse than forecasting the base rate" in world.book.decisions[-1].reason
    assert world.book.shadow is None


def test_what_is_damaged_when_its_week_is_over_is_rejected_and_the_champion_stays(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    world.until("2025-10-10T12:00")
    world.shelf.damaged.add("new")
    world.until("2025-10-13T11:00")
    assert world.decided() == [("rejected", "new")]
    assert "new is not what its manifest vouches for" in world.book.decisions[-1].reason
    assert world.shelf.installed == []
    assert {made.model_id for made in world.state.predictions.values()} == {"old"}


def test_entries_need_what_the_champion_of_the_hour_needs(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    champion = replace(facts("old"), entry_level=0.6)
    world = World(tmp_path, calendar, MONDAY, GUESSES, champion)
    world.shelf.levels = {"old": 0.6, "new": 0.8, "weak": UNREACHABLE}
    challenge(world, "new")
    world.until("2025-10-10T17:00")
    assert world.decided() == [("promoted", "new")]
    assert "entries need a buy probability of 0.80" in world.events(ev.Alert)[-1].text
    level = world.book.entry_level
    assert (level("old", 0.7), level("new", 0.7), level("other", 0.7)) == (0.6, 0.8, 0.7)
    world.restart()
    assert world.book.entry_level("new", 0.7) == 0.8, "the journal has it"
    assert world.command(PromoteModel(model_id="weak")).ok
    assert world.book.entry_level("weak", 0.7) > 1
    assert "nothing is entered" in world.events(ev.Alert)[-1].text


@pytest.mark.parametrize(("name", "gate"), [("weak", PASSED), ("new", FAILED)])
def test_a_challenger_that_fails_at_either_gate_is_rejected(
    tmp_path: Path, calendar: TradingCalendar, name: str, gate: GateResult
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, name, gate)
    world.until("2025-10-14T00:00")
    assert world.decided() == [("rejected", name)]
    assert "did not beat" in world.events(ev.ModelDecided)[0].reason
    assert world.shelf.installed == []
    assert world.book.champion == "old"


def test_a_newer_challenger_takes_the_place_of_one_in_the_shadow(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    world.until("2025-10-08T20:00")
    challenge(world, "newer")
    world.until("2025-10-15T15:00")
    assert world.decided() == [("rejected", "new")]
    world.until("2025-10-15T17:00")
    assert world.decided()[1:] == [("promoted", "newer")]


def test_a_shadow_week_survives_restarts(tmp_path: Path, calendar: TradingCalendar) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    for day in (6, 7, 8, 9, 10):
        world.until(f"2025-10-{day:02}T13:10")
        world.restart()
    world.until("2025-10-10T17:00")
    assert world.decided() == [("promoted", "new")]
    assert world.shelf.installed == ["new"]


def test_a_broken_champion_is_rolled_back_and_nothing_flaps(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    shelf = Shelf(previous=facts("old"))
    guesses = {**GUESSES, "old": errs}
    world = World(tmp_path, calendar, MONDAY, guesses, facts("wild"), shelf=shelf)
    world.until("2025-10-17T15:59")
    assert world.decided() == [], "nine sessions are too few to tell"
    world.until("2025-10-17T17:00")
    (decision,) = world.events(ev.ModelDecided)
    assert (decision.verdict, decision.model.id, decision.previous) == (
        "rolled_back", "old", "wild",
    )  # fmt: skip
    assert decision.figures["low"] > 0.03**2
    assert decision.figures["sessions"] == 10
    assert shelf.installed == ["old"]
    assert world.book.entries["wild"].status == "suspended"
    shelf.before = facts("wild")
    world.restart()
    world.until("2025-11-14T17:00")
    assert world.decided() == [("rolled_back", "old"), ("suspended", "old")]
    gap = world.events(ev.ModelDecided)[1].at - decision.at
    assert gap >= timedelta(days=7), "it goes back to no model that broke, and not within a week"


def test_a_person_makes_a_model_champion_and_takes_it_back(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    shelf = Shelf()
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"), shelf=shelf)
    world.until("2025-10-06T11:00")
    assert world.command(PromoteModel(model_id="old")).message == "old is the champion already"
    assert "no model 'gone'" in world.command(PromoteModel(model_id="gone")).message
    assert "no promotion" in world.command(RollBackModel()).message
    assert world.decided() == []
    assert world.command(PromoteModel(model_id="new")).ok
    world.until("2025-10-06T12:00")
    shelf.before = facts("old")
    assert world.command(RollBackModel()).ok
    world.until("2025-10-06T13:00")
    assert world.decided() == [("promoted", "new"), ("rolled_back", "old")]
    assert shelf.installed == ["new", "old"]
    assert world.book.champion == "old"
    shelf.expires_at = new_york("2025-10-01T00:00")
    refused = world.command(PromoteModel(model_id="weak")).message
    assert "has expired" in refused
    assert "hybrid-tui ml refit weak fits it to the held-out days too" in refused


def test_a_suspended_champion_gives_no_entries_and_a_new_model_succeeds_it(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("wild"))
    world.until("2025-10-20T12:00")
    assert world.decided() == [("suspended", "wild")]
    assert world.shelf.installed == []
    said = world.state.predictions.values()
    assert {(made.confidence, made.target_position) for made in said} == {(0.0, 0.0)}
    beat = world.state.beats["ml"]
    assert "no entries: the live calibration of wild broke" in beat.reason
    assert "hybrid-tui ml retrain" in beat.reason
    challenge(world, "new", FAILED)
    assert world.decided()[1:] == [("succeeded", "new")]
    world.until("2025-10-20T13:00")
    assert world.state.beats["ml"].reason == ""
    assert all(made.target_position > 0 for made in world.state.predictions.values())


def test_an_expired_champion_says_what_mends_it_and_training_does(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    expires = new_york("2025-10-07T12:45")
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old", expires))
    world.until("2025-10-07T12:00")
    assert world.state.beats["ml"].health == "ok"
    world.until("2025-10-07T13:30")
    beat = world.state.beats["ml"]
    assert beat.health == "failed"
    assert (
        "model old has expired on 2025-10-07; train a new one: hybrid-tui ml retrain" in beat.reason
    )
    made = len(world.events(ev.PredictionsMade))
    world.restart()
    assert world.state.beats["ml"].health == "failed", "it is said from the start"
    challenge(world, "weak", WORSE)
    assert world.decided() == [("rejected", "weak")]
    challenge(world, "new", FAILED)
    assert world.decided()[1:] == [("succeeded", "new")]
    world.until("2025-10-07T14:30")
    assert len(world.events(ev.PredictionsMade)) > made
    assert world.state.beats["ml"].health == "ok"


def test_a_desk_with_one_model_by_name_never_changes_it(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    shelf = Shelf(facts("old"))
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("wild"), shelf=shelf, is_pinned=True)
    challenge(world, "new")
    world.until("2025-10-20T17:00")
    assert world.decided() == [("suspended", "wild")]
    assert world.shelf.installed == []


def test_days_that_are_only_looked_at_again_decide_on_no_model(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    shelf = Shelf(previous=facts("old"))
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("wild"), shelf=shelf, is_judged=False)
    challenge(world, "new")
    world.until("2025-10-20T17:00")
    assert world.decided() == []
    assert shelf.installed == []
    assert world.book.shadow is None
    assert all(made.confidence > 0 for made in world.state.predictions.values())


def test_the_read_tables_are_made_anew_with_no_decision_twice(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    world = World(tmp_path, calendar, MONDAY, GUESSES, facts("old"))
    challenge(world, "new")
    world.until("2025-10-13T10:00")
    rows, made = (
        read(world.journal.connection)
        for read in (model_rows, lambda connection: decisions(connection, "real"))
    )
    (drift,) = latest_drift(world.journal.connection)
    assert (drift.day, drift.symbol, drift.psi) == ("2025-10-10", "S01", 0.3)
    world.journal.rebuild()
    assert latest_drift(world.journal.connection) == [drift]
    assert model_rows(world.journal.connection) == rows
    assert decisions(world.journal.connection, "real") == made
