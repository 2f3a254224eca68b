"""Sessions by hand against a local endpoint: recorded, replayed, and applied in a backtest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.publisher import Publisher
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import HybridError
from hybrid_tui.journal.exchanges import read_labels
from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import arrived_news, open_read_only, read_state, runs
from tests.llm.scripted import model, plain
from tests.servers.llm import Act, LlmServer

AT = "2026-03-20"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWS = [
    ("2026-03-20T13:10:00Z", "NVDA", "Nvidia raises its forecast on strong demand", "Wire"),
    ("2026-03-20T13:50:00Z", "NVDA", "Chip makers rally after Nvidia outlook", "Post"),
    ("2026-03-20T13:59:00Z", "AAPL", "Apple to hold its meeting in June", "Wire"),
    ("2026-03-20T14:00:01Z", "NVDA", "SECRET LATER Nvidia halts production", "Wire"),
]


class Done(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def hybrid_tui(home: Path, *words: str) -> Done:
    """Run a command in this process: a new one would import everything anew each time."""
    result = CliRunner().invoke(app, words, env={"HYBRID_TUI_HOME": str(home)})
    if isinstance(result.exception, HybridError):
        return Done(result.exception.exit_code, result.stdout, result.exception.render())
    return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer().running() as found:
        found.rules = [model(plain)]
        yield found


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A home with headlines in its journal."""
    home = tmp_path / "home"
    file = tmp_path / "news.jsonl"
    file.write_text(
        "\n".join(
            json.dumps(
                {"id": f"x{n}", "received_at": at, "symbols": [s], "headline": text, "source": who}
            )
            for n, (at, s, text, who) in enumerate(NEWS)
        )
    )
    assert hybrid_tui(home, "news", "import", str(file)).returncode == 0
    return home


def asked(server: LlmServer) -> tuple[str, ...]:
    return (
        "--set", "llm.provider=openai", "--set", f"llm.base_url={server.url}",
        "--set", "llm.model=test-model", "--set", "app.watchlist=NVDA,AAPL,SPY",
    )  # fmt: skip


def session(home: Path, server: LlmServer, *more: str) -> Any:
    done = hybrid_tui(home, *asked(server), "llm", "session", "10:00", "--at", AT, *more, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_session_is_recorded_and_replayed_free(server: LlmServer, desk: Path) -> None:
    first = session(desk, server)
    assert first["signal"]["focus_stocks"] == ["NVDA"]
    assert first["signal"]["sentiment_scores"] == {"NVDA": 0.6}
    (exchange,) = first["exchanges"]
    assert exchange["outcome"] == "answered"
    arrived = datetime.fromisoformat(exchange["arrived_at"])
    assert arrived - datetime.fromisoformat("2026-03-20T14:00:00Z") == timedelta(
        seconds=exchange["seconds"]
    )
    assert "SECRET LATER" not in json.dumps(server.requests)
    assert len(server.requests) == 1

    again = session(desk, server)
    assert len(server.requests) == 1
    assert again["exchanges"][0]["id"] == exchange["id"]
    assert again["signal"]["cost_usd"] == 0.0

    for name in (first["id"], exchange["id"], exchange["prompt_key"][:12]):
        done = hybrid_tui(desk, "llm", "replay", name, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)["signal"]
        assert found["sentiment_scores"] == first["signal"]["sentiment_scores"]
        assert found["source"] == "recorded test-model"

    session(desk, server, "--again")
    assert len(server.requests) == 2
    assert hybrid_tui(desk, "llm", "replay", "nope").returncode == 2


def test_a_dry_run_calls_nobody_and_says_the_prompt(server: LlmServer, desk: Path) -> None:
    found = session(desk, server, "--dry-run")
    assert server.requests == []
    assert found["estimated_tokens"] > 500
    assert found["most_cost_usd"] == 0.0
    assert "Morning session" in found["messages"][1]["content"]
    assert "SECRET LATER" not in json.dumps(found)


def test_an_unusable_answer_is_a_no_and_is_recorded(server: LlmServer, desk: Path) -> None:
    server.rules = []
    server.acts = [Act(text="I would rather not.")]
    done = hybrid_tui(desk, *asked(server), "llm", "session", "10:00", "--at", AT)
    assert done.returncode == 1
    assert "no signal" in done.stderr
    again = hybrid_tui(desk, "llm", "replay", "20260320-1000", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["abstained"]


def bars(folder: Path) -> Path:
    """Return minute bars of two sessions."""
    file = folder / "NVDA.csv"
    rows = ["timestamp,open,high,low,close,volume"]
    for day in (19, 20):
        for minute in range(390):
            price = 100 + (minute % 60) / 20
            clock = f"{9 + (30 + minute) // 60:02d}:{(30 + minute) % 60:02d}:00"
            rows.append(f"2026-03-{day} {clock},{price},{price + 0.2},{price - 0.2},{price},1000")
    file.write_text("\n".join(rows))
    return file


def test_a_backtest_applies_recorded_answers_and_says_what_was_missing(
    server: LlmServer, desk: Path, tmp_path: Path
) -> None:
    session(desk, server)
    words = ("backtest", "--data", str(bars(tmp_path)), "--tiers", "rules,llm", "--llm", "recorded")
    done = hybrid_tui(
        desk, *words, "--news", str(tmp_path / "news.jsonl"), "--path", "both", "--json"
    )
    assert done.returncode == 0, done.stderr
    warnings = json.loads(done.stdout)["warnings"]
    assert "tier 3 had recorded answers, applied as they arrived: 1 by test-model" in warnings
    (missing,) = [text for text in warnings if "had no recorded answer" in text]
    assert missing.startswith("7 sessions")
    assert any("test-model is not known" in text for text in warnings)
    assert len(server.requests) == 1
    for cutoff, said in (("2026-03-18", []), ("2026-03-19", ["test-model was trained on texts"])):
        known = ("--set", "llm.model=test-model", "--set", f"llm.training_cutoff={cutoff}")
        done = hybrid_tui(desk, *known, *words, "--json")
        warnings = json.loads(done.stdout)["warnings"]
        found = [text for text in warnings if text.startswith("contaminated")]
        assert len(found) == len(said)
        assert all(part in text for part, text in zip(said, found, strict=True))


def test_labels_are_resumed_copied_and_used(server: LlmServer, desk: Path, tmp_path: Path) -> None:
    words = ("llm", "label", "--from", AT, "--to", AT, "--json")
    done = hybrid_tui(desk, *asked(server), *words)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["headlines"], made["labelled"], made["source"]) == (4, 4, "test-model")
    again = json.loads(hybrid_tui(desk, *asked(server), *words).stdout)
    assert (again["labelled"], again["known"]) == (0, 4)
    assert len(server.requests) == 1
    local = json.loads(hybrid_tui(desk, *words, "--by", "local").stdout)
    assert (local["labelled"], local["source"]) == (4, "local")

    run = ("backtest", "--data", str(bars(tmp_path)), "--tiers", "rules,llm", "--json")
    done = hybrid_tui(desk, *run, "--news", str(tmp_path / "news.jsonl"))
    warnings = json.loads(done.stdout)["warnings"]
    assert "4 headlines are scored by labels of test-model" in warnings

    # A recorded desk gives its tiers the same figures, each headline when it was received.
    assert hybrid_tui(desk, "data", "import", str(tmp_path / "NVDA.csv")).returncode == 0
    desk_of_one = ("--set", "app.tiers=rules,llm", "run", "--headless", "--recorded", AT)
    done = hybrid_tui(desk, *desk_of_one, "--speed", "0", "--until", AT)
    assert done.returncode == 0, done.stderr
    with closing(open_read_only(desk / "journal.db")) as connection:
        labels = {one.news_id: one.score for one in read_labels(connection, "test-model")}
        arrived = arrived_news(connection, "recorded", EPOCH)
        (run_of_day,) = runs(connection)
        scores = read_state(connection, run_of_day.run).scores
    assert [item.id for item in arrived] == ["x0", "x1", "x2", "x3"]
    assert scores == {item.id: labels[item.id] for item in arrived}


def test_lessons_are_shown_with_the_instant_from_which_they_may_be_known(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    at = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)
    with closing(Journal(home / "journal.db")) as journal:
        journal.start_run("r1", "recorded", AT, at)
        state = DeskState()
        journal.follow("r1", state)
        recorder = Recorder(state, Publisher(journal))
        for number in (1, 2):
            lesson = Lesson(id=f"s{number}", known_at=at, signal_id=f"s{number}", text="Right.")
            recorder.emit(ev.LessonLearnt, at, lesson=lesson)
        recorder.commit()
    found = json.loads(hybrid_tui(home, "llm", "lessons", "--json").stdout)
    assert found["run"] == "r1"
    assert found["lessons"] == [
        {"known_at": "2026-03-20T20:00:00Z", "strategy": f"s{number}", "text": "Right."}
        for number in (1, 2)
    ]
    assert hybrid_tui(home, "llm", "lessons").stdout.count("Right.") == 2


def test_labelling_stops_at_the_endpoint_s_refusal_and_keeps_what_it_has(
    server: LlmServer, desk: Path
) -> None:
    server.rules = []
    server.acts = [Act(status=401, error={"message": "bad key", "code": "invalid_api_key"})]
    done = hybrid_tui(desk, *asked(server), "llm", "label", "--json")
    assert done.returncode == 1
    assert "labelling stopped" in done.stderr
    assert json.loads(done.stdout)["labelled"] == 0
