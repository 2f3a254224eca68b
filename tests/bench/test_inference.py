"""How long tier 2 needs, features included (goals: 20 symbols 50 ms, 100 symbols 200 ms).

The desk runs the networks eager: what other forms gain is in the last bench, and it is little
against the budget, while each costs bits, seconds at the start, or a compiler at the user's.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.features import WINDOW
from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
from hybrid_tui.ml.networks import BLOCK, run_in_blocks
from hybrid_tui.ml.predictor import EnsemblePredictor
from tests.bench.form import rounds
from tests.ml.builders import instant, random_walk, seconds

ROUNDS = rounds(100, 5)
REPEATS = rounds(9, 1)


@pytest.mark.bench
@pytest.mark.parametrize(("count", "goal"), [(20, 50), (100, 200)])
def test_predictions_for_many_symbols(
    calendar: TradingCalendar, capsys: pytest.CaptureFixture[str], count: int, goal: int
) -> None:
    symbols = ["SPY", *(f"S{number:03}" for number in range(count - 1))]
    model = load_model(find_model("champion", [shipped_models()], "real"))
    predictor = EnsemblePredictor(model, calendar)
    at = instant("2026-02-09T15:00:00")
    close = instant("2026-02-09T21:00:00")
    market = KnownMarket(symbols, 60, "test")
    for symbol in symbols:
        market.warm(random_walk(calendar, symbol, sessions=7).known_by(seconds(close)))
    spent = []
    for n in range(ROUNDS):
        view = market.view(at + timedelta(minutes=5 * (n % 60)))
        begun, busy = time.perf_counter(), time.process_time()
        answers = predictor.predict(view, symbols, session_close=close, strategy_id=None)
        spent.append((time.perf_counter() - begun, time.process_time() - busy))
        assert all(isinstance(answer, MLPrediction) for answer in answers)
    wall, cpu = np.percentile(np.array(spent) * 1000, [50, 99], axis=0).T
    inputs = np.zeros((count, WINDOW, len(model.manifest.features)), dtype=np.float32)
    shares = []
    for name, member in model.members.items():
        busy = time.process_time()
        for _ in range(20):
            run_in_blocks(member, inputs)
        shares.append(f"{name} {(time.process_time() - busy) * 50:.1f}")
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{count} symbols: wall p50 {wall[0]:.1f} ms, p99 {wall[1]:.1f} ms; "
            f"CPU p50 {cpu[0]:.1f} ms, p99 {cpu[1]:.1f} ms (goal {goal} ms); "
            f"networks alone, CPU ms: {', '.join(shares)}"
        )


def forms(member: nn.Module, block: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return a member eager, traced and frozen, exported, and compiled (if there is a compiler)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript says that it is deprecated
        frozen = torch.jit.freeze(torch.jit.trace(member, block))  # type: ignore[no-untyped-call]
        exported = torch.export.export(member, (block,)).module()
    found = {"eager": member, "traced": frozen, "exported": exported}
    if shutil.which("g++"):
        found["compiled"] = torch.compile(member)
    return found


@pytest.mark.bench
def test_other_forms_of_the_networks_than_eager(capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    model = load_model(find_model("champion", [shipped_models()], "real"))
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(BLOCK, WINDOW, len(model.manifest.features))).astype(np.float32)
    block = torch.from_numpy(inputs)
    lines = []
    with torch.inference_mode():
        for name, member in list(model.members.items())[: rounds(4, 1)]:
            expected = member(block)
            cells, eager = [], 0.0
            for form, run in forms(member, block).items():
                begun = time.process_time()
                off = float((run(block) - expected).abs().max())
                first = time.process_time() - begun
                spent = []
                for _ in range(REPEATS):
                    begun = time.process_time()
                    for _ in range(20):
                        run(block)
                    spent.append((time.process_time() - begun) / 20 * 1000)
                once = sorted(spent)[len(spent) // 2]
                eager = eager or once
                cells.append(
                    f"{form} {once:.2f} ms ({once / eager:.2f} x eager; first call {first:.1f} s,"
                    f" off by {off:.0e})"
                )
                assert off < 1e-4
            lines.append(f"{name}: {'; '.join(cells)}")
    with capsys.disabled():
        print("\none block of 32 windows, CPU\n" + "\n".join(lines))  # noqa: T201
