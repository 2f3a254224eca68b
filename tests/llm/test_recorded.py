"""Recorded answers: kept whole, read again by today's checks, given when they arrived."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.domain.exchange import Exchange
from hybrid_tui.domain.ports import Abstained, Arriving, StrategistBrief
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.errors import DataError
from hybrid_tui.journal.exchanges import exchanges_at, exchanges_of_prompt, find_exchanges
from hybrid_tui.journal.journal import Journal
from hybrid_tui.llm.calls import CallMade
from hybrid_tui.llm.labels import LabelledStrategist, label_batch, label_of, read_batch
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.llm.prices import TokenUsage
from hybrid_tui.llm.prompt import build_prompt
from hybrid_tui.llm.recorded import RecordedStrategist, exchanges_of, read_exchange
from tests.llm.briefs import NOW, answer, brief, headline


def call(name: str, text: str, outcome: str = "answered") -> CallMade:
    return CallMade(
        call_id=name,
        model="model-1",
        rung="json_schema",
        request={"messages": [dict(m) for m in build_prompt(brief()).messages], "seed": 1},
        outcome=outcome,
        text=text,
        finish="stop",
        usage=TokenUsage(input=900, output=120),
        usd=0.001,
        seconds=4.5,
    )


def recorded(*calls: CallMade, about: StrategistBrief | None = None) -> list[Exchange]:
    about = about or brief()
    return exchanges_of(about, build_prompt(about), calls)


def strategist(exchanges: Iterable[Exchange]) -> RecordedStrategist:
    found = list(exchanges)
    return RecordedStrategist(
        lambda at: [one for one in found if one.asked_at == at], LocalAnalyst()
    )


def arriving(found: object) -> tuple[datetime, StrategySignal | Abstained]:
    assert isinstance(found, Arriving)
    return found.at, found.answer


def test_the_journal_keeps_an_exchange_whole(tmp_path: Path) -> None:
    kept = recorded(call("a", "no", "bad_json"), call("b", json.dumps(answer())))
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.keep_exchanges(kept)
        journal.keep_exchanges(kept)
        assert exchanges_at(journal.connection, NOW) == kept
        assert exchanges_of_prompt(journal.connection, build_prompt(brief()).key) == kept
        for name in ("20260320-1000", kept[0].prompt_key[:10]):
            assert find_exchanges(journal.connection, name) == kept
        assert find_exchanges(journal.connection, kept[1].id) == kept[1:]
        assert find_exchanges(journal.connection, "%") == []
        journal.rebuild()
        assert exchanges_at(journal.connection, NOW) == kept
    assert [one.arrived_at - NOW for one in kept] == [timedelta(seconds=4.5), timedelta(seconds=9)]


def test_a_recorded_answer_is_what_it_was(tmp_path: Path) -> None:
    (kept,) = recorded(call("a", json.dumps(answer())))
    again = replace(kept, context=json.loads(json.dumps(kept.context)))
    about, found = read_exchange(again)
    assert isinstance(found, StrategySignal)
    assert found.sentiment_scores == {"NVDA": 0.6}
    assert found.cited == ("feed-1", "feed-4")
    assert found.overnight_target == 0.4
    assert about.past == brief().past


def test_a_record_of_another_shape_is_an_error_that_says_so() -> None:
    (kept,) = recorded(call("a", json.dumps(answer())))
    with pytest.raises(DataError, match="cannot be read"):
        read_exchange(replace(kept, context={"brief": {}}))


def test_sessions_get_their_answer_when_it_arrived_and_the_local_analyst_the_rest() -> None:
    desk = strategist(recorded(call("a", json.dumps(answer()))))
    at, found = arriving(desk.propose(brief(watchlist=("NVDA", "SPY"))))
    assert at == NOW + timedelta(seconds=4.5)
    assert isinstance(found, StrategySignal)
    assert found.source == "recorded model-1"
    assert found.cost_usd == 0.0
    other = desk.propose(brief(id="20260320-1200", now=NOW + timedelta(hours=2), session="12:00"))
    assert isinstance(other, StrategySignal)
    assert other.source == "local"
    assert desk.missing == ["20260320-1200"]
    assert dict(desk.models) == {"model-1": 1}


def test_an_answer_keeps_to_the_watchlist_of_the_backtest() -> None:
    desk = strategist(recorded(call("a", json.dumps(answer()))))
    _, found = arriving(desk.propose(brief(watchlist=("SPY",))))
    assert isinstance(found, StrategySignal)
    assert (found.focus_stocks, found.sentiment_scores, found.theses) == ((), {}, ())


def test_of_several_records_the_one_of_the_same_prompt_is_taken_else_the_newest() -> None:
    first = recorded(call("a", json.dumps(answer(overnight_target_pct=10))))
    other = recorded(
        call("b", json.dumps(answer(overnight_target_pct=20))), about=brief(equity=1.0)
    )
    desk = strategist([*first, *other])
    _, same = arriving(desk.propose(brief()))
    _, newest = arriving(desk.propose(brief(equity=2.0)))
    assert isinstance(same, StrategySignal)
    assert isinstance(newest, StrategySignal)
    assert (same.overnight_target, newest.overnight_target) == (0.1, 0.2)


def test_a_session_without_a_usable_answer_stays_one() -> None:
    desk = strategist(recorded(call("a", "", "the model refused")))
    at, found = arriving(desk.propose(brief()))
    assert at == NOW + timedelta(seconds=4.5)
    assert found == Abstained(reason="the model refused")


def test_labels_out_of_range_twice_or_of_nothing_are_dropped() -> None:
    items = [headline(n, f"Company {n} reports", "NVDA") for n in range(4)]
    batch = label_batch(items)
    rows = [
        {"id": "n1", "score_pct": 101},
        {"id": "n2", "score_pct": 30},
        {"id": "n3", "score_pct": 30},
        {"id": "n3", "score_pct": -30},
        {"id": "n9", "score_pct": 30},
        {"id": "n4", "score_pct": "30"},
    ]
    found = read_batch({"labels": rows}, batch, "m", NOW)
    assert [(one.news_id, one.score) for one in found] == [("feed-1", 0.3)]
    assert read_batch({"labels": "none"}, batch, "m", NOW) == []
    assert read_batch([], batch, "m", NOW) == []


def test_a_label_counts_for_the_very_text_that_was_labelled() -> None:
    one, other = headline(1, "Profit rises", "NVDA"), headline(2, "Profit falls", "NVDA")
    scorer = LabelledStrategist(LocalAnalyst(), [label_of(one, "m", -0.77, NOW)])
    changed = replace(one, headline="Profit rises, it says now")
    scores = scorer.score([one, other, changed])
    assert scores[0] == -0.77
    assert list(scores[1:]) == list(LocalAnalyst().score([other, changed]))
    assert scorer.used == {"m": {"feed-1"}}
