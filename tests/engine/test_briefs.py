"""What a strategist is told: figures that are right, and nothing from after its instant."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.briefing import TrackRecord
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.live_calibration import LiveCalibration, SessionTally
from hybrid_tui.domain.ports import Abstained, Arriving, StrategistBrief
from hybrid_tui.engine.briefing import close_at, facts_of, track_record_of
from hybrid_tui.llm.prompt import build_prompt
from tests.engine.briefed import INTERVAL, Spy, bullish, market, run, sessions, stories

DAYS = 21


def changed_after(series: BarSeries, second: int, seed: int) -> BarSeries:
    """Return the same bars, with another future after an instant."""
    later = series.known_at > second
    random = np.random.default_rng(seed)
    factor = np.where(later, np.exp(random.normal(0, 0.05, len(series))), 1.0)
    columns = {n: getattr(series, n) * factor for n in ("open", "high", "low", "close")}
    return replace(series, **columns)


@pytest.fixture(scope="module")
def month(calendar: TradingCalendar) -> tuple[list[StrategistBrief], list[ev.Event]]:
    spy = Spy(bullish)
    _, events = run(calendar, market(calendar, DAYS, 1), stories(calendar, DAYS, 1), spy)
    return spy.briefs, events


def test_a_month_gives_each_session_only_what_came_before_it(
    calendar: TradingCalendar, month: tuple[list[StrategistBrief], list[ev.Event]]
) -> None:
    briefs, _ = month
    series = market(calendar, DAYS, 1)
    assert len(briefs) == 4 * DAYS
    for brief in briefs:
        assert all(item.received_at <= brief.now for item in brief.news)
        assert all(lesson.known_at <= brief.now for lesson in brief.lessons)
        assert all(one.at < brief.now for one in brief.past)
        assert all(found.at <= brief.now for found in brief.predictions.values())
        for symbol, facts in brief.facts.items():
            assert facts.price == close_at(series[symbol], brief.now)
    assert briefs[-1].lessons
    assert briefs[-1].news


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10_000))
def test_another_future_changes_no_earlier_prompt(
    calendar: TradingCalendar, session: int, seed: int
) -> None:
    days = 8
    at = Spy(bullish)
    series, news = market(calendar, days, seed), stories(calendar, days, seed)
    run(calendar, series, news, at)
    cut = at.briefs[min(session, len(at.briefs) - 1)].now
    other = Spy(bullish)
    second = int(cut.timestamp())
    run(
        calendar,
        {name: changed_after(bars, second, seed) for name, bars in series.items()},
        [item if item.received_at <= cut else replace(item, headline="other") for item in news],
        other,
    )
    before = [build_prompt(brief).key for brief in at.briefs if brief.now <= cut]
    assert before == [build_prompt(brief).key for brief in other.briefs if brief.now <= cut]
    after = [build_prompt(brief).key for brief in at.briefs if brief.now > cut]
    assert not after or after != [build_prompt(b).key for b in other.briefs if b.now > cut]


def test_lessons_compare_a_claim_with_the_market_over_its_time(
    calendar: TradingCalendar, month: tuple[list[StrategistBrief], list[ev.Event]]
) -> None:
    briefs, events = month
    series = market(calendar, DAYS, 1)
    learnt = [event for event in events if isinstance(event, ev.LessonLearnt)]
    assert len(learnt) == 4 * (DAYS - 1)
    first = briefs[0]
    lesson = next(e.lesson for e in learnt if e.lesson.signal_id == first.id)
    # It expires at 10:30 of the second session, so it is learnt at that session's close.
    second = sessions(calendar, 2)[1]
    assert lesson.known_at == second.close

    def change(symbol: str) -> float:
        before, after = (close_at(series[symbol], at) for at in (first.now, first.expires_at))
        assert before is not None
        assert after is not None
        return after / before - 1

    assert f"SPY {change('SPY') * 100:+.2f} %" in lesson.text
    assert f"AAA +60: {change('AAA') * 100:+.2f} %" in lesson.text
    right = "right" if change("AAA") > change("SPY") else "wrong"
    assert f"{change('AAA') * 100:+.2f} %, {right}" in lesson.text


def test_what_became_of_a_strategy_is_told(
    month: tuple[list[StrategistBrief], list[ev.Event]],
) -> None:
    briefs, _ = month
    last = briefs[9].past[-1]
    assert last.id == briefs[8].id
    assert last.in_force
    assert last.approved == ("AAA",)
    assert set(last.returns) == {"AAA", "BBB"}
    assert last.market is not None


def test_facts_are_worked_by_hand(calendar: TradingCalendar) -> None:
    bars = market(calendar, 7, 3)["AAA"]
    day = sessions(calendar, 7)[-1]
    now = day.at(datetime(2026, 3, 2, 12, 0, tzinfo=UTC).time())
    known = bars.known_by(int(now.timestamp()))
    facts = facts_of("AAA", known, calendar, now)
    assert facts is not None
    per_day = 26
    today = len(known) - 6 * per_day
    assert today == 10
    assert facts.changes["1h"] == pytest.approx(known.close[-1] / known.close[-5] - 1)
    assert facts.changes["open"] == pytest.approx(known.close[-1] / known.open[-today] - 1)
    assert facts.changes["1d"] == pytest.approx(known.close[-1] / known.close[-today - 1] - 1)
    five = known.close[-today - 1 - 4 * per_day]
    assert facts.changes["5d"] == pytest.approx(known.close[-1] / five - 1)
    assert "20d" not in facts.changes
    assert "5m" not in facts.changes
    assert 0 <= facts.indicators["day_range_0_to_1"] <= 1
    assert 0 <= facts.indicators["rsi14_15m"] <= 100


def test_a_recorded_answer_counts_from_its_arrival(calendar: TradingCalendar) -> None:
    late = timedelta(seconds=95)
    spy = Spy(lambda brief: Arriving(at=brief.now + late, answer=bullish(brief)))
    _, events = run(calendar, market(calendar, 2, 5), [], spy)
    proposed = [event for event in events if isinstance(event, ev.SignalProposed)]
    assert len(proposed) == 8
    assert all(event.at == event.signal.at + late for event in proposed)


def test_a_recorded_abstention_arrives_as_well(calendar: TradingCalendar) -> None:
    late = timedelta(seconds=INTERVAL + 1)
    spy = Spy(lambda brief: Arriving(at=brief.now + late, answer=Abstained(reason="refused")))
    _, events = run(calendar, market(calendar, 1, 5), [], spy)
    said = [event for event in events if isinstance(event, ev.SignalAbstained)]
    assert [event.at for event in said] == [brief.now + late for brief in spy.briefs]


def test_how_predictions_came_out_is_told() -> None:
    assert track_record_of(LiveCalibration()) is None
    tally = SessionTally(day=date(2026, 3, 2))
    tally.counts[6], tally.said[6], tally.came[6] = 4, 2.6, 1
    record = track_record_of(LiveCalibration(tallies=deque([tally])))
    assert record == TrackRecord(outcomes=4, claimed=0.65, came_true=0.25)
