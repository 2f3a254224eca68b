"""``ml train``: its options, its progress, and headlines from files and from the journal."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.ml_data import headlines_of, scored
from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, ModelError
from hybrid_tui.journal.journal import Journal
from hybrid_tui.llm.labels import label_of
from hybrid_tui.ml.dataset import build_dataset
from hybrid_tui.ml.features import FEATURE_NAMES
from hybrid_tui.ml.model_files import load_model, read_manifest
from tests.ml.builders import instant, random_walk
from tests.ml.test_command import run, write_csv

SENTIMENT = FEATURE_NAMES.index("sentiment")
FIRST = instant("2026-02-03T15:00:00")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def folder(calendar: TradingCalendar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    write_csv(folder, random_walk(calendar, "NVDA", sessions=14))
    return folder


def headlines(count: int) -> list[NewsItem]:
    """Return a good and a bad headline in turn, three a day."""
    words = ("Nvidia beats every estimate, shares surge", "Nvidia misses and cuts guidance")
    return [
        NewsItem(
            id=f"n{n}",
            received_at=FIRST + timedelta(days=n // 3, hours=n % 3, seconds=0.5),
            published_at=FIRST + timedelta(days=n // 3 - 1),
            symbols=("NVDA",),
            headline=f"{words[n % 2]} ({n})",
        )
        for n in range(count)
    ]


def write_news(path: Path, items: list[NewsItem]) -> Path:
    rows = (
        {
            "id": item.id,
            "received_at": item.received_at.isoformat(),
            "symbols": list(item.symbols),
            "headline": item.headline,
        }
        for item in items
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_headlines_are_learned_from_and_progress_is_told(
    home: Path, folder: Path, tmp_path: Path
) -> None:
    news = write_news(tmp_path / "news.jsonl", headlines(40))
    words = ("--members", "Logistic", "--epochs", "1", "--id", "mine", "--walk-forward", "2")
    made = run("train", "--data", str(folder), "--news", str(news), *words, "--json")
    assert made.exit_code == 0, made.output
    assert list(json.loads(made.stdout)["members"]) == ["logistic"]
    told = [json.loads(line) for line in made.stderr.splitlines() if line.startswith("{")]
    assert [row["phase"] for row in told[:2]] == ["windows", "fit"]
    assert told[-1]["phase"] == "done"
    fits = [row for row in told if row["phase"] == "fit"]
    # Two stretches, each with headlines and blind to them.
    assert [(row["step"], row["steps"], row["member"]) for row in fits] == [
        (step, 4, "logistic") for step in (1, 2, 3, 4)
    ]
    assert all(row["epoch"] == row["of"] == 1 and row["loss"] > 0 for row in fits)
    card = (home / "models" / "mine" / "CARD.md").read_text()
    assert "with 40 headlines from when they were received" in card
    assert "without sentiment" in card
    assert "Blind to sentiment" not in card
    assert not list((home / "cache" / "training").iterdir()), "nothing is left to go on with"


def test_without_walk_forward_there_is_one_fit_and_no_table(home: Path, folder: Path) -> None:
    words = ("--members", "logistic", "--epochs", "1", "--id", "mine", "--no-walk-forward")
    made = run("train", "--data", str(folder), *words, "--json")
    assert made.exit_code == 0, made.output
    assert '"steps": 1,' in made.stderr
    assert "## Walk-forward" not in (home / "models" / "mine" / "CARD.md").read_text()


def test_a_refit_has_seen_every_day_and_says_whose_figures_it_carries(
    home: Path, folder: Path
) -> None:
    words = ("--members", "logistic", "--epochs", "1", "--no-walk-forward")
    told = run("train", "--data", str(folder), *words, "--id", "mine")
    assert told.exit_code == 0, told.output
    assert "in paper and live it expires on 2026-0" in told.stderr
    assert "hybrid-tui ml refit mine" in told.stderr
    done = run("refit", "mine", "--data", str(folder))
    assert done.exit_code == 0, done.output
    assert "expires" not in done.stderr
    measured, made = (read_manifest(home / "models" / name) for name in ("mine", "mine-refit"))
    assert measured.trained_until < measured.data.last == made.trained_until == made.data.last
    assert made.refit is not None
    assert (made.refit.of, made.refit.sessions) == ("mine", 2)
    assert (made.refit.first, made.refit.last) == measured.data.spans["test"]
    assert list(made.data.spans) == ["train", "validation", "calibration"]
    assert made.held_out == measured.held_out
    assert made.metrics["auc"] == measured.metrics["auc"]
    own = "validation_logistic_log_loss"
    assert made.metrics[own] != measured.metrics[own]
    load_model(home / "models" / "mine-refit")
    card = (home / "models" / "mine-refit" / "CARD.md").read_text()
    assert "those of mine: the same recipe without the last 2 sessions" in card
    assert "| test |" not in card
    listed = json.loads(run("list", "--json").stdout)["models"]
    assert next(m["measured_on"] for m in listed if m["id"] == "mine-refit") == "mine"
    assert "(of mine)" in run("list").stdout
    old = run("refit", "mine", "--data", str(folder), "--end", "2026-02-17", "--id", "third")
    assert isinstance(old.exception, DataError)
    assert "nothing to fit" in old.exception.render()
    later = run("refit", "mine", "--data", str(folder), "--start", "2026-02-04", "--id", "third")
    assert isinstance(later.exception, DataError)
    assert "begin on 2026-02-04" in later.exception.render()
    other = run("refit", "mine", "--data", "sim", "--symbols", "NVDA", "--end", "2025-09-03",
                "--id", "third")  # fmt: skip
    assert isinstance(other.exception, DataError)
    assert "of the real market, these data of the simulated" in other.exception.render()
    again = run("refit", "mine-refit", "--data", str(folder), "--id", "third")
    assert isinstance(again.exception, ConfigError)
    assert run("reference", "mine-refit", "--data", str(folder)).exit_code == 0
    assert read_manifest(home / "models" / "mine-refit").drift == made.drift
    # Killed in its second half, the same command has only that to do; another has no such name.
    shutil.rmtree(home / "models" / "mine-refit")
    both = ("train", "--data", str(folder), "--id", "mine", "--refit")
    taken = run(*both, *words, "--seed", "2")
    assert isinstance(taken.exception, ModelError)
    assert "exists already" in taken.exception.render()
    weights = (home / "models" / "mine" / "logistic.safetensors").stat().st_mtime_ns
    assert run(*both, *words).exit_code == 0
    assert (home / "models" / "mine" / "logistic.safetensors").stat().st_mtime_ns == weights
    twin = read_manifest(home / "models" / "mine-refit")
    assert [m.sha256 for m in twin.members] == [m.sha256 for m in made.members]
    assert isinstance(run(*both, *words).exception, ModelError), "nothing is left to do"


def test_a_refit_may_take_in_another_symbol_and_says_what_it_is_of(
    home: Path, folder: Path, calendar: TradingCalendar, tmp_path: Path
) -> None:
    words = ("--members", "logistic", "--epochs", "1", "--no-walk-forward", "--note", "of one")
    assert run("train", "--data", str(folder), *words, "--id", "mine").exit_code == 0
    write_csv(tmp_path, random_walk(calendar, "AMD", sessions=14))
    places = ("--data", str(folder), "--data", str(tmp_path), "--symbols", "NVDA,AMD")
    done = run("refit", "mine", *places)
    assert done.exit_code == 0, done.output
    made = read_manifest(home / "models" / "mine-refit")
    assert made.data.symbols == ("AMD", "NVDA")
    assert set(made.drift[0].shares) == {"", "AMD", "NVDA"}
    assert made.data.description == "one-minute bars given by the user, without headlines"


@pytest.mark.parametrize("name", ["x" * 65, "x" * 60])
def test_a_name_too_long_for_a_manifest_is_refused_before_training(
    home: Path, folder: Path, name: str
) -> None:
    refused = run("train", "--data", str(folder / "none"), "--id", name, "--refit")
    assert isinstance(refused.exception, ConfigError)
    assert "at most 64" in refused.exception.render()


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--members", "lsmt"), "did you mean lstm?"), (("--members", ","), "names no member")],
)
def test_members_that_do_not_exist_are_refused(
    home: Path, folder: Path, words: tuple[str, ...], message: str
) -> None:
    refused = run("train", "--data", str(folder), *words)
    assert isinstance(refused.exception, ConfigError)
    assert message in refused.exception.render()


def test_another_device_is_refused(home: Path, folder: Path) -> None:
    refused = run("train", "--data", str(folder), "--device", "cuda")
    assert refused.exit_code == 2
    assert "'cpu'" in refused.output


def test_the_journals_headlines_count_by_their_labels_from_when_they_were_received(
    home: Path, calendar: TradingCalendar, tmp_path: Path
) -> None:
    items = headlines(6)
    state = CliState()
    journal = Journal(state.paths.journal)
    journal.add_news(items)
    # A model reads the first, good one as bad; the others are left to the local analyst.
    journal.keep_labels([label_of(items[0], "some-model", -0.75, datetime(2026, 3, 1, tzinfo=UTC))])
    journal.close()
    found = headlines_of(state, ["journal"], ["NVDA"])
    assert [item.id for item in found] == [item.id for item in items]
    assert headlines_of(state, ["journal"], ["SPY"]) == []
    file = str(write_news(tmp_path / "news.jsonl", items))
    assert len(headlines_of(state, ["journal", file], ["NVDA"])) == 6, "each once"
    events = scored(state, found)["NVDA"]
    seconds = [int(item.received_at.timestamp()) + 1 for item in items]
    assert events.at_seconds.tolist() == seconds, "never before it was received"
    assert events.score[0] == -0.75
    assert events.score[1] < 0 < events.score[2]

    bars = {"NVDA": random_walk(calendar, "NVDA", sessions=5)}
    heard = build_dataset(bars, calendar, sentiment={"NVDA": events})
    deaf = build_dataset(bars, calendar)
    early = heard.at < seconds[0]
    assert early.any()
    assert np.array_equal(heard.values[early], deaf.values[early])
    later = (heard.at >= seconds[0]) & (heard.at < seconds[1])
    last = heard.values[later][:, -1, SENTIMENT]
    assert (last < 0).all(), "the model's label, not the local analyst's"
    assert abs(last[0]) > abs(last[-1])
