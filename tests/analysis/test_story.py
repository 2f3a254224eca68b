"""Why something happened: the chain is complete, in order, and found by any of its ids."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybrid_tui.analysis.story import Story as Told
from hybrid_tui.analysis.story import story_of
from hybrid_tui.cli import app
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Order, Side
from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.reader import open_read_only
from tests.tui.builders import Story, at, normal, prediction, signal
from tests.tui.journals import write_journal

RUN = "sim-seed7-1"


def day() -> Story:
    """Return the builder's morning, an entry that ended unfilled, and an abstention's headline."""
    story = normal()
    story.tell(ev.PredictionsMade, "10:42:07", predictions=(prediction("AMD", "10:00", 0.83),))
    order = Order(
        id="buy-AMD", at=at("10:43"), symbol="AMD", side=Side.BUY, quantity=30, reason="rsi_macd",
        equity=100_000.0, priority=0.83, hard=0.1, prediction_id="10:00-AMD",
        strategy_id="20260320-0950", note="cut to 30 by risk.max_sector",
    )  # fmt: skip
    intent = story.tell(ev.OrderIntended, "10:43", order=order)
    story.tell(ev.OrderMoved, "10:43", cause=intent, order_id=order.id, client_id=order.id,
               symbol="AMD", stage="sent")  # fmt: skip
    story.tell(ev.OrderCancelled, "10:43:30", cause=intent, order_id=order.id, symbol="AMD",
               reason="no bar in its session")  # fmt: skip
    return story


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(day(), tmp_path_factory.mktemp("story") / "home" / "journal.db")


@pytest.fixture
def connection(journal: Path) -> Iterator[sqlite3.Connection]:
    found = open_read_only(journal)
    yield found
    found.close()


def kinds(told: Told) -> list[str]:
    return [step.kind for step in told.steps]


def texts(told: Told) -> str:
    return "\n".join(
        f"{step.kind} {step.text} {'; '.join(f'{k} {v}' for k, v in step.facts)}"
        for step in told.steps
    )


def test_a_trade_is_told_from_the_headline_to_its_result(connection: sqlite3.Connection) -> None:
    told = story_of(connection, RUN, "buy-TSLA")
    assert kinds(told) == [
        "strategist",
        "approved",
        "rule",
        "fill",
        "stop",
        "fill",
        "result",
        "lock",
    ]
    said = texts(told)
    assert "result -96.00 (-0.67%): trailing stop" in said
    assert "sold 60 TSLA at 236.40, bought at 238.00" in said
    assert "held 19 min" in said
    assert "lock cooldown TSLA until Fri 10:50: stopped out" in said
    assert [step.at for step in told.steps] == sorted(step.at for step in told.steps)


def test_an_open_position_tells_its_headlines_thesis_and_stops(
    connection: sqlite3.Connection,
) -> None:
    told = story_of(connection, RUN, "buy-NVDA")
    assert kinds(told) == [
        "headline", "headline", "strategist", "approved", "rule", "fill", "stop", "stop", "held",
    ]  # fmt: skip
    said = texts(told)
    assert "headline Nvidia posts record data-centre revenue, raises guide" in said
    assert "thesis NVDA: record data-centre revenue, guide raised; wrong if drawdown > 0.03" in said
    assert "approved TSLA" not in said
    assert "approved NVDA by you" in said
    assert "stop 158.95 (hard stop)" in said
    assert "stop 177.10 (trailing stop)" in said
    assert "110 NVDA still; stop 177.10 (trailing stop)" in said


def test_an_order_without_a_fill_tells_its_prediction_and_its_end(
    connection: sqlite3.Connection,
) -> None:
    told = story_of(connection, RUN, "buy-AMD")
    assert kinds(told)[-4:] == ["prediction", "rule", "order", "ended"]
    said = texts(told)
    assert "prediction AMD p(buy) 0.83, confidence 0.74" in said
    assert "votes lstm 0.85, gru 0.83, logistic 0.50" in said
    assert "cut cut to 30 by risk.max_sector" in said
    assert "ended no bar in its session" in said


@pytest.mark.parametrize("name", ["nvda", "buy-NVDA", "event"])
def test_a_symbol_and_an_event_mean_their_order(connection: sqlite3.Connection, name: str) -> None:
    if name == "event":
        row = connection.execute("select event_id from fills where order_id = 'buy-NVDA'")
        name = f"#{row.fetchone()[0]}"
    assert story_of(connection, RUN, name).id == "buy-NVDA"


def test_the_fill_of_a_stop_means_its_position(connection: sqlite3.Connection) -> None:
    assert story_of(connection, RUN, "stop-TSLA").id == "buy-TSLA"


def test_a_signal_and_a_prediction_tell_what_came_of_them(connection: sqlite3.Connection) -> None:
    strategy = story_of(connection, RUN, "20260320-0950")
    assert "bought 31 META at 608.85" in texts(strategy)
    assert "list NVDA, META, XLK, TSLA" in texts(strategy)
    made = story_of(connection, RUN, "10:00-AMD")
    assert kinds(made) == ["prediction", "rule", "order", "ended"]


def test_another_event_tells_its_causes(connection: sqlite3.Connection) -> None:
    row = connection.execute("select id from events where kind = 'EntryRefused'").fetchone()
    told = story_of(connection, RUN, str(row[0]))
    assert [step.text for step in told.steps] == ["AMD, confidence 0.61 < 0.70"]
    assert kinds(told) == ["entry refused"]


def test_hostile_text_is_cleaned(tmp_path: Path) -> None:
    evil = replace(signal("10:41"), reasoning="\x1b[31mred <b>bold</b>\u202e", cited=())
    found = open_read_only(write_journal(normal(proposal=evil), tmp_path / "journal.db"))
    assert "reasoning red bold" in texts(story_of(found, RUN, evil.id))
    found.close()


def test_what_is_no_id_is_an_error_with_the_nearest(connection: sqlite3.Connection) -> None:
    with pytest.raises(ConfigError) as caught:
        story_of(connection, RUN, "buy-NVDAA")
    assert caught.value.hint == "did you mean 'buy-NVDA'?"


def test_the_command_prints_lines_or_one_document(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYBRID_TUI_HOME", str(journal.parent))
    plain = CliRunner().invoke(app, ["explain", "tsla"])
    assert plain.exit_code == 0
    assert plain.stdout.splitlines()[0] == "TSLA · buy-TSLA"
    assert "10:20:00  result      -96.00" in plain.stdout
    told = json.loads(CliRunner().invoke(app, ["explain", "buy-TSLA", "--json"]).stdout)
    assert told["run"] == RUN
    assert told["steps"][-1]["kind"] == "lock"
    assert told["steps"][0]["at"] == "2026-03-20T13:50:00Z"
    listed = CliRunner().invoke(app, ["trades", "--find", "tsla loss", "--json"])
    assert [row["entry_order_id"] for row in json.loads(listed.stdout)["trades"]] == ["buy-TSLA"]
    assert "order" not in CliRunner().invoke(app, ["trades"]).stdout
    assert isinstance(CliRunner().invoke(app, ["explain", "nothing"]).exception, ConfigError)
