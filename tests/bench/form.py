"""The short form of the benchmarks, in CI: so few rounds that it shows only that each one works."""

from __future__ import annotations

import os

IS_SHORT = os.environ.get("BENCH_FORM") == "short"


def rounds(whole: int, short: int) -> int:
    """Return how often to measure, in the form that ``BENCH_FORM`` asks for."""
    return short if IS_SHORT else whole
