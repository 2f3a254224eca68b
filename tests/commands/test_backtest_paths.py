"""``backtest --path``: two ways to one document, and an error where they part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app
from hybrid_tui.commands.backtest_both import first_difference, run_both
from hybrid_tui.commands.backtest_run import Outcome, RunPath
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger
from hybrid_tui.errors import ConfigError, Refused
from tests.semantics.markets import random_walk


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two symbols with holes."""
    path = tmp_path_factory.mktemp("bars") / "walk.csv"
    rows = random_walk(5, 2, 3, 60, 0.1, 0.004)
    lines = ["timestamp,symbol,open,high,low,close,volume"]
    for symbol, found in rows.items():
        lines += [
            f"{row[0].isoformat()},{symbol},{row[1]!r},{row[2]!r},{row[3]!r},{row[4]!r},1000"
            for row in found
        ]
    path.write_text("\n".join(lines).replace("np.float64(", "").replace(")", ""))
    return path


def document(bars: Path, path: str) -> dict[str, Any]:
    words = ["backtest", "--data", str(bars), "--path", path, "--equity", "bars", "--json"]
    words += ["--set", "rules.rsi_below=60", "--set", "risk.levels.moderate=[0.01,0.005,1.0]"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_every_path_prints_the_same_document(bars: Path, home: Path) -> None:
    texts = {}
    for path in ("event", "fast", "both"):
        found = document(bars, path)
        assert found["settings"].pop("path") == path
        found["summary"].pop("seconds")
        texts[path] = json.dumps(found)
        assert len(found["trades"]) >= 3
    assert texts["event"] == texts["fast"] == texts["both"]


def test_the_fast_path_is_the_default_and_an_unknown_one_is_exit_2(bars: Path, home: Path) -> None:
    result = CliRunner().invoke(app, ["backtest", "--data", str(bars), "--json"])
    assert json.loads(result.stdout)["settings"]["path"] == "fast"
    result = CliRunner().invoke(app, ["backtest", "--data", str(bars), "--path", "quick"])
    assert isinstance(result.exception, ConfigError)
    assert result.exception.exit_code == 2


def outcome(path: RunPath) -> Outcome:
    ledger = Ledger(DeskState())
    return Outcome(
        ledger=ledger,
        desk=ledger.state,
        tiers=frozenset({"rules"}),
        model_id=None,
        trained_until=None,
        llm_source=None,
        path=path,
    )


def test_paths_that_part_are_refused_naming_the_first_difference() -> None:
    trades = {"event": [{"symbol": "A", "pnl": 1.0}], "fast": [{"symbol": "A", "pnl": 2.0}]}
    with pytest.raises(Refused, match=r"trades\[0\]\.pnl is 1\.0 by events, 2\.0") as refused:
        run_both(outcome, lambda found: {"trades": trades[found.path]})
    assert refused.value.exit_code == 1


@pytest.mark.parametrize(
    ("event", "fast", "said"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, "a has 2"),
        ({"a": {"b": 5}}, {"a": {"b": 5.0}}, "a.b is 5 by events, 5.0"),
        ({"a": None}, {"a": 0.0}, "a is None"),
        ({"a": 1}, {"b": 1}, " is {'a': 1}"),
        ({"summary": {"seconds": 1}}, {"summary": {"seconds": 2}}, None),
    ],
)
def test_differences_are_told_by_where_they_are(event: Any, fast: Any, said: str | None) -> None:
    found = first_difference(event, fast)
    assert (found is None) if said is None else (found is not None and found.startswith(said))
