"""Every way of an endpoint ends in an answer or an abstention, with the right charge."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hybrid_tui.llm.budget import Caps
from hybrid_tui.llm.calls import Answer, NoAnswer
from tests.llm.asking import Books, Pauses, provider, question
from tests.servers import llm as srv
from tests.servers.llm import ANSWER, GOOD, KEY, Act, LlmServer, Rule, failing


@pytest.fixture
def server() -> Iterator[LlmServer]:
    """An endpoint on loopback."""
    with LlmServer().running() as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Case:
    """What an endpoint does, and what has to come of it.

    ``charge`` is ``counted`` (exactly what the server counted), ``reserved`` (all that was
    reserved, and at least what it counted) or ``nothing``.
    """

    acts: Sequence[Act] = (Act(),)
    rules: Sequence[Rule] = ()
    good: bool = True
    rung: str = "json_schema"
    requests: int = 1
    charge: str = "counted"
    says: str = ""
    why: str = ""
    needs_person: bool = False


def with_(**changes: object) -> str:
    """Return the good answer with other values."""
    return json.dumps({**ANSWER, **changes})


CASES: dict[str, Case] = {
    # Ways of providers.
    "strict schema": Case(),
    "OpenAI's reasoning models": Case(rules=[srv.wants_completion_tokens], requests=3),
    "only max_tokens": Case(rules=[srv.wants_max_tokens]),
    "DeepSeek: json_object only": Case(rules=[srv.object_only], requests=2, rung="json_object"),
    "llama-cpp-python: 500 for a schema": Case(
        rules=[srv.breaks_on_schema], requests=2, rung="json_object", charge="reserved"
    ),
    "no bounds in a strict schema": Case(rules=[srv.no_bounds], requests=2),
    "no response_format at all": Case(rules=[srv.text_only], requests=3, rung="text"),
    "no stream_options": Case(rules=[srv.no_stream_options], requests=2, charge="reserved"),
    "does not stream": Case(acts=[Act(streams=False)]),
    "thinks aloud": Case(acts=[Act(thoughts="Let me see. ")]),
    "thinks in the text": Case(acts=[Act(text="<think>{no}</think>" + GOOD)]),
    "no finish reason": Case(acts=[Act(finish="")]),
    "thinking beside the completion": Case(
        acts=[Act(usage={"total_tokens": 700})], charge="more than counted"
    ),
    # Answers.
    "fenced JSON": Case(acts=[Act(text=f"```json\n{GOOD}\n```")]),
    "prose around JSON": Case(acts=[Act(text=f"Here it is: {GOOD}\nGood luck!")]),
    "ignored schema": Case(
        acts=[Act(text="I would buy NVDA."), Act()], requests=2, rung="json_object"
    ),
    "ignored schema twice": Case(
        acts=[Act(text="I would buy NVDA.")], requests=2, good=False, why="bad_answer"
    ),
    "blanks, as DeepSeek's": Case(
        acts=[Act(text=" \n \n "), Act()], requests=2, rung="json_object"
    ),
    "half JSON": Case(acts=[Act(text=GOOD[:90])], requests=2, good=False, why="bad_answer"),
    "half JSON, then whole": Case(acts=[Act(text=GOOD[:90]), Act()], requests=2),
    "cut at the limit": Case(
        acts=[Act(text=GOOD[:90], finish="length")],
        requests=2,
        good=False,
        why="bad_answer",
        says="cut at 1000 tokens",
    ),
    "two objects": Case(acts=[Act(text=GOOD + GOOD)], requests=2, good=False, why="bad_answer"),
    "a key twice": Case(
        acts=[Act(text='{"direction": "bearish", ' + GOOD[1:])],
        requests=2,
        good=False,
        why="bad_answer",
    ),
    "NaN": Case(
        acts=[Act(text=GOOD.replace("30", "NaN"))], requests=2, good=False, why="bad_answer"
    ),
    "a key missing": Case(acts=[Act(text='{"direction": "bullish"}'), Act()], requests=2),
    "wrong types": Case(
        acts=[Act(text=with_(scores="high"))], requests=2, good=False, why="bad_answer"
    ),
    "unknown symbol": Case(
        acts=[Act(text=with_(scores=[{"symbol": "EVIL", "score_pct": 9, "cited": []}]))],
        requests=2,
        good=False,
        why="bad_answer",
        says="not on the watchlist",
    ),
    "out of range": Case(acts=[Act(text=with_(overnight_target_pct=900)), Act()], requests=2),
    "empty": Case(acts=[Act(text="")], requests=2, good=False, why="bad_answer"),
    "no choices": Case(
        acts=[Act(choices=False)], requests=2, good=False, why="bad_answer", says="no choices"
    ),
    "refusal": Case(
        acts=[Act(text="", refusal="I cannot help with that.")],
        good=False,
        why="refused",
        says="I cannot help",
    ),
    "content filter": Case(acts=[Act(text="", finish="content_filter")], good=False, why="refused"),
    # Faults.
    "401": Case(
        acts=[failing(401, f"Incorrect API key provided: {KEY}", "invalid_api_key")],
        good=False,
        charge="nothing",
        why="failed",
        says="refused the key in OPENAI_API_KEY (401)",
        needs_person=True,
    ),
    "402": Case(
        acts=[failing(402, "Insufficient credits")],
        good=False,
        charge="nothing",
        says="no credit is left (402)",
        needs_person=True,
    ),
    "quota used up": Case(
        acts=[failing(429, "You exceeded your current quota", "insufficient_quota")],
        good=False,
        charge="nothing",
        says="no credit is left (429)",
        needs_person=True,
    ),
    "404": Case(
        acts=[failing(404, "The model does not exist", "model_not_found")],
        good=False,
        charge="nothing",
        says="does not know test-model (404)",
        needs_person=True,
    ),
    "429, then good": Case(
        acts=[failing(429, "slow down", headers={"retry-after": "7"}), Act()], requests=2
    ),
    "429 for ever": Case(
        acts=[failing(429, "slow down")],
        requests=3,
        good=False,
        charge="nothing",
        says="limits the rate (429) (3 tries)",
    ),
    "429 for an hour": Case(
        acts=[failing(429, "slow down", headers={"retry-after": "3600"})],
        good=False,
        charge="nothing",
        says="asks to wait 3600 s",
    ),
    "500, then good": Case(acts=[failing(500, "oops"), Act()], requests=2, charge="reserved"),
    "500 for ever": Case(
        acts=[failing(500, "oops")], requests=2, good=False, charge="reserved", says="(500)"
    ),
    "too long a prompt": Case(
        acts=[failing(400, "maximum context length is 10 tokens, see max_tokens")],
        good=False,
        charge="nothing",
        why="too_long",
    ),
    "HTML with 200": Case(
        acts=[Act(body=b"<html>Sign in</html>", kind="text/html")],
        good=False,
        charge="reserved",
        says="a web page",
    ),
    "no JSON with 200": Case(
        acts=[Act(body=b"ok", kind="application/json")], good=False, charge="reserved"
    ),
    "disconnect in mid-stream": Case(
        acts=[Act(hang_up=3)],
        requests=2,
        good=False,
        charge="reserved",
        says="the connection broke off",
    ),
    "disconnect, then good": Case(acts=[Act(hang_up=3), Act()], requests=2, charge="reserved"),
    "no usage": Case(acts=[Act(tells_usage=False)], charge="reserved"),
    "strange usage": Case(
        acts=[Act(usage={"prompt_tokens": "many", "completion_tokens": -3})], charge="reserved"
    ),
    "error in the stream": Case(
        acts=[
            Act(body=b'data: {"error": {"message": "overloaded"}}\n\n', kind="text/event-stream")
        ],
        good=False,
        charge="reserved",
        says="overloaded",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_way_ends_in_an_answer_or_an_abstention(server: LlmServer, name: str) -> None:
    case = CASES[name]
    server.acts, server.rules = list(case.acts), case.rules
    books = Books()
    found = provider(server).ask(question(), books)
    assert len(server.requests) == case.requests == len(found.calls)
    assert isinstance(found, Answer) == case.good
    if isinstance(found, Answer):
        assert found.data == ANSWER
        assert found.rung == case.rung
    else:
        assert found.why == (case.why or "failed")
        assert case.says in found.reason
        assert found.needs_person == case.needs_person
        assert KEY not in found.reason
    assert found.usd == pytest.approx(books.usd)
    every = sum(charge.reserved_usd for charge in books.booked.values())
    if case.charge == "counted":
        assert books.usd == pytest.approx(server.counted_usd, abs=2e-6 * case.requests)
    elif case.charge == "nothing":
        assert books.usd == 0
    else:
        assert server.counted_usd < books.usd <= every
    assert all(charge.settled_usd is not None for charge in books.booked.values())


def test_a_timeout_books_the_reservation(server: LlmServer) -> None:
    server.acts = [Act(delay_s=1.0)]
    books = Books()
    found = provider(server, read_seconds=0.15).ask(question(), books)
    assert isinstance(found, NoAnswer)
    assert "did not answer" in found.reason
    assert books.usd == sum(charge.reserved_usd for charge in books.booked.values()) > 0


def test_a_server_that_trickles_is_left(server: LlmServer) -> None:
    server.acts = [Act(piece_delay_s=0.2)]
    found = provider(server, whole_seconds=0.5).ask(question(), Books())
    assert isinstance(found, NoAnswer)
    assert "no whole answer within 0.5 s" in found.reason


def test_nobody_listens_costs_nothing() -> None:
    server = LlmServer()
    with server.running():
        asked = provider(server)
    books, pauses = Books(), Pauses()
    asked._pause = pauses
    found = asked.ask(question(), books)
    assert isinstance(found, NoAnswer)
    assert "cannot be reached" in found.reason
    assert (books.usd, len(pauses.seconds)) == (0, 2)


def test_retry_after_is_waited_for_and_backoff_grows(server: LlmServer) -> None:
    server.acts = [failing(429, "slow", headers={"retry-after": "7"}), failing(429, "slow"), Act()]
    pauses, books = Pauses(), Books()
    assert isinstance(provider(server, pauses=pauses).ask(question(), books), Answer)
    assert pauses.seconds[0] == 7
    assert 3 <= pauses.seconds[1] <= 5
    assert any("again in 7 s" in text for text in books.said)


def test_what_an_endpoint_supports_is_learnt_once(server: LlmServer, tmp_path: Path) -> None:
    server.rules = [srv.object_only, srv.no_stream_options]
    assert isinstance(provider(server, tmp_path).ask(question(), Books()), Answer)
    assert len(server.requests) == 3
    assert isinstance(provider(server, tmp_path).ask(question(), Books()), Answer)
    assert len(server.requests) == 4
    # Another model at the same place may support more.
    assert isinstance(provider(server, tmp_path, model="other").ask(question(), Books()), Answer)
    assert len(server.requests) == 7


def test_a_damaged_memory_of_endpoints_is_learnt_anew(server: LlmServer, tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"x": {"rung": 7}}')
    assert isinstance(provider(server, tmp_path).ask(question(), Books()), Answer)
    assert "json_schema" in (tmp_path / "endpoints.json").read_text()


@pytest.mark.parametrize("tells", [True, False])
def test_an_ignored_cap_switches_the_endpoint_off_for_the_day(
    server: LlmServer, tmp_path: Path, tells: bool
) -> None:
    long = json.dumps({**ANSWER, "reasoning": "on and on " * (800 if tells else 6_000)})
    server.acts = [Act(text=long, tells_usage=tells)]
    books = Books()
    first = provider(server, tmp_path, most_tokens=1_000).ask(question(), books)
    assert any("ignores the token limit" in text for text in books.said)
    assert isinstance(first, Answer) == tells
    # The truth is booked, although it is more than was reserved.
    assert books.usd >= server.counted_usd - 1e-5
    server.acts = [Act()]
    second = provider(server, tmp_path).ask(question(), Books())
    assert isinstance(second, NoAnswer)
    assert second.why == "disabled"
    assert len(server.requests) == 1


def test_no_call_is_made_that_could_pass_a_cap(server: LlmServer) -> None:
    books = Books(caps=Caps(month_usd=0.05, session_usd=10, event_usd=10))
    found = provider(server).ask(question(), books)
    assert isinstance(found, NoAnswer)
    assert found.why == "budget"
    assert "month's cap of $0.05" in found.reason
    assert (server.requests, books.booked) == ([], {})


def test_the_repair_request_is_under_the_cap_as_well(server: LlmServer) -> None:
    server.acts = [Act(text="no", tells_usage=False)]
    books = Books(caps=Caps(month_usd=150, session_usd=1.0, event_usd=10))
    found = provider(server).ask(question(), books)
    assert isinstance(found, NoAnswer)
    assert found.why == "budget"
    assert len(server.requests) == 1


def test_the_reasoning_is_shown_as_it_arrives(server: LlmServer) -> None:
    text = "One two three. " * 60
    server.acts = [Act(text=json.dumps({**ANSWER, "reasoning": text}), piece_delay_s=0.02)]
    shown: list[str] = []
    assert isinstance(provider(server).ask(question(on_text=shown.append), Books()), Answer)
    assert shown[-1] == text
    assert len({part for part in shown if part}) > 2
    # Throttled: far fewer than the pieces that came.
    assert len(shown) < 20
    assert all(text.startswith(part) for part in shown)


def test_stopping_the_desk_ends_a_call_at_once(server: LlmServer) -> None:
    server.acts = [Act(delay_s=5)]
    stopped, books = threading.Event(), Books()
    threading.Timer(0.3, stopped.set).start()
    begun = time.monotonic()
    found = provider(server, stopped=stopped).ask(question(), books)
    assert isinstance(found, NoAnswer)
    assert found.why == "stopped"
    assert time.monotonic() - begun < 3
    assert books.usd == sum(charge.reserved_usd for charge in books.booked.values()) > 0


def test_the_key_is_sent_and_shown_nowhere(server: LlmServer) -> None:
    server.acts = [failing(403, f"key {KEY} may not")]
    books = Books()
    found = provider(server).ask(question(), books)
    assert server.keys == [f"Bearer {KEY}"]
    assert isinstance(found, NoAnswer)
    assert KEY not in repr(found)
    assert KEY not in repr(books)


def test_a_cut_prompt_is_noted(server: LlmServer) -> None:
    server.acts = [Act(usage={"prompt_tokens": 40, "total_tokens": 90})]
    asked = question()
    long = ({"role": "user", "content": "NVDA rises. " * 400},)
    found = provider(server).ask(replace(asked, messages=(*asked.messages, *long)), Books())
    assert isinstance(found, Answer)
    assert found.notes == ("the endpoint read only 40 tokens of the prompt",)
