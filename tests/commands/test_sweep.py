"""``hybrid-tui sweep`` and ``backtest --walk-forward``: searching without fooling oneself."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.analysis.overfitting import deflated_sharpe
from hybrid_tui.cli import app
from hybrid_tui.commands import backtest_run, search
from hybrid_tui.commands.search_space import combinations, parse_space
from hybrid_tui.errors import ConfigError, HybridError
from tests.desk import begin, hybrid_tui, wait_for

GRID = ("--set", "rules.rsi_below=25:45:10", "--set", "rules.rsi_exit=60|70")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "home"


@pytest.fixture(scope="module")
def hours(shared_data: Path) -> list[str]:
    data = str(shared_data / "bars_hour_lean")
    return ["--data", data, "--symbols", "SPY,IBM", "--start", "2015-01-01", "--end", "2015-12-31"]


def sweep(home: Path, *words: str) -> dict[str, Any]:
    done = hybrid_tui(home, "sweep", *words, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_small_space_is_tried_out_whole_and_found_again(home: Path, hours: list[str]) -> None:
    first = sweep(home, *hours, *GRID, "--workers", "2")
    assert first["trials"] == first["distinct"] == len(first["best"]) == 6
    assert first["earlier"] == 0
    tried = {tuple(row["settings"]) for row in first["best"]}
    assert ("rules.rsi_below=25", "rules.rsi_exit=60") in tried
    ratios = [row["in_sample"]["sharpe"] or 0.0 for row in first["best"]]
    assert ratios == sorted(ratios, reverse=True)
    again = sweep(home, *hours, *GRID, "--workers", "1")
    assert again["earlier"] == 6
    for key in ("best", "deflated_sharpe", "pbo", "file", "trials"):
        assert again[key] == first[key]


def test_in_sample_and_held_out_figures_are_backtests_of_those_days(
    home: Path, hours: list[str]
) -> None:
    found = sweep(home, *hours, *GRID, "--workers", "1")
    row = found["best"][0]
    cut = found["holdout"]["from"][:10]
    words = [word for setting in row["settings"] for word in ("--set", setting)]
    base = [*hours[:4], *words, "--check-causality", "off", "--json"]
    spans = ((hours[5], str(np.datetime64(cut) - 1)), (cut, hours[7]))
    for (first, last), kind in zip(spans, ("in_sample", "out_of_sample"), strict=True):
        done = hybrid_tui(home, "backtest", *base, "--start", first, "--end", last)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)["summary"]
        for name in ("sharpe", "total_return", "max_drawdown"):
            assert row[kind][name] == pytest.approx(summary[name], rel=1e-9), (kind, name)
        assert len(json.loads(done.stdout)["equity"]) == (
            found["days"] if kind == "in_sample" else found["holdout"]["days"]
        )


def test_the_deflated_ratio_counts_every_trial_of_every_run(home: Path, hours: list[str]) -> None:
    words = (*hours, "--set", "risk.max_position=0.05:0.5:log", "--workers", "1", "--holdout", "0")
    few = sweep(home, *words, "--trials", "3")
    many = sweep(home, *words, "--trials", "7")
    assert (few["trials"], many["trials"], many["earlier"]) == (3, 7, 3)
    assert many["file"] == few["file"]
    assert many["holdout"] is None
    assert many["best"][0]["out_of_sample"] is None
    assert many["deflated_sharpe"]["trials"] == many["distinct"] == 7
    lines = [json.loads(line) for line in Path(many["file"]).read_text().splitlines()]
    paths = [
        line["user_attr"]["returns"] for line in lines if "returns" in line.get("user_attr", {})
    ]
    ratios = [np.mean(path) / np.std(path, ddof=1) for path in paths]
    best = np.array(paths[int(np.argmax(ratios))])
    expected = deflated_sharpe(best, ratios)
    assert expected is not None
    assert many["deflated_sharpe"]["probability"] == pytest.approx(expected.probability)


def test_an_interrupted_search_goes_on(home: Path, hours: list[str]) -> None:
    words = (*hours, "--set", "risk.max_position=0.05:0.5", "--trials", "400", "--workers", "2")
    running = begin(home, "sweep", *words, "--objective", "total_return")
    folder = home / "sweeps"
    known = set(folder.glob("*.jsonl"))
    deadline = time.monotonic() + 60
    while True:
        fresh = set(folder.glob("*.jsonl")) - known
        if fresh and '"returns"' in next(iter(fresh)).read_text():
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping\n" in running.complaints())
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "the same command goes on" in said
    assert said.startswith("stopping\n")
    assert len(said.splitlines()) == 2
    assert "Traceback" not in said
    with next(iter(fresh)).open("ab") as file:
        file.write(b'{"op_code": 4, "work')
    done = sweep(
        home, *words[:-4], "--trials", "2", "--workers", "1", "--objective", "total_return"
    )
    assert done["earlier"] >= 1
    assert done["trials"] >= 2


def begin_and_stop() -> None:
    """Give one of two workers a long trial, and press Ctrl+C."""
    with search.executor(2, None) as pool:
        with search.unheard():
            heard = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ())
        assert signal.SIGINT in heard.result(60), "a worker would die of Ctrl+C on its own"
        pool.submit(time.sleep, 100)
        raise KeyboardInterrupt


def test_a_search_that_stops_waits_for_no_trial(capsys: pytest.CaptureFixture[str]) -> None:
    before, begun = signal.getsignal(signal.SIGINT), time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            begin_and_stop()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 80
    assert capsys.readouterr().err == "stopping\n"


def test_spaces_are_ranges_steps_logs_and_choices() -> None:
    space, fixed = parse_space(
        ["a.i=1:9:4", "a.f=0.1:0.35:0.1", "a.l=1e-3:1:log", "a.c=x|y", "a.list=1,2|3,4", "b=7"]
    )
    assert fixed == ["b=7"]
    assert [dimension.points() for dimension in space] == [
        ("1", "5", "9"),
        ("0.1", "0.2", "0.3"),
        None,
        ("x", "y"),
        ("1,2", "3,4"),
    ]
    assert combinations(space, 10_000) is None
    assert len(combinations([space[0], space[3]], 6) or []) == 6
    assert combinations([space[0], space[3]], 5) is None
    for wrong in ("a", "a=5:1:1", "a=1:5:0", "a=0:5:log", "a=1:x", "a=|", "a=1:2:3:4", "=1:2"):
        with pytest.raises(ConfigError, match="--set"):
            parse_space([wrong])
    with pytest.raises(ConfigError, match="twice"):
        parse_space(["a=1:2", "a=1|2"])


def test_bad_searches_are_exit_2(home: Path, hours: list[str]) -> None:
    for words, said in (
        ((), "nothing to search"),
        (("--set", "rules.rsi_belo=1:5:1"), "rules.rsi_below"),
        (("--set", "rules.rsi_below=1:500:1"), "rules.rsi_below"),
        ((*GRID, "--objective", "luck"), "--objective"),
        ((*GRID[:2], "--cluster", "tcp://127.0.0.1:9"), "--cluster"),
        ((*GRID, "--end", "2015-01-07"), "sessions"),
    ):
        done = hybrid_tui(home, "sweep", *hours, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_walking_forward_tests_only_what_comes_after_the_choice(
    home: Path, hours: list[str]
) -> None:
    words = ("--walk-forward", "3", "--sweep-set", "rules.rsi_below=25|45", "--json")
    done = hybrid_tui(home, "backtest", *hours, *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows, chained = document["walk_forward"], document["walk_forward_summary"]
    assert len(rows) == 3
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        assert row["chosen_on"][0] < row["chosen_on"][1] < row["tested_on"][0]
        assert row["settings_tried"] == 2
        assert row["settings"][0] in ("rules.rsi_below=25", "rules.rsi_below=45")
        if following is not None:
            assert row["tested_on"][1] == following["tested_on"][0]
    assert chained["days"] == sum(row["days"] for row in rows) == len(chained["equity"])
    whole = np.prod([1 + row["out_of_sample_return"] for row in rows]) - 1
    assert chained["total_return"] == pytest.approx(whole)
    first = rows[0]
    again = hybrid_tui(
        home,
        "backtest",
        *hours[:4],
        *("--start", first["tested_on"][0], "--end", first["tested_on"][1]),
        *("--set", first["settings"][0], "--json"),
    )
    assert json.loads(again.stdout)["summary"]["sharpe"] == pytest.approx(
        first["out_of_sample_sharpe"]
    )


def test_bad_walks_are_exit_2(home: Path, hours: list[str]) -> None:
    for words, said in (
        (("--walk-forward", "90"), "fewer than 5 (at most 49 with these data)"),
        (("--walk-forward", "2", "--sweep-set", "nope.x=1:2:1"), "--sweep-set nope.x=1: unknown"),
        (("--walk-forward", "2", "--sweep-set", "rules.rsi_below=9:1"), "--sweep-set 'rules."),
        (("--walk-forward", "2", "--sweep-set", "rules.rsi_below=1.5:9:log"), "--sweep-set"),
        (("--sweep-set", "rules.rsi_below=25|45"), "--walk-forward"),
    ):
        done = hybrid_tui(home, "backtest", *hours, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr


def test_a_bad_walk_is_refused_before_the_backtest(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(backtest_run, "run_history", lambda *_args, **_more: ran.append(1))
    data = str(shared_data / "bars_hour_lean" / "SPY.csv.gz")
    for words in (("4000",), ("2", "--sweep-set", "rules.rsi_belo=1:2:1")):
        with pytest.raises(HybridError, match=r"unknown key|sessions"):
            app(["backtest", "--data", data, "--end", "2015-12-31", "--walk-forward", *words])
    assert not ran
