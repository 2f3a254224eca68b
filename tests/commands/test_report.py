"""``hybrid-tui report``: the journal's trades and equity as one page, also mid-session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.desk import hybrid_tui


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the simulated desk ran for two days and a half, on rules alone."""
    folder = tmp_path_factory.mktemp("report") / "home"
    words = ("--set", "app.tiers=rules", "run", "--headless", "--speed", "0")
    done = hybrid_tui(folder, *words, "--until", "2026-01-07T12:30:00-05:00")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_report_agrees_with_status_and_trades(home: Path) -> None:
    done = hybrid_tui(home, "report", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    status = json.loads(hybrid_tui(home, "status", "--json").stdout)
    trades = json.loads(hybrid_tui(home, "trades", "--limit", "10000", "--json").stdout)["trades"]
    closed = [row for row in document["trades"] if not row["open"]]
    assert closed
    assert len(closed) == len(trades) == status["trades"]
    assert sum(row["pnl"] for row in closed) == pytest.approx(status["realized_pnl"])
    assert len(document["trades"]) - len(closed) == status["positions"]
    *_, (_, last) = document["equity"]
    assert last == pytest.approx(status["equity"])
    assert len(document["equity"]) == 3
    made = sum(row["pnl"] for row in document["trades"])
    assert made == pytest.approx(last - 100_000, abs=1e-4)
    assert document["summary"]["total_return"] == pytest.approx(last / 100_000 - 1)
    said = " ".join(document["warnings"])
    assert "simulated market" in said
    assert "is open" in said


def test_status_is_told_in_words(home: Path) -> None:
    done = hybrid_tui(home, "status")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line[0] != " ")
    assert lines["running"] == "no"
    assert lines["sources"].startswith("simulated market, paper broker")
    assert lines["pending"] == "nothing waits for a decision"
    assert lines["tiers"].startswith("llm off")
    assert "\n              rules ok at 2026-01-07T17:" in done.stdout
    assert not set("{}[]'") & set(done.stdout)


def test_the_page_is_written_where_it_is_wanted(home: Path, tmp_path: Path) -> None:
    done = hybrid_tui(home, "report", "--out", str(tmp_path / "pages"))
    assert done.returncode == 0, done.stderr
    page = tmp_path / "pages" / "report.html"
    assert done.stdout.strip() == str(page)
    text = page.read_text()
    assert "<svg" in text
    assert "http" not in text.replace("http-equiv", "")


def test_nothing_to_report_on(home: Path, tmp_path: Path) -> None:
    done = hybrid_tui(home, "report", "--run", "other")
    assert done.returncode == 2
    assert "sim-seed7-1" in done.stderr
    empty = hybrid_tui(tmp_path / "empty", "report")
    assert empty.returncode in (1, 2)
    assert len(empty.stderr.splitlines()) == 1
    assert empty.stdout == ""
