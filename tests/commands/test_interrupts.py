"""Ctrl+C at every stage of long work: one error that says where it came and what is left."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.cli import app
from hybrid_tui.commands import backtest, backtest_causality, compare, trials, walk_forward
from hybrid_tui.errors import Interrupted
from hybrid_tui.market.store import BarStore
from hybrid_tui.ml import prediction_cache

DAYS = ("--start", "2026-02-17", "--end", "2026-02-20")


@pytest.fixture
def minutes(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, ...]]:
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    heard = signal.getsignal(signal.SIGINT)
    yield ("--data", str(shared_data / "bars_1min_2025" / "NVDA.csv.gz"), *DAYS)
    signal.signal(signal.SIGINT, heard)
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}, "something was written"


def pressing(real: Callable[..., Any], number: int = 1) -> Callable[..., Any]:
    """Return a function at whose call of that number the person presses Ctrl+C."""
    calls = itertools.count(1)

    def call(*words: Any, **more: Any) -> Any:
        if next(calls) == number:
            raise KeyboardInterrupt
        return real(*words, **more)

    return call


def said(*words: str) -> str:
    with pytest.raises(Interrupted) as caught:
        app(list(words))
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "a second Ctrl+C would cut this off"
    return caught.value.render()


def halfway(answers: Iterator[Any], symbols: Any, at: Any, *_more: object) -> None:
    """Make half of a block of predictions, then be interrupted."""
    for _ in range(len(at) * len(symbols) // 2):
        next(answers)
    raise KeyboardInterrupt


def test_while_loading(minutes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for command, module in (("backtest", backtest), ("compare", compare)):
        monkeypatch.setattr(module, "load_history", pressing(module.load_history))
        assert "while loading: no r" in said(command, *minutes)


def test_while_predicting(minutes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_cache, "tabulated", halfway)
    text = said("backtest", *minutes, "--tiers", "rules,ml", "--out", "out")
    # At the end of the second of four days that have a night between each two.
    assert text.startswith("interrupted while predicting, 3")
    assert "% of the predictions made (the cache keeps those of finished blocks)" in text
    assert text.endswith(": no result, nothing was written")
    text = said("compare", *minutes)
    assert text.startswith("interrupted in rules,ml while predicting, 3")
    assert text.endswith("1 of 7 rows were done, and dropped")


def test_in_the_causality_check(minutes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    real = backtest_causality.check_causality
    monkeypatch.setattr(backtest_causality, "check_causality", pressing(real))
    text = said("backtest", *minutes, "--out", "out", "--html")
    assert text.startswith("interrupted in the causality check: the backtest was done, its result")


def test_in_the_walk_forward(
    shared_data: Path, minutes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two settings are tried in a fold and one is tested: the fourth run is the second fold's.
    monkeypatch.setattr(walk_forward, "run_span", pressing(trials.run_span, 4))
    data = str(shared_data / "bars_hour_lean" / "SPY.csv.gz")
    words = ("--walk-forward", "3", "--sweep-set", "rules.rsi_below=25|45")
    text = said("backtest", "--data", data, "--start", "2015-01-01", "--out", "out", *words)
    assert "in the walk-forward, 1 of 3 folds done: the backtest was done" in text


def test_an_import_says_how_much_was_added_and_goes_on(
    shared_data: Path, minutes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [str(shared_data / "bars_hour_lean" / f"{s}.csv.gz") for s in ("IBM", "SPY")]
    with monkeypatch.context() as pressed:
        pressed.setattr(BarStore, "add", pressing(BarStore.add, 2))
        text = said("data", "import", *files)
    assert text == "interrupted after 1 of 2 symbols: the same command goes on"
    app(["data", "import", *files], standalone_mode=False)
