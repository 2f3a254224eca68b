"""What a backtest leaves: a summary, files that are whole or not there, and a page."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.desk import command, environment, hybrid_tui

from .test_backtest import run

FILES = {
    "trades.parquet", "trades.csv", "equity.parquet", "equity.csv", "daily.parquet", "daily.csv",
    "settings.json", "summary.json", "backtest.log",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output") / "home"


@pytest.fixture(scope="module")
def words(shared_data: Path) -> list[str]:
    data = str(shared_data / "bars_hour_lean")
    span = ["--start", "2015-01-01", "--end", "2015-12-31"]
    return ["--data", data, "--symbols", "SPY,IBM", *span]


def test_every_file_says_the_same_as_the_document(
    home: Path, words: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "out"
    document = run(home, *words, "--out", str(folder), "--html", "--depth")
    depth = document.pop("depth")
    assert {path.name for path in folder.iterdir()} == {*FILES, "backtest.html"}
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary.pop("depth") == depth
    assert summary == {
        name: document[name] for name in document if name not in ("settings", "trades", "equity")
    }
    assert json.loads((folder / "settings.json").read_text()) == document["settings"]
    trades = pq.read_table(folder / "trades.parquet")
    assert trades["pnl"].to_pylist() == [row["pnl"] for row in document["trades"]]
    assert str(trades.schema.field("entry_at").type) == "timestamp[us, tz=UTC]"
    with (folder / "trades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["entry_at"] for row in rows] == [row["entry_at"] for row in document["trades"]]
    assert [float(row["pnl"]) for row in rows] == [row["pnl"] for row in document["trades"]]
    daily = pq.read_table(folder / "daily.parquet")
    assert daily["equity"].to_pylist() == [equity for _, equity in document["equity"]]
    assert min(daily["drawdown"].to_pylist()) == pytest.approx(document["summary"]["max_drawdown"])
    equity = pq.read_table(folder / "equity.parquet")
    exposure = equity["exposure"].to_pylist()
    assert sum(exposure) / len(exposure) == pytest.approx(document["summary"]["exposure"])
    page = (folder / "backtest.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "survivorship" not in page
    assert sum(group["pnl"] for group in depth["symbols"]) == pytest.approx(
        document["equity"][-1][1] - 100_000, abs=1e-4
    )
    assert set(depth["benchmarks"]) == {"equal_weight", "SPY"}
    assert depth["intervals"]["sharpe"] == document["summary"]["sharpe_ci95"]


def test_a_folder_of_a_run_before_is_brought_up_to_date(
    home: Path, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "summary.json").write_text("old")
    done = hybrid_tui(home, "backtest", *words, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "notes.txt"}
    assert json.loads((tmp_path / "summary.json").read_text())["summary"]["bars"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_summary_is_plain_text_of_80_columns_and_the_page_lies_here(
    home: Path, words: list[str], tmp_path: Path
) -> None:
    done = hybrid_tui(home, "backtest", *words, "--html", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["backtest.html"]
    assert "\x1b" not in done.stdout + done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) < 80
    for part in ("total_return", "95 % interval", "below the peak", "by exit reason", "2015"):
        assert part in done.stdout
    assert "warning: " in done.stderr
    assert "warning: " not in done.stdout


def test_a_terminal_without_unicode_gets_ascii(home: Path, words: list[str]) -> None:
    done = subprocess.run(
        command("backtest", *words),
        env={**environment(home), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
        check=False,
        cwd=home.parent,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"**" in done.stdout


def test_what_cannot_be_written_is_said_before_the_work(
    home: Path, words: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for out in (file, file / "below"):
        done = hybrid_tui(home, "backtest", *words, "--out", str(out), "--json")
        assert done.returncode == 2, done.stderr
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_an_interrupted_run_says_how_far_it_came_and_leaves_nothing(
    home: Path, shared_data: Path, tmp_path: Path
) -> None:
    """On a terminal there is a bar with the time that is left; Ctrl+C ends it with 130."""
    screen, terminal = pty.openpty()
    out = tmp_path / "out"
    data = str(shared_data / "bars_1min_2025")
    words = ["--data", data, "--symbols", "SPY,QQQ,NVDA,ORCL,XLF,SOXL", "--path", "event"]
    program = subprocess.Popen(
        command("backtest", *words, "--out", str(out), "--html", "--json"),
        env={**environment(home), "TERM": "xterm", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=terminal,
        cwd=tmp_path,
    )
    os.close(terminal)
    shown, deadline = "", time.monotonic() + 60
    while "backtest 2025" not in shown:
        assert time.monotonic() < deadline, shown
        shown += os.read(screen, 4096).decode()
    program.send_signal(signal.SIGINT)
    stdout, _ = program.communicate(timeout=30)
    shown += os.read(screen, 65536).decode()
    os.close(screen)
    assert program.returncode == 130
    assert stdout == b""
    assert ":" in shown.partition("backtest 2025")[2]
    assert "hybrid-tui: interrupted at 2025-" in shown
    assert "% of the way: no result, nothing was written" in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_other_seeds_change_the_intervals_and_nothing_else(home: Path, words: list[str]) -> None:
    # The check of causality looks at other instants, too: it is left out here.
    words = [*words, "--depth", "--check-causality", "off"]
    one, same = (run(home, *words, "--seed", "1") for _ in range(2))
    other = run(home, *words, "--seed", "2")
    for document in (one, same, other):
        document["summary"].pop("seconds")
    assert json.dumps(one) == json.dumps(same)
    assert one["summary"].pop("sharpe_ci95") != other["summary"].pop("sharpe_ci95")
    assert one["depth"].pop("intervals") != other["depth"].pop("intervals")
    assert one["settings"].pop("seed") == 1
    assert other["settings"].pop("seed") == 2
    assert json.dumps(one) == json.dumps(other)
