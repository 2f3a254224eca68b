"""The command line as a person meets it: quick help, plain messages, exit codes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.desk import ROOT, command, environment, hybrid_tui

HEAVY = ("torch", "pandas", "alpaca", "openai", "yfinance", "talib", "textual", "pyarrow", "numpy")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_help_loads_nothing_heavy(empty: Path) -> None:
    program = (
        "import sys; sys.argv = ['hybrid-tui', '--help']\n"
        "from hybrid_tui.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(empty),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    for word in ("backtest", "approve", "flatten", "doctor"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "rules.rsi_belo=3", "doctor", "--json"), None),
        (("--set", "rules.rsi_belo=3", "run", "--headless"), "rules.rsi_below"),
        (("--set", "app.mode=live", "run", "--headless"), "needs --live"),
        (("--set", "app.hybrid=rl", "run", "--headless"), "trained policy"),
        (("run",), "--headless"),
        (("--speed", "-1", "run", "--headless"), "negative"),
        (("run", "--headless", "--recorded", "tomorrow"), "not a date"),
        (("run", "--headless", "--recorded", "2026-03-20"), "data import"),
        (("backtest", "--tiers", "rules"), "--data is missing"),
        (("backtest", "--data", "absent.csv"), "does not exist"),
        (("backtest", "--data", "store", "--tiers", "rulez"), "unknown tier 'rulez'"),
        (("flatten",), "--yes"),
        (("close", "nv da", "--yes"), "'nv da' is not a symbol"),
        (("rules", "explain", "nv da"), "'nv da' is not a symbol"),
        (("data", "import", "absent.csv"), "does not exist"),
        (("news", "import", "absent.jsonl"), "absent.jsonl"),
    ],
)
def test_mistakes_are_one_message_and_exit_2(
    empty: Path, words: tuple[str, ...], said: str | None
) -> None:
    done = hybrid_tui(empty, *words)
    if said is None:
        assert done.returncode == 1
        assert not json.loads(done.stdout)["ok"]
        return
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_commands_without_an_engine_are_refused_with_exit_1(empty: Path) -> None:
    for words in (("approve", "x"), ("veto", "x"), ("pause",), ("resume",)):
        done = hybrid_tui(empty, *words)
        assert done.returncode == 1
        assert "no engine runs" in done.stderr


def test_a_home_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    home = tmp_path / "home"
    if os.geteuid() == 0:
        home = Path("/proc/hybrid-tui")
    else:
        home.mkdir(mode=0o500)
    for words in (("run", "--headless"), ("data", "import", str(ROOT / "tests"))):
        done = hybrid_tui(home, *words, folder=tmp_path)
        assert done.returncode == 2, (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot be written" in hybrid_tui(home, "run", "--headless", folder=tmp_path).stderr
    assert hybrid_tui(home, "doctor", folder=tmp_path).returncode == 1


def test_a_home_that_is_a_file_is_one_message(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    for words in (("run", "--headless"), ("data", "list"), ("status",), ("doctor",)):
        done = hybrid_tui(home, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert str(home) in done.stderr
        assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(empty: Path) -> None:
    words = " ".join([sys.executable, "-m", "hybrid_tui", "doctor"])
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -n 1"],
        env=environment(empty),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert "error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_is_content_with_an_empty_home(empty: Path) -> None:
    done = hybrid_tui(empty, "doctor", "--json")
    assert done.returncode == 0, done.stdout
    names = {finding["name"] for finding in json.loads(done.stdout)["findings"]}
    assert {"versions", "journal", "key", "clock", "calendar", "model", "disk"} <= names


def test_predictions_that_expire_before_the_next_are_said(empty: Path) -> None:
    seldom = ("--set", "ml.interval_minutes=30")
    said = "predictions expire after 10 minutes"
    assert said in hybrid_tui(empty, *seldom, "doctor").stdout
    assert said not in hybrid_tui(empty, "doctor").stdout
    words = ("run", "--headless", "--speed", "0", "--json", "--until", "2026-01-05T09:31:00")
    done = hybrid_tui(empty, *seldom, *words)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(e["event"] == "Alert" and said in e["text"] for e in events)


def test_a_damaged_model_turns_tier_2_red_and_the_desk_goes_on(empty: Path) -> None:
    folder = empty / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    words = ("--set", "ml.model=broken", "run", "--headless", "--speed", "0", "--json")
    done = hybrid_tui(empty, *words, "--until", "2026-01-05T09:50:00")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    beats = [e for e in events if e["event"] == "Heartbeat" and e["tier"] == "ml"]
    assert beats[-1]["health"] == "failed"
    assert "broken" in beats[-1]["reason"]
    assert sum(e["event"] == "BarsClosed" for e in events) == 20
    predict = hybrid_tui(empty, "ml", "predict", "--data", "store", "--model", "broken", "--json")
    assert predict.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--speed", "inf", "run", "--headless"), "--speed inf"),
        (("run", "--headless", "--speed", "nan"), "--speed nan"),
        (("--set", "broker.cash=inf", "run", "--headless"), "broker.cash"),
        (("--set", "app.tiers=ml", "run", "--headless"), "'rules'"),
        (("--set", "sim.seed=-1", "run", "--headless"), "sim.seed"),
        (("--set", "risk.cooldown_minutes=1e15", "run", "--headless"), "cooldown_minutes"),
        (("--set", "app.mode=sim", "--recorded", "2026-03-20", "run", "--headless"), "contradict"),
        (("run", "--headless", "--until", "9999-12-31"), "--until"),
        (("backtest", "--data", "store", "--symbols", ","), "--symbols"),
    ],
)
def test_impossible_figures_and_contradictions_are_one_message(
    empty: Path, words: tuple[str, ...], said: str
) -> None:
    done = hybrid_tui(empty, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (empty / "journal.db").exists() or "store" in words


def test_a_home_with_odd_characters_works(tmp_path: Path) -> None:
    home = tmp_path / "a home #1 with 50 % odd?names"
    words = ("--set", "app.tiers=rules", "run", "--headless", "--speed", "0")
    assert hybrid_tui(home, *words, "--until", "2026-01-05T09:40:00").returncode == 0
    status = hybrid_tui(home, "status", "--json")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["mode"] == "sim"
    assert [path.name for path in tmp_path.iterdir()] == [home.name]


def test_a_reader_of_events_that_goes_away_stops_the_engine_cleanly(empty: Path) -> None:
    words = " ".join([sys.executable, "-m", "hybrid_tui", "--set", "app.tiers=rules", "run"])
    done = subprocess.run(
        ["bash", "-c", f"{words} --headless --speed 0 --json | head -n 2"],
        env=environment(empty),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert "the reader of the events has gone" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(hybrid_tui(empty, "status", "--json").stdout)["running"] is False


def test_help_texts_hold_no_sign_but_letters_and_boxes(tmp_path: Path) -> None:
    for words in (("backtest",), ("sweep",), ("data", "import"), ("ml", "train"), ()):
        shown = hybrid_tui(tmp_path / "home", *words, "--help").stdout
        strange = {sign for sign in shown if ord(sign) > 127 and not "─" <= sign <= "╿"}
        assert strange <= set("…·→—’"), words


def test_what_cannot_be_printed_is_one_line_and_exit_2(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command("rules", "list", "--json")],
            env=environment(home),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr == "hybrid-tui: cannot write: No space left on device\n"
    closed = subprocess.run(
        ["sh", "-c", f"{shlex.join(command('rules', 'list', '--json'))} >&-"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert closed.returncode == 2
    assert "stdout is closed" in closed.stderr


def test_headlines_of_a_desk_that_has_none_are_none(tmp_path: Path) -> None:
    listed = hybrid_tui(tmp_path / "home", "news", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)["news"] == []


def test_an_interrupt_is_said(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['hybrid-tui', 'wait']\n"
        "from hybrid_tui import cli\n"
        "@cli.app.command('wait')\n"
        "def wait() -> None:\n    raise KeyboardInterrupt\n"
        "cli.main()\n"
    )
    done = ended(program, tmp_path)
    assert (done.returncode, done.stderr) == (130, "hybrid-tui: interrupted\n")


@pytest.mark.parametrize("module", ["hybrid_tui.cli", "typer", "hybrid_tui.journal.reader"])
def test_an_interrupt_while_modules_load_is_said(tmp_path: Path, module: str) -> None:
    program = (
        "import signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['hybrid-tui', 'status']\n"
        "from hybrid_tui.__main__ import main\n"
        "main()\n"
    )
    done = ended(program, tmp_path)
    assert (done.returncode, done.stderr) == (130, "hybrid-tui: interrupted\n")


def test_an_interrupt_that_a_library_makes_an_import_error_of_is_said(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['hybrid-tui', 'wait']\n"
        "from hybrid_tui import cli\n"
        "@cli.app.command('wait')\n"
        "def wait() -> None:\n"
        "    try:\n        raise KeyboardInterrupt\n"
        "    except KeyboardInterrupt:\n        raise ImportError('initialization failed')\n"
        "cli.main()\n"
    )
    done = ended(program, tmp_path)
    assert (done.returncode, done.stderr) == (130, "hybrid-tui: interrupted\n")


def ended(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment(folder / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["backtest", "--data", "store", "--json"],
        ["--set", "app.tiers=rules,llm", "run", "--headless", "--speed", "0", "--until",
         "2026-01-05T09:28"],
    ],
)  # fmt: skip
def test_backtest_and_engine_need_no_pandas(
    shared_data: Path, empty: Path, words: list[str]
) -> None:
    bars = shared_data / "bars_hour_lean" / "IBM.csv.gz"
    assert hybrid_tui(empty, "data", "import", str(bars)).returncode == 0
    assert hybrid_tui(empty, *words).returncode == 0  # a new journal's tables want a library
    program = (
        f"import sys; sys.argv = {['hybrid-tui', *words]!r}\n"
        "from hybrid_tui.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'pandas' not in sys.modules\n"
        "import pandas\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(empty),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
