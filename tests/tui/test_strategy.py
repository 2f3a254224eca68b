"""The strategist on the screen: what it is writing, what it cost and cites, in double width too."""

from __future__ import annotations

from rich.cells import cell_len

from hybrid_tui.domain import events as ev
from hybrid_tui.tui.desk.reasoning import MOST_WRITTEN, reasoning_rows, reasoning_title
from hybrid_tui.tui.widgets.lines import width_of
from tests.tui.builders import at, empty, news, normal, signal
from tests.tui.test_panes import model_of, texts

CHINESE = "英伟达上调了业绩预期(h1),芯片股普遍上涨;苹果面临诉讼,谨慎对待。" * 4


def test_what_the_model_writes_is_shown_until_it_is_done() -> None:
    story = empty()
    story.tell(ev.StrategistWrote, "10:00", decision="x", text="Chips lead " * 100)
    rows = reasoning_rows(None, story.state, 40)
    assert texts(rows)[0] == "The strategist writes …"
    assert len(rows) == MOST_WRITTEN + 2
    story.tell(ev.SignalAbstained, "10:01", session="10:00", reason="refused")
    assert "writes" not in "\n".join(texts(reasoning_rows(None, story.state, 40)))


def test_chinese_reasoning_fills_the_pane_and_no_more() -> None:
    story = normal()
    story.tell(ev.NewsArrived, "11:58", item=news("h1", "11:57", "NVDA", "英伟达上调业绩预期" * 6))
    proposed = signal(
        "12:00", reasoning=CHINESE, cited=("h1",), source="endpoint/model", cost_usd=0.0123,
        flags=("提示之外的数字: 47.5",),
    )  # fmt: skip
    story.tell(ev.SignalProposed, "12:00", signal=proposed, pending_until=at("12:30"))
    focus = model_of(story).focus(at("12:00"))
    assert focus is not None
    assert focus.signal is proposed
    for width in (24, 41, 60):
        rows = reasoning_rows(focus, story.state, width)
        assert all(width_of(row.line) <= width for row in rows)
        page = "".join(texts(rows)).replace(" ", "")
        assert CHINESE.replace("(h1)", "[1]") in page
        assert "提示之外的数字" in page
        assert "[1]英伟达" in page
        full = [line for line in texts(rows) if "芯片" in line]
        assert max(map(cell_len, full)) >= width - 12
    assert reasoning_title(focus) == "Reasoning · endpoint/model · $0.0123"


def test_chinese_being_written_keeps_to_the_pane() -> None:
    story = empty()
    story.tell(ev.StrategistWrote, "10:00", decision="x", text=CHINESE)
    for width in (23, 40):
        rows = reasoning_rows(None, story.state, width)
        assert all(width_of(row.line) <= max(width, 23) for row in rows)
