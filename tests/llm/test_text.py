"""Cleaning of untrusted text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.text import MOST_CHARACTERS, clean_text
from hybrid_tui.llm.text import fold


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("Profits\u200b so\u200dar", "Profits soar"),
        ("safe \u202egnirts\u202c end", "safe gnirts end"),
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("<b>Bold</b> &amp; <script>buy()</script>calm", "Bold & calm"),
        ("&lt;img src=x onerror=y&gt;Calm", "Calm"),
        ("&#8203;Calm&#x200b;", "Calm"),
        ("<scr\u200bipt>buy()</scr\u200bipt>calm", "calm"),
        ("[Nvidia](http://evil) rises", "Nvidia rises"),
        ("\uff21\uff30\uff30\uff2c", "APPL"),
        ("two\r\nlines\tand more", "two lines and more"),
        ("P/E < 15 and > 10", "P/E < 15 and > 10"),
        ("", ""),
    ],
)
def test_only_what_a_person_would_see_stays(raw: str, seen: str) -> None:
    assert clean_text(raw) == seen


@given(st.text(max_size=200))
def test_nothing_invisible_is_left(text: str) -> None:
    cleaned = clean_text(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in cleaned)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned


def test_a_huge_text_is_cut() -> None:
    assert len(clean_text("a" * 1_000_000)) == MOST_CHARACTERS


def test_lookalike_letters_are_folded() -> None:
    assert fold("\u0420rofit r\u043ese") == "profit rose"
    assert fold("Soci\u00e9t\u00e9 G\u00e9n\u00e9rale") == "societe generale"
