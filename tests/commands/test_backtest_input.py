"""Bad input to a backtest: one clear message and exit 2, or a warning that counts what was left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.cli import app
from hybrid_tui.errors import HybridError
from tests.desk import hybrid_tui

from .test_backtest import run

HEAD = "datetime,open,high,low,close,volume\n"


def bars(*times: str) -> str:
    return HEAD + "".join(f"{time},10,10,10,10,100\n" for time in times)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for all: its calendar is made once."""
    folder = tmp_path_factory.mktemp("input") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRID_TUI_HOME", str(folder))
        yield folder


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a backtest in this process; return the one line that it is refused with, exit 2."""
    with pytest.raises(HybridError) as caught:
        app(["backtest", *words, "--json"], standalone_mode=False)
    assert caught.value.exit_code == 2
    assert capsys.readouterr().out == ""
    said = caught.value.render()
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bars("2026-03-20 09:30"), "only one bar"),
        (bars("2026-03-20T09:30:00-04:00", "2026-03-20 09:31"), "line 3"),
        (bars("2026-03-20 09:30", "2026-03-20T13:31:00Z"), "without an offset"),
        (bars("2026-03-21 09:30", "2026-03-21 09:31"), "regular session"),
        (bars("soon", "later"), "there is no bar"),
        (HEAD, "there is no bar"),
        ("", "lacks the columns"),
        ("a,b\n1,2\n", "lacks the columns"),
        ("\0\1\2", "not a text file"),
    ],
)
@pytest.mark.usefixtures("home")
def test_files_that_no_backtest_can_run_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "A.csv"
    path.write_text(text)
    assert said in refusal(capsys, "--data", str(path))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (("2026-03-20 09:31", "2026-03-20 09:30", "2026-03-20 09:32"), "line 3: out of order"),
        (
            ("2026-03-20 09:30", "2026-03-20 09:30", "2026-03-20 09:31"),
            "line 3: the timestamp stands above already",
        ),
    ],
)
def test_rows_out_of_order_and_repeated_are_left_out_and_said(
    home: Path, tmp_path: Path, times: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "A.csv"
    path.write_text(bars(*times))
    document = run(home, "--data", str(path))
    assert document["summary"]["bars"] == 2
    (warning,) = [text for text in document["warnings"] if "cannot be bars" in text]
    assert "left out 1 row" in warning
    assert said in warning


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--start", "2015-12-31", "--end", "2015-06-01"), "is not after --start"),
        (("--start", "2015-01-03", "--end", "2015-01-04"), "the data spans"),
        (("--start", "2015-06-01T14:00:00Z", "--end", "2015-06-01T15:00:00Z"), "only one bar"),
        (("--interval", "7m"), "cannot be bars of 420 s"),
        (("--interval", "2d"), "bars of 2 days"),
        (("--interval", "soon"), "is not an interval"),
        (("--tz", "Mars/Olympus"), "is not a time zone"),
        (("--cash", "0"), "broker.cash"),
        (("--cash", "nan"), "broker.cash"),
        (("--cash", "1e308"), "broker.cash"),
        (("--slippage-bps", "-1"), "broker.slippage_bps"),
        (("--commission", "inf"), "broker.commission"),
        (("--set", "broker.participation=0"), "broker.participation"),
        (("--set", "broker.slippage_model=spread"), "half_spread"),
        (("--set", "broker.slippage_model=half_spread"), "--quotes PATH"),
        (("--check-causality", "abc"), "'abc' is neither a path nor N, all, off"),
        (("--set", "nope.x=1"), "unknown key 'nope.x' (the nearest is '"),
        (("--set", "rule.rsi_below=1"), "did you mean 'rules.rsi_below'?"),
        (("--set", "app.mode=live"), "recorded bars"),
        (("--equity", "weekly"), "daily, bars"),
        (("--symbols", "SPYY"), "did you mean SPY?"),
        (("--out", "/proc/none"), "cannot be written"),
    ],
)
@pytest.mark.usefixtures("home")
def test_impossible_options(
    shared_data: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    data = str(shared_data / "bars_hour_lean" / "SPY.csv.gz")
    symbols = () if "--symbols" in words else ("--symbols", "SPY")
    assert said in refusal(capsys, "--data", data, *symbols, *words)


def test_on_the_command_line_it_is_exit_2_and_no_traceback(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(bars("2026-03-20 09:30"))
    for words, said in ((("--seed", "0"), "only one bar"), (("--seed", "-1"), "--seed")):
        done = hybrid_tui(home, "backtest", "--data", str(path), *words, "--json")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_hours_taken_as_minutes_are_refused(home: Path, shared_data: Path) -> None:
    data = str(shared_data / "bars_hour_lean" / "SPY.csv.gz")
    words = ("--data", data, "--start", "2015-06-01", "--end", "2015-06-30")
    done = hybrid_tui(home, "backtest", *words, "--interval", "1m")
    assert done.returncode == 2
    assert "known too early" in done.stderr
    assert run(home, *words)["settings"]["interval"] == 3600
