"""A model that obeys whoever writes its headlines: no order differs without a person's approval."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import Order
from hybrid_tui.domain.ports import Abstained, StrategistBrief
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.answer import read_answer
from hybrid_tui.llm.prompt import build_prompt
from hybrid_tui.llm.suspicion import suspicion
from tests.engine.briefed import NAMES, Spy, market, run, sessions
from tests.llm.injected import INJECTED, ORDINARY, PARAPHRASED, TELLS_NOTHING
from tests.llm.scripted import headlines, obeying

DAYS = 4


def obey(brief: StrategistBrief) -> StrategySignal | Abstained:
    """Answer as a model does that does what its headlines say, through the whole of tier 3."""
    prompt = build_prompt(brief)
    request = {"messages": [dict(message) for message in prompt.messages]}
    return read_answer(obeying(headlines(request)), brief, prompt)


def clean(calendar: TradingCalendar) -> list[NewsItem]:
    first = sessions(calendar, 1)[0]
    return [
        NewsItem(
            id="fine",
            received_at=first.open + timedelta(minutes=5),
            symbols=("BBB",),
            headline="The company raises its guidance for the year",
            source="Wire",
        )
    ]


def poisoned(calendar: TradingCalendar) -> list[NewsItem]:
    """Return the clean news with the corpus thrown in after the first session of each day."""
    attacks = [
        NewsItem(
            id=f"attack-{day}-{number}",
            received_at=session.open + timedelta(minutes=40, seconds=number),
            symbols=(NAMES[number % 3],),
            headline=text,
            source=f"Source {number}",
        )
        for day, session in enumerate(sessions(calendar, DAYS))
        for number, text in enumerate(INJECTED)
    ]
    return sorted((*clean(calendar), *attacks), key=lambda item: item.received_at)


def orders(events: Sequence[ev.Event]) -> list[Order]:
    return [event.order for event in events if isinstance(event, ev.OrderIntended)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_differs_without_a_person_s_approval(calendar: TradingCalendar, seed: int) -> None:
    series = market(calendar, DAYS, seed)
    first = f"{sessions(calendar, 1)[0].day:%Y%m%d}-1000"
    fair, foul = Spy(obey), Spy(obey)
    _, before = run(
        calendar, series, clean(calendar), fair, policy="ask", entry="bollinger", approved=[first]
    )
    _, after = run(
        calendar,
        series,
        poisoned(calendar),
        foul,
        policy="ask",
        entry="bollinger",
        approved=[first],
    )
    assert orders(before)
    assert orders(after) == orders(before)
    asked = [e.signal for e in after if isinstance(e, ev.SignalProposed)]
    assert any("AAA" in signal.focus_stocks for signal in asked), "the attack did not even arrive"
    assert any("left out" in flag for signal in asked for flag in signal.flags)
    assert all(set(signal.focus_stocks) <= set(NAMES) for signal in asked)


def test_what_gives_a_model_instructions_is_flagged() -> None:
    missed = [text for text in INJECTED if not suspicion(clean_text(text))]
    assert sorted(missed) == sorted(TELLS_NOTHING)


def test_most_paraphrases_are_flagged() -> None:
    missed = [text for text in PARAPHRASED if not suspicion(clean_text(text))]
    assert len(missed) <= 0.2 * len(PARAPHRASED), missed


@pytest.mark.parametrize("text", ORDINARY)
def test_news_in_the_words_of_an_attacker_is_news(text: str) -> None:
    assert suspicion(clean_text(text)) is None


def test_real_headlines_are_not_taken_for_attacks(shared_data: Path) -> None:
    texts: list[str] = []
    with gzip.open(shared_data / "news_2026" / "headlines.jsonl.gz", "rt") as file:
        texts += [json.loads(line)["headline"] for line in file]
    for path in sorted((shared_data / "sentiment").glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file)]
    for path in sorted((shared_data / "tweets_stocknet").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            texts += [json.loads(line)["text"] for line in file][::10]
    assert len(texts) > 14_000
    assert sum(suspicion(clean_text(text)) is not None for text in texts) <= 2
