"""Symbols whose figures may not be of now: dimmed, with the reason, in every width."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.market.halts import CLOCK_CLOSED, VIEW_ONLY
from hybrid_tui.tui.desk.positions import position_rows
from hybrid_tui.tui.desk.probabilities import probability_rows
from hybrid_tui.tui.freshness import doubt
from hybrid_tui.tui.header import header_lines
from hybrid_tui.tui.health.rows import tier_rows
from hybrid_tui.tui.model import DeskModel, LinkStatus, Phase
from hybrid_tui.tui.tape import Tape
from hybrid_tui.tui.widgets.lines import Row, text_of
from tests.tui.builders import WATCHLIST, Story, at, doubtful, normal

WIDTHS = [58, 78, 118, 198]


def row_of(rows: list[Row], symbol: str) -> Row:
    return next(row for row in rows if row.key == symbol)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_halted_position_is_dim_and_says_why_beside_its_stops_level(width: int) -> None:
    story = doubtful()
    rows, _ = position_rows(story.state, at("10:42:10"), {}, width)
    halted = row_of(rows, "NVDA")
    assert "177 halted: LULD" in text_of(halted.line)
    assert {style for text, style in halted.line if text.strip()} == {"dim", "warn"}
    stale = row_of(rows, "XLK")
    assert "122 quote 1m10 old" in text_of(stale.line)
    assert {style for text, style in stale.line if text.strip()} == {"dim", "warn"}
    fresh = row_of(rows, "META")
    assert "hard" in text_of(fresh.line)
    assert ("META  ", "bold") in fresh.line


@pytest.mark.parametrize("width", WIDTHS)
def test_a_doubtful_probability_is_dim_and_says_why(width: int) -> None:
    story = doubtful()
    rows, _ = probability_rows(story.state, at("10:42:10"), 0.7, width)
    assert "halted: LULD" in text_of(row_of(rows, "NVDA").line)
    assert "quote 1m10 o" in text_of(row_of(rows, "XLK").line)
    for symbol in ("NVDA", "XLK"):
        styles = {style for text, style in row_of(rows, symbol).line if text.strip()}
        assert styles == {"dim", "warn"}
    assert "halted" not in text_of(row_of(rows, "META").line)


def test_what_was_halted_and_resumes_is_as_before() -> None:
    story = doubtful()
    before = position_rows(normal(mode="paper").state, at("10:42:10"), {}, 78)[0]
    story.tell(ev.HaltsChanged, "10:42:08", halted={}, resumed=("NVDA",))
    rows, _ = position_rows(story.state, at("10:42:10"), {}, 78)
    assert row_of(rows, "NVDA") == row_of(before, "NVDA")


def test_a_symbol_without_any_quote_says_so_live_only() -> None:
    for mode, said in (("paper", "no quote yet"), ("sim", "")):
        story = normal(mode=mode)
        del story.state.quoted_at["META"]
        assert doubt(story.state, "META", at("10:42:10")) == said


def test_outside_sessions_nothing_is_in_doubt() -> None:
    story = doubtful()
    story.state.session = None
    assert doubt(story.state, "NVDA", at("10:42:10") + timedelta(hours=9)) == ""


@pytest.mark.parametrize(
    ("reason", "said"),
    [(CLOCK_CLOSED, "entries OFF: clock: closed"), (VIEW_ONLY, "entries OFF: view only")],
)
def test_where_nothing_may_be_bought_the_header_says_why(reason: str, said: str) -> None:
    story = normal(mode="paper")
    event = story.tell(ev.HaltsChanged, "10:42:07", halted=dict.fromkeys(WATCHLIST, reason))
    model = DeskModel(state=story.state, heard_at=0.0)
    model.link = LinkStatus(phase=Phase.LIVE, text="")
    assert said in text_of(header_lines(model, 0.0, 120, None)[1])
    tape = Tape()
    tape.take(event, story.state)
    assert (tape.entries[0].kind, tape.entries[0].because) == ("halt", reason)
    resumed = story.tell(ev.HaltsChanged, "10:42:08", halted={}, resumed=WATCHLIST)
    tape.take(resumed, story.state)
    assert tape.entries[0].kind == "resumed"
    assert "entries ON" in text_of(header_lines(model, 0.0, 120, None)[1])


def test_entries_are_off_where_all_quotes_of_the_live_market_are_old() -> None:
    story = normal(mode="paper", speed=1.0)
    assert "entries ON" in header(story, "10:42:36")
    assert "entries OFF: quotes are old" in header(story, "10:42:37")
    assert "entries ON" in header(normal(), "10:42:37")


def test_a_tier_whose_next_answer_is_overdue_says_how_late_it_is() -> None:
    story = normal()
    assert "ml ● 7m59" in header(story, "10:47:59")
    assert "ml ● 3m00 late  llm ● 7m00, next 12:00" in header(story, "10:48")
    rows, _ = tier_rows(story.state, at("10:48"), 58)
    said = text_of(row_of(rows, "tier-ml").line)
    assert "● late" in said
    assert "by 3m00" in said


def test_a_session_that_was_skipped_is_awaited_no_more() -> None:
    story = normal()
    story.tell(ev.Heartbeat, "10:48", tier="llm", health="waiting", next_at=at("12:00"))
    assert "late" in header(story, "12:25").partition("llm")[2]
    story.tell(ev.SignalAbstained, "12:25", session="12:00", reason="skipped: missed")
    assert "late" not in header(story, "12:26").partition("llm")[2]


def header(story: Story, clock: str) -> str:
    """Return the second line of the header at a time."""
    model = DeskModel(link=LinkStatus(phase=Phase.LIVE, text=""))
    model.begin(story.state, 0.0)
    story.state.now = at(clock)
    return text_of(header_lines(model, 0.0, 160, None)[1])


@pytest.mark.parametrize("width", WIDTHS)
def test_an_old_price_is_cut_off_by_nothing(width: int) -> None:
    rows, _ = position_rows(normal(mode="paper").state, at("10:52:30"), {}, width)
    said = text_of(row_of(rows, "META").line)
    assert "606" in said
    assert "548 quote 10m23" in said
    assert "…" not in said
