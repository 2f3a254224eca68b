"""``hybrid-tui compare``: rows are backtests, differences are theirs, and rl says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.analysis.comparison import comparison_lines, differences_to
from tests.desk import hybrid_tui

from .test_backtest import run

NAMES = ["rules", "rules,ml", "rules,llm", "hierarchical", "sequential", "parallel", "rl"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "home"


@pytest.fixture(scope="module")
def words(shared_data: Path) -> list[str]:
    news = str(shared_data / "news_2026" / "headlines.jsonl.gz")
    return [
        "--data", str(shared_data / "yahoo_1m_2026"), "--symbols", "NVDA,TSLA",
        "--start", "2026-03-19",
        "--news", news, "--received-from", "published_at",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def document(home: Path, words: list[str]) -> dict[str, Any]:
    done = hybrid_tui(home, "compare", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_row_is_the_backtest_of_its_name(
    home: Path, words: list[str], document: dict[str, Any]
) -> None:
    assert [row["name"] for row in document["rows"]] == NAMES
    rows = {row["name"]: row for row in document["rows"]}
    for name, more in (
        ("rules,llm", ["--tiers", "rules,llm"]),
        ("parallel", ["--tiers", "rules,ml,llm", "--hybrid", "parallel"]),
    ):
        alone = run(home, *words, *more)
        expected = {k: v for k, v in alone["summary"].items() if k != "seconds"}
        found = {k: v for k, v in rows[name]["summary"].items() if k != "seconds"}
        assert found == expected, name
        assert rows[name]["model_ids"] == alone["settings"]["model_ids"]
    assert document["benchmark"] == rows["rules"]["summary"]["benchmark"]


def test_differences_are_to_the_first_row(document: dict[str, Any]) -> None:
    first, *others = (row for row in document["rows"] if row["available"])
    assert first["difference"] is None
    for row in others:
        assert row["difference"]["total_return"]["value"] == pytest.approx(
            row["summary"]["total_return"] - first["summary"]["total_return"]
        )


def test_rl_is_listed_with_the_reason(document: dict[str, Any]) -> None:
    (row,) = [row for row in document["rows"] if not row["available"]]
    assert row["name"] == "rl"
    assert "trained policy" in row["reason"]


def test_tiers_that_the_data_does_not_allow_are_rows_with_a_reason(
    home: Path, shared_data: Path
) -> None:
    data = str(shared_data / "bars_hour_lean" / "SPY.csv.gz")
    words = ("--data", data, "--start", "2016-01-01", "--end", "2016-12-31")
    done = hybrid_tui(home, "compare", *words)
    assert done.returncode == 0, done.stderr
    assert max(len(line) for line in done.stdout.splitlines() if "needs" not in line) < 80
    table, _, absent = done.stdout.partition("not available:")
    assert "buy and hold" in table
    assert "rules,ml: tier 2 needs one-minute bars" in absent
    assert "hierarchical: tier 2" in absent


def test_nothing_to_compare_is_exit_2(home: Path, shared_data: Path) -> None:
    data = str(shared_data / "bars_hour_lean")
    for words, said in (
        (("--data", data, "--symbols", "NOPE"), "NOPE"),
        (("--data", data, "--start", "2030-01-01"), "the data spans"),
        (("--data", data, "--set", "rules.entri=x"), "rules.entry"),
        ((), "--data is missing"),
    ):
        done = hybrid_tui(home, "compare", *words)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_a_small_edge_over_the_same_market_is_seen_in_the_difference() -> None:
    generator = np.random.default_rng(8)
    market = generator.normal(0, 0.01, 300)
    edge = market + 0.0004
    figures = {"total_return": 0.1, "sharpe": 1.0, "max_drawdown": -0.1}
    found = differences_to({**figures, "total_return": 0.2}, edge, figures, market, 0)
    assert found["total_return"]["value"] == pytest.approx(0.1)
    low, _ = found["total_return"]["ci95"]
    assert low > 0
    undefined = differences_to({**figures, "sharpe": None}, edge, figures, market, 0)
    assert undefined["sharpe"] == {"value": None, "ci95": None}
    row = {
        "name": "hierarchical",
        "available": True,
        "summary": {**figures, "trades": 12_345},
        "intervals": {"total_return": [-0.1234, 1.2345]},
        "difference": found,
    }
    lines = comparison_lines([{**row, "name": "rules", "difference": None}, row], figures)
    assert max(len(line) for line in lines) <= 80
