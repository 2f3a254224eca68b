"""A module that a function imports can be the first that is imported: no cycle hides behind order.

Commands run forked in these tests, with everything imported; a fresh interpreter has it otherwise.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.forked import HEAVY, ROOT

# Libraries once, then each module of ours alone in a fork of that.
SCRIPT = f"""
import importlib, os, sys
for name in {(*HEAVY, "pydantic", "textual.app", "typer")!r}:
    importlib.import_module(name)
bad = []
for name in sys.argv[1:]:
    if (child := os.fork()) == 0:
        importlib.import_module(name)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        bad.append(name)
sys.exit(" ".join(bad) or None)
"""


def imported_late() -> Iterator[str]:
    """Yield the modules of ours that functions import."""
    for path in (ROOT / "hybrid_tui").rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("hybrid_"):
                        yield str(node.module)


def imported_at_once(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that a module's own import carries out: not those of functions or types."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from imported_at_once(node.orelse)
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                yield from imported_at_once(getattr(node, part, []))


def needs(path: Path, ours: set[str]) -> Iterator[str]:
    """Yield the modules of ours that have to be there before a module can be."""
    for node in imported_at_once(ast.parse(path.read_text()).body):
        if isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{name.name}" for name in node.names}
            yield from inside & ours or {str(node.module)} & ours
        else:
            yield from {name.name for name in node.names} & ours


def test_modules_import_each_other_in_no_circle() -> None:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / "hybrid_tui").rglob("*.py")
    }
    ours = set(paths)
    needed = {name: set(needs(path, ours)) for name, path in paths.items()}
    assert sum(map(len, needed.values())) > 1_000
    TopologicalSorter(needed).prepare()


@pytest.mark.full
def test_each_module_that_is_imported_late_can_be_imported_first() -> None:
    names = sorted(set(imported_late()))
    assert len(names) > 100
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
