"""Markdown as rows: rich lays it out and wraps it, double-width characters included.

Rich comes with Textual, so this costs nothing more; Textual's own widget would be one widget a
paragraph, where a pane is rows. The text is untrusted: HTML and links stay the words they are.
"""

from __future__ import annotations

from functools import lru_cache
from io import StringIO

from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from hybrid_tui.tui.format import printable
from hybrid_tui.tui.widgets.lines import Row, Span, row, text_of

_NAMES = {1: "bold", 3: "dim", 4: "blue", 5: "accent"}
"""The desk's styles by the colour that stands for each while rich lays the text out."""
_PARTS = {
    "strong": 1, "em": 5, "s": 3, "code": 4, "code_block": 4, "block_quote": 3, "hr": 3,
    "item.bullet": 5, "item.number": 5, "link": 4, "link_url": 3, "table.border": 3,
    "table.header": 1, "h2": 1, "h3": 1, "h4": 1, "h5": 1, "h6": 1, "h7": 1,
}  # fmt: skip
_THEME = Theme({f"markdown.{part}": Style(color=f"color({n})") for part, n in _PARTS.items()})
NARROWEST = 8


def markdown_rows(text: str, width: int) -> list[Row]:
    """Return untrusted Markdown as rows of at most ``width`` cells."""
    return list(_rows(text, max(NARROWEST, width)))


@lru_cache(maxsize=32)
def _rows(text: str, width: int) -> tuple[Row, ...]:
    console = Console(
        file=StringIO(), width=width, force_terminal=True, color_system="256", theme=_THEME
    )
    document = Markdown("", hyperlinks=False, code_theme="bw")
    safe = "\n".join(printable(line) if line.strip() else "" for line in _lines(text))
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
    document.parsed = parser.disable(["image", "link", "autolink"]).parse(safe)
    for token in document.parsed:
        # The first level would be centred.
        token.tag = "h2" if token.tag == "h1" else token.tag
    rows: list[Row] = []
    for line in console.render_lines(document, pad=False):
        made = row(*_spans(line))
        # One blank line between two blocks is enough in a pane, and none before the first.
        if text_of(made.line) or (rows and text_of(rows[-1].line)):
            rows.append(made)
    return tuple(rows[:-1] if rows and not text_of(rows[-1].line) else rows)


def _lines(text: str) -> list[str]:
    """Return the lines with the blanks that begin them: they mean something in Markdown."""
    return text.replace("\t", "    ").splitlines()


def _spans(line: list[Segment]) -> list[Span]:
    spans: list[Span] = []
    for segment in line:
        if segment.control:
            continue
        colour = segment.style.color if segment.style is not None else None
        name = _NAMES.get(colour.number or 0, "") if colour is not None else ""
        spans.append((segment.text.rstrip("\n"), name))
    while spans and not spans[-1][0].strip():
        spans.pop()
    if spans:
        spans[-1] = (spans[-1][0].rstrip(), spans[-1][1])
    return spans or [("", "")]
