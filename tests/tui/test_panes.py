"""What the panes say about a desk."""

from __future__ import annotations

from datetime import UTC, date

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Lock, Order, OvernightGaps, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui.desk.positions import open_result, position_rows
from hybrid_tui.tui.desk.probabilities import probability_rows, reached
from hybrid_tui.tui.desk.reasoning import numbered, reasoning_rows
from hybrid_tui.tui.desk.strategy import strategy_rows, strategy_title
from hybrid_tui.tui.details import symbol_page
from hybrid_tui.tui.header import header_lines
from hybrid_tui.tui.model import DeskModel, LinkStatus, Phase, last_price, live_equity
from hybrid_tui.tui.questions import flatten_rows
from hybrid_tui.tui.tape import Tape
from hybrid_tui.tui.widgets.lines import Row, text_of
from tests.tui.builders import (
    OPEN,
    PRICES,
    Story,
    at,
    bars,
    empty,
    news,
    normal,
    sold,
    tier_failed,
)


def model_of(story: Story, wall: float = 0.0, phase: Phase = Phase.LIVE) -> DeskModel:
    """Return a model that has just heard a story."""
    model = DeskModel(state=story.state, heard_at=wall)
    model.link = LinkStatus(phase=phase, text="")
    return model


def texts(rows: list[Row]) -> list[str]:
    """Return the rows' texts."""
    return [text_of(row.line) for row in rows]


def header(story: Story, width: int = 200, wall: float = 0.0) -> list[str]:
    """Return the header's lines."""
    return [text_of(line) for line in header_lines(model_of(story), wall, width, UTC)]


def test_header_says_what_is_real() -> None:
    first, second = header(normal())
    assert first.startswith(" SIM ")
    assert "10:42:07 New York · 14:42 here" in first
    assert "open, closes in 5h17" in first
    assert "60x" in first
    assert "equity 100,040.87" in first
    assert "in market 57 %" in first
    assert "simulated market · paper broker · local analyst, no LLM" in first
    assert "ml ● 2m07, next 2m53" in second
    assert "LLM $0.001 · month $0.00 of $1.50" in second
    assert second.endswith("entries ON")


def test_day_result_is_against_the_last_close() -> None:
    story = normal()
    story.tell(ev.SessionClosed, "16:00", day=date(2026, 3, 20), equity=90_000.0)
    equity = live_equity(story.state)
    first, _ = header(story)
    assert f"▲ +{(equity / 90_000 - 1) * 100:.1f} % today" in first


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_header_gives_way_but_keeps_mode_clock_and_money(width: int) -> None:
    first, second = header(normal(), width)
    assert "SIM" in first
    assert "10:42:07" in first
    if width >= 60:
        assert len(first) <= width
        assert "100,040.87" in first
    if width >= 80:
        assert len(second) <= width
        assert "entries ON" in second


def test_failed_tier_is_told_in_words() -> None:
    _, second = header(tier_failed(), 120)
    assert "ml ✗" in second
    assert "model champion expired 2 days ago" in second


def test_lock_on_all_entries_is_on_the_second_line() -> None:
    story = normal()
    lock = Lock(name="stop_guard", symbol=None, start=at("10:42"), until=at("11:42"), reason="3")
    story.tell(ev.LockSet, "10:43", lock=lock)
    assert "locked by stop_guard to 11:42" in header(story)[1]


def test_old_quotes_are_told_with_their_age() -> None:
    story = normal()
    story.tell(ev.Heartbeat, "10:44", tier="rules", health="ok")
    assert "quotes ✗ 1m53 old" in header(story)[1]


def test_silence_of_the_engine_is_told_after_longer_than_its_usual_step() -> None:
    assert "engine silent for 12 s" in header(normal(), wall=12.5)[1]
    assert "silent" not in header(empty(), wall=500.0)[1]
    story, model = normal(speed=1.0), model_of(normal(speed=1.0))
    assert model.silence(100.0) is None
    for second in range(10, 40, 5):
        at_five_seconds = story.tell(ev.Ticked, f"10:43:{second}", quotes={"NVDA": (1.0, 1.0)})
        model.apply(at_five_seconds, 100.0)
    model.steps.popleft()
    assert model.silence(112.0) is None
    assert model.silence(113.0) == 13.0


def test_quotes_of_a_live_market_are_old_sooner() -> None:
    for mode, is_old in (("recorded", False), ("live", True)):
        story = normal(mode=mode, speed=1.0)
        story.tell(ev.Heartbeat, "10:42:45", tier="rules", health="ok")
        assert ("quotes ✗ 38s old" in header(story)[1]) is is_old


def test_time_runs_on_between_events_only_at_low_speed_and_within_the_session() -> None:
    slow, fast = model_of(normal(speed=1.0)), model_of(normal(speed=60.0))
    assert slow.now(4.0) == at("10:42:11")
    assert slow.now(1e6) == at("10:44:07")
    assert fast.now(4.0) == at("10:42:07")
    slow.link = LinkStatus(phase=Phase.GONE, text="")
    assert slow.now(4.0) == at("10:42:07")


def test_gone_engine_is_told_with_the_age_of_the_figures() -> None:
    model = model_of(normal())
    model.link = LinkStatus(phase=Phase.GONE, text="THE ENGINE HAS GONE", retry_at=5.0)
    line = text_of(header_lines(model, 1.0, 120, UTC)[1])
    assert "THE ENGINE HAS GONE; again in 4 s (r: now); figures of Fri 10:42:07" in line


def test_positions_show_result_stop_and_rule() -> None:
    story = normal()
    rows, _ = position_rows(story.state, at("10:42:07"), {"NVDA": [1.0, 2.0]}, 120)
    meta, nvda, xlk = texts(rows)
    assert "▼ -0.4" in meta
    assert "hard" in meta
    assert "+214.50" in nvda
    assert "trail" in nvda
    assert ".71" in nvda
    assert "+.80" in nvda
    assert "▁█" in nvda
    assert "10 % hard" in xlk
    assert open_result(story.state) == pytest.approx(214.5 - 84.63 + 7.0)


def test_stop_bar_changes_its_shape_in_the_last_third() -> None:
    story = normal()
    story.tell(ev.Ticked, "10:42:12", quotes={"NVDA": (177.2, 177.2)})
    rows, _ = position_rows(story.state, at("10:42:12"), {}, 120)
    assert "▓" in texts(rows)[1]
    assert "▓" not in texts(rows)[2]


def test_old_price_shows_its_age() -> None:
    rows, _ = position_rows(normal().state, at("10:50"), {}, 120)
    assert "7m53 179" in texts(rows)[1]


def test_position_on_its_way_out_says_so() -> None:
    story = normal()
    order = Order(
        id="s", at=at("10:43"), symbol="XLK", side=Side.SELL, quantity=140, reason="manual"
    )
    story.tell(ev.OrderIntended, "10:43", order=order)
    rows, _ = position_rows(story.state, at("10:43"), {}, 120)
    assert "being sold" in texts(rows)[2]


def test_probabilities_are_ordered_and_say_why_there_is_none() -> None:
    story = normal()
    rows, _ = probability_rows(story.state, at("10:42"), 0.7, 100)
    assert [row.key for row in rows] == ["NVDA", "AMD", "TSLA", "META", "XLK", "SOXL"]
    nvda, amd, tsla, *_, soxl = texts(rows)
    assert "▲.71" in nvda
    assert "▲▲·" in nvda
    assert "▲" not in amd.split("conf")[0][:14]
    assert "unfamiliar" in tsla
    assert "no bar for 15 minutes" in soxl
    assert reached(story.state, at("10:42"), 0.7) == "1 of 5 reached .70"


def test_expired_prediction_does_not_count() -> None:
    story = normal()
    rows, _ = probability_rows(story.state, at("10:50"), 0.7, 100)
    assert "it no longer counts" in texts(rows)[0]
    assert reached(story.state, at("10:50"), 0.7) == "no fresh prediction"


def test_tier_without_predictions_says_what_comes() -> None:
    rows, _ = probability_rows(tier_failed().state, at("9:36"), 0.7, 100)
    assert texts(rows) == ["Tier 2 failed: model champion expired 2 days ago (hybrid-tui ml train)"]
    rows, _ = probability_rows(empty().state, at("9:25"), 0.7, 100)
    assert "first in 10m00" in texts(rows)[0]


def test_strategy_counts_down_and_lists_what_waits() -> None:
    story = normal()
    model = model_of(story)
    now = at("10:42:07")
    focus = model.focus(now)
    assert focus is not None
    assert strategy_title(focus, story.state, now) == "Strategy · 10:41 · PENDING 28:53"
    rows = strategy_rows(focus, story.state, now, 60)
    assert [row.key for row in rows if row.key] == ["NVDA", "AMD", "META"]
    page = "\n".join(texts(rows))
    assert "Against 9:50, in force until Mon 10:30:\n  same direction" in page
    page = "\n".join(texts(reasoning_rows(focus, story.state, 60)))
    assert "guide [1][2]" in page
    assert "[1] Nvidia posts record" in page
    assert "[bold red]Not markup[/] nor" in page.replace("\n", " ")
    assert "\x1b" not in page


def test_decided_list_gives_way_to_what_is_in_force() -> None:
    story = normal()
    story.tell(
        ev.SignalDecided,
        "10:50",
        signal_id="20260320-1041",
        symbols=("NVDA", "AMD", "META"),
        decision="vetoed",
        by="person",
        whole=True,
    )
    focus = model_of(story).focus(at("10:50"))
    assert focus is not None
    assert strategy_title(focus, story.state, at("10:50")) == "Strategy · 9:50 · in force"


def test_headline_ids_become_numbers_in_their_order() -> None:
    text, order = numbered("Up (h9, h3). Down (h7). Again h9; sh3 is no id.", ("h3", "h7", "h9"))
    assert text == "Up [1][2]. Down [3]. Again [1]; sh3 is no id."
    assert order == ["h9", "h3", "h7"]


def tape_of(story: Story) -> list[str]:
    """Return the tape's lines, newest first, as kind, text and because."""
    state, tape = DeskState(), Tape()
    for event in story.events:
        state.apply(event)
        tape.take(event, state)
    return [f"{entry.kind}: {entry.text} <- {entry.because}" for entry in tape.entries]


def test_tape_says_because() -> None:
    lines = tape_of(normal())
    assert (
        "fill: bought 110 NVDA at 176.61   slippage 0.4 bp"
        " <- rsi_macd ← p .71 ← strategy 9:50 approved 09:57 by you"
    ) in lines
    assert any(
        line.startswith("fill: sold 60 TSLA at 236.40") and "▼ -96.00" in line for line in lines
    )
    assert "no entry: AMD <- confidence 0.61 < 0.70" in lines
    assert any(line.startswith("lock: cooldown on TSLA") for line in lines)


def test_tape_tells_a_refusal_once_until_it_changes() -> None:
    story = empty()
    for minute, reason in enumerate(
        ["buy probability 0.66 < 0.70", "buy probability 0.64 < 0.70", "no fresh prediction"]
    ):
        story.tell(ev.EntryRefused, f"10:{minute:02d}", symbol="AMD", reason=reason)
    assert sum(line.startswith("no entry") for line in tape_of(story)) == 2


def test_tape_tells_small_moves_of_a_stop_once() -> None:
    story = normal()
    before = sum(line.startswith("stop") for line in tape_of(story))
    for step in range(1, 20):
        story.tell(ev.StopMoved, "10:43", symbol="NVDA", level=177.1 + step * 0.1,
                   high=181.0 + step * 0.1, level_from="trailing_stop")  # fmt: skip
    assert sum(line.startswith("stop") for line in tape_of(story)) - before == 2


def test_tape_leaves_old_headlines_out_and_tells_a_failing_tier_once() -> None:
    story = tier_failed()
    story.tell(ev.NewsArrived, "11:00", item=news("x", "9:31", "AMD", "old news"))
    story.tell(ev.Heartbeat, "11:01", tier="ml", health="failed",
               reason="model champion expired 2 days ago (hybrid-tui ml train)")  # fmt: skip
    story.tell(ev.Heartbeat, "11:05", tier="ml", health="ok")
    lines = tape_of(story)
    assert not any("old news" in line for line in lines)
    assert sum(line.startswith("trouble") for line in lines) == 1
    assert lines[0].startswith("tier: ml works again")


def test_history_goes_under_what_came_since() -> None:
    story = normal()
    model = DeskModel(state=story.state)
    late = story.tell(ev.EntriesPaused, "10:43", by="person")
    model.tape.take(late, story.state)
    model.remember(story.events[:-1])
    kinds = [entry.kind for entry in model.tape.entries]
    assert kinds[:2] == ["paused", "strategy"]
    assert [entry.kind for entry in model.tape.take_fresh()] == ["paused"]
    assert len(model.charts["NVDA"]) == 14


def test_newest_price_is_the_quote_or_the_close() -> None:
    story = normal()
    assert last_price(story.state, "NVDA")[0] == pytest.approx(PRICES["NVDA"])
    story.tell(ev.BarsClosed, "10:43", start=at("10:42"), bars=bars(1.01))
    assert last_price(story.state, "NVDA")[0] == pytest.approx(PRICES["NVDA"] * 1.01)


def test_flatten_leaves_out_what_is_being_sold_already() -> None:
    story = normal()
    order = Order(
        id="s", at=at("10:43"), symbol="XLK", side=Side.SELL, quantity=140, reason="manual"
    )
    story.tell(ev.OrderIntended, "10:43", order=order)
    assert not any("XLK" in line for line in texts(flatten_rows(story.state)))


def test_symbol_page_of_an_unknown_symbol() -> None:
    page = "\n".join(texts(symbol_page(model_of(normal()), "ZZZ", at("10:43"), 80)))
    assert "Not held." in page
    assert "None yet." in page


def test_stopped_out_position_leaves_the_pane() -> None:
    story = normal()
    sold(story, "NVDA", 177.0, "10:50", "trailing_stop")
    rows, _ = position_rows(story.state, at("10:50"), {}, 120)
    assert [row.key for row in rows] == ["META", "XLK"]


def test_session_closed_is_told() -> None:
    story = normal()
    story.tell(ev.SessionClosed, "16:00", day=OPEN.date(), equity=1.0)
    assert "closed" in header(story)[0]
    assert "closes" not in header(story)[0]


def test_a_rare_night_is_shown_beside_the_overnight_target() -> None:
    story = normal()
    gaps = OvernightGaps(nights=412, worst=-0.3, one_in_50=-0.14)
    story.tell(ev.NightsMeasured, "10:43", gaps={"META": gaps})
    focus = model_of(story).focus(at("10:43"))
    pane = texts(strategy_rows(focus, story.state, at("10:43"), 80))
    assert "Night: META -9.6% stop: 1-in-50 gap exit -14.0% (412 nights)" in pane
    page = "\n".join(texts(symbol_page(model_of(story), "META", at("10:43"), 80)))
    assert "1-in-50 gap exit -14.0% (412 nights)" in page


def test_a_thesis_that_cannot_be_checked_is_shown_as_unchecked() -> None:
    story = normal()
    (listed,) = [found for found in story.state.signals.values() if found.signal.session == "10:41"]
    story.tell(
        ev.ThesisUnchecked,
        "10:43",
        signal_id=listed.signal.id,
        symbol="NVDA",
        invalid_if="drawdown > 0.03",
        reason="cannot read it",
    )
    page = " ".join("\n".join(texts(symbol_page(model_of(story), "NVDA", at("10:43"), 80))).split())
    assert "wrong if drawdown > 0.03 (UNCHECKED: cannot read it)" in page
    tape = Tape()
    tape.take(ev.ThesisUnchecked(
        id=1, at=at("10:43"), signal_id="s", symbol="NVDA", invalid_if="x", reason="cannot read it",
    ), story.state)  # fmt: skip
    assert tape.entries[0].kind == "alert"
    assert tape.entries[0].because == "cannot read it"
