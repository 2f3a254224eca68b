"""Every sentence of the design's section 4 has a test that shows it, and the test exists."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.semantics.sentences import NOT_SHOWN, PARAGRAPHS, SHOWN

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z`])|(?<=\.\*\*)\s+")
HEADINGS = frozenset({"time", "stop", "sizing", "approval", "llm"})


@functools.cache
def names_in(module: str) -> frozenset[str]:
    """Return the names of the test functions of a module."""
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("sentence", sorted(SHOWN))
def test_a_sentence_is_shown_by_tests_that_exist(sentence: str) -> None:
    assert SHOWN[sentence]
    for reference in SHOWN[sentence]:
        module, _, name = reference.partition("::")
        assert name in names_in(module), f"{sentence}: {reference} is not there"


def test_every_sentence_has_a_test_or_a_reason() -> None:
    named = {name.split()[0].rstrip("abcdefgh") for name in (*SHOWN, *NOT_SHOWN)}
    wanted = {
        f"{paragraph}.{number}"
        for paragraph, count in PARAGRAPHS.items()
        for number in range(count)
        if number or paragraph not in HEADINGS
    }
    assert named == wanted


def test_the_design_has_no_further_sentences() -> None:
    page = ROOT.parent / "shared" / "DESIGN.md"
    if not page.exists():
        pytest.skip(f"{page} is not there: sentences cannot be counted")
    text = page.read_text()
    section = text[text.index("\n## 4.") : text.index("\n## 5.")]
    paragraphs = [" ".join(part.split()) for part in section.split("\n\n")[1:] if part.strip()]
    assert [len(SENTENCE.split(part)) for part in paragraphs] == list(PARAGRAPHS.values())


def test_no_day_trade_count_is_anywhere() -> None:
    sources = sorted((ROOT / "hybrid_tui").rglob("*.py"))
    assert len(sources) > 50
    for source in sources:
        assert not re.search(r"day.?trad(?:e|ing).?(?:count|rule|limit)|\bpdt\b",
                             source.read_text(), re.IGNORECASE), source  # fmt: skip
