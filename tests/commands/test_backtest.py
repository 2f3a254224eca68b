"""``hybrid-tui backtest``: CONTRACT's document, the same each time, and honest about its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import empyrical
import numpy as np
import pytest

from tests.desk import hybrid_tui

SUMMARY = {
    "total_return", "cagr", "sharpe", "sortino", "max_drawdown", "volatility", "trades", "win_rate",
    "profit_factor", "exposure", "turnover", "fees", "slippage_cost", "llm_cost_usd", "bars",
    "seconds", "sharpe_ci95", "benchmark",
}  # fmt: skip
TRADE = {
    "symbol", "quantity", "entry_at", "entry_price", "entry_reason", "exit_at", "exit_price",
    "exit_reason", "fees", "pnl", "pnl_pct", "open",
}  # fmt: skip


def run(home: Path, *words: str, fresh: bool = False) -> dict[str, Any]:
    done = hybrid_tui(home, "backtest", *words, "--json", fresh=fresh)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def hours(shared_data: Path) -> list[str]:
    return ["--data", str(shared_data / "bars_hour_lean"), "--symbols", "SPY,IBM"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backtest") / "home"


def test_the_document_has_every_field_of_the_contract(home: Path, hours: list[str]) -> None:
    document = run(home, *hours, "--start", "2015-01-01", "--end", "2016-12-31")
    assert set(document) == {"settings", "summary", "trades", "equity", "warnings", "causality"}
    assert set(document["summary"]) == SUMMARY
    assert document["trades"]
    assert all(set(row) == TRADE for row in document["trades"])
    keys = [(row["entry_at"], row["symbol"]) for row in document["trades"]]
    assert keys == sorted(keys)
    assert document["summary"]["trades"] == len(document["trades"])
    assert document["settings"]["data_fingerprint"]
    assert document["settings"]["code_version"]
    assert document["equity"][0][0].endswith("Z")


def test_ratios_are_empyricals_and_money_adds_up(home: Path, hours: list[str]) -> None:
    words = ("--start", "2012-01-01", "--end", "2016-12-31", "--commission", "1", "--cash", "50000")
    document = run(home, *hours, *words)
    path = np.array([50_000.0, *(equity for _, equity in document["equity"])])
    returns = path[1:] / path[:-1] - 1
    summary = document["summary"]
    oracle = {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "max_drawdown": empyrical.max_drawdown(returns),
        "volatility": empyrical.annual_volatility(returns),
    }
    for name, expected in oracle.items():
        assert summary[name] == pytest.approx(expected, rel=1e-9), name
    rows = document["trades"]
    assert sum(row["pnl"] for row in rows) == pytest.approx(path[-1] - 50_000, abs=1e-4)
    assert sum(row["fees"] for row in rows) == pytest.approx(summary["fees"])
    for row in rows:
        assert row["pnl_pct"] == pytest.approx(row["pnl"] / (row["entry_price"] * row["quantity"]))
    low, high = summary["sharpe_ci95"]
    assert low < summary["sharpe"] < high


def test_the_same_inputs_give_the_same_bytes_but_for_the_seconds(
    home: Path, hours: list[str]
) -> None:
    words = ("--start", "2015-01-01", "--end", "2015-12-31", "--equity", "bars")
    one, other = run(home, *hours, *words), run(home, *hours, *words, fresh=True)
    one["summary"].pop("seconds")
    other["summary"].pop("seconds")
    assert json.dumps(one) == json.dumps(other)


def test_a_window_warms_up_on_the_bars_before_it(home: Path, hours: list[str]) -> None:
    whole = run(home, *hours, "--start", "2014-01-01", "--end", "2014-12-31")
    first = whole["trades"][0]
    assert first["entry_at"] < "2014-03"
    assert whole["settings"]["first_bar"] == "2014-01-02T14:00:00Z"


def test_splits_while_held_change_shares_and_not_equity(home: Path, shared_data: Path) -> None:
    lean = shared_data / "daily_lean"
    words = ["data", "import", str(lean / "AAPL.csv.gz"), "--adjusted", "none"]
    done = hybrid_tui(home, *words, "--actions", str(lean / "factor_files"))
    assert done.returncode == 0, done.stderr
    settings = ("--set", "rules.entry=bollinger", "--set", "rules.rsi_exit=0", "--equity", "bars")
    words = ["--data", "store", "--symbols", "AAPL", "--start", "2013-01-01", "--end", "2015-12-31"]
    document = run(home, *words, *settings)
    equity = np.array([value for _, value in document["equity"]])
    assert np.abs(equity[1:] / equity[:-1] - 1).max() < 0.05
    held = [
        row
        for row in document["trades"]
        if row["entry_at"] < "2014-06-09" < (row["exit_at"] or "9")
    ]
    assert [row["quantity"] % 7 for row in held] == [0]
    assert not [text for text in document["warnings"] if "split" in text]


def test_raw_bars_without_actions_are_warned_about(home: Path, shared_data: Path) -> None:
    data = str(shared_data / "daily_lean" / "AAPL.csv.gz")
    document = run(home, "--data", data)
    assert sum("unadjusted" in text for text in document["warnings"]) == 4


def test_bad_requests_are_exit_2(home: Path, hours: list[str]) -> None:
    for words, said in (
        (("--start", "2030-01-01"), "the data spans"),
        (("--symbols", "NOPE"), "NOPE"),
        (("--hybrid", "rl"), "trained policy"),
        (("--hybrid", "paralel"), "parallel"),
        (("--tiers", "rules,ml"), "one-minute bars"),
        (("--llm", "gpt"), "--llm"),
        (("--set", "rules.entri=x"), "rules.entry"),
    ):
        done = hybrid_tui(home, "backtest", *hours, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr, (words, done.stderr)
        assert done.stdout == ""
