"""Marks of when a program comes to certain functions, without a line of it in the product.

A process that has ``MARKS`` in its environment and this module's ``install`` in its
``sitecustomize`` writes to that file, for each call, one line: pid, label, the system's monotonic
clock and the CPU that the process has taken, both in seconds.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

VARIABLE = "MARKS"
WATCHED: Mapping[str, Sequence[str]] = {
    "hybrid_tui.cli": ("main",),
    "hybrid_tui.commands.screen": ("screen",),
    "hybrid_tui.tui.start": ("run_screen",),
    "hybrid_tui.tui.app": ("DeskApp.__init__", "DeskApp.on_mount", "DeskApp.begin"),
    "hybrid_tui.engine.spawn": ("start_engine",),
    "hybrid_tui.tui.model": ("DeskModel.begin",),
    "hybrid_tui.commands.run": ("serve",),
    "hybrid_tui.engine.endpoint": ("ProfileLock.acquire", "publish"),
    "hybrid_tui.commands.desk": ("compose_desk", "open_market"),
    "hybrid_tui.journal.journal": ("Journal.__init__",),
    "hybrid_tui.engine.tier_host": ("TierHost.load_early",),
}
"""Functions by their modules."""


def mark(label: str) -> None:
    """Write a mark."""
    line = f"{os.getpid()}\t{label}\t{time.monotonic():.6f}\t{time.process_time():.6f}\n"
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(line)


def install() -> None:
    """Mark that the interpreter is up, and from now on each watched function's start and end."""
    if VARIABLE in os.environ:
        mark("interpreter")
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds watched modules as they are found without it, and wraps their functions."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a watched module."""
        if name not in WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads as another loader does, and wraps what is watched."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Return the module as the other loader makes it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, then wrap."""
        self._loader.exec_module(module)
        for path in WATCHED[module.__name__]:
            *owners, name = path.split(".")
            owner: Any = module
            for part in owners:
                owner = getattr(owner, part)
            setattr(owner, name, _marked(path, getattr(owner, name)))


def _marked(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        mark(f"{label} begins")
        try:
            return function(*given, **named)
        finally:
            mark(f"{label} ends")

    return call
