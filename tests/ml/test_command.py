from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.ml import app
from hybrid_tui.domain.bars import BarSeries, CorporateAction
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, ModelError
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.store import BarStore
from tests.desk import hybrid_tui
from tests.ml.builders import random_walk

FIELDS = [
    "at",
    "symbol",
    "reference_price",
    "reference_bar",
    "horizon_end",
    "threshold_bps",
    "buy_probability",
    "confidence",
    "price_forecast_1h",
    "volatility_forecast",
    "target_position",
    "interval",
    "familiar",
    "members",
    "model_id",
    "trained_until",
    "strategy_id",
]


def run(*arguments: str) -> Result:
    root = typer.Typer()

    @root.callback()
    def options(context: typer.Context) -> None:
        context.obj = CliState()

    root.add_typer(app, name="ml")
    return CliRunner().invoke(root, ["ml", *arguments])


def write_csv(folder: Path, series: BarSeries) -> None:
    with (folder / f"{series.symbol}.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for n, start in enumerate(series.start.tolist()):
            at = datetime.fromtimestamp(start, UTC).astimezone(NEW_YORK)
            prices = [float(getattr(series, c)[n]) for c in ("open", "high", "low", "close")]
            out.writerow([at.strftime("%Y-%m-%d %H:%M"), *prices, series.volume[n]])


@pytest.fixture
def bars(tmp_path: Path, calendar: TradingCalendar) -> Path:
    folder = tmp_path / "bars"
    folder.mkdir()
    for symbol in ("NVDA", "AMD", "SPY"):
        write_csv(folder, random_walk(calendar, symbol, sessions=2))
    return folder


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_predict_writes_one_line_a_symbol_at_each_instant_in_order(home: Path, bars: Path) -> None:
    rows = lines(run("predict", "--data", str(bars), "--start", "2026-02-03", "--json"))
    assert [(row["at"], row["symbol"]) for row in rows] == sorted(
        (row["at"], row["symbol"]) for row in rows
    )
    assert len(rows) == 77 * 3
    assert rows[0]["at"] == "2026-02-03T14:35:00Z"
    assert rows[-1]["at"] == "2026-02-03T20:55:00Z"
    assert all(list(row) == FIELDS for row in rows)
    assert rows[0]["reference_bar"] == "2026-02-03T14:34:00Z"
    assert rows[-1]["horizon_end"] == "2026-02-03T21:00:00Z"


def test_predict_speaks_at_the_instants_that_are_set(home: Path, bars: Path) -> None:
    words = ("--data", str(bars), "--start", "2026-02-03", "--json")
    rows = lines(run("predict", *words, "--set", "ml.interval_minutes=30", "--set", "sim.seed=1"))
    assert len(rows) == 12 * 3
    assert [row["at"] for row in rows[:4:3]] == ["2026-02-03T15:00:00Z", "2026-02-03T15:30:00Z"]


def test_predict_abstains_until_the_look_back_is_full(home: Path, bars: Path) -> None:
    rows = lines(run("predict", "--data", str(bars), "--end", "2026-02-02", "--json"))
    first = rows[0]
    assert list(first) == ["at", "symbol", "abstained", "model_id"]
    assert first["abstained"] == "needs 260 bars, has 5"
    assert {row["at"] for row in rows if "abstained" not in row} == {
        row["at"] for row in rows if row["at"] >= "2026-02-02T18:50:00Z"
    }


def test_spy_helps_the_others_without_being_asked_for(home: Path, bars: Path) -> None:
    day = ("--start", "2026-02-03", "--json")
    whole = lines(run("predict", "--data", str(bars), *day))
    alone = lines(run("predict", "--data", str(bars), "--symbols", "nvda", *day))
    assert alone == [row for row in whole if row["symbol"] == "NVDA"]


def test_the_bar_store_gives_the_lines_of_the_files(
    home: Path, bars: Path, calendar: TradingCalendar
) -> None:
    store = BarStore(home / "bars")
    for series in read_bars([bars], calendar=calendar).series.values():
        store.add(series)
    five_minutes = replace(random_walk(calendar, "NVDA", sessions=2), interval=300)
    store.add(five_minutes.slice(0, 20))
    asked = ("--symbols", "NVDA", "--start", "2026-02-03", "--json")
    from_store = lines(run("predict", "--data", "store", *asked))
    assert from_store == lines(run("predict", "--data", str(bars), *asked))


def test_over_raw_bars_tier_2_speaks_as_over_adjusted_ones(
    home: Path, calendar: TradingCalendar
) -> None:
    # A planted 4:1 split: dividing by 4 is exact, so the figures must be the same to the last bit.
    walk = random_walk(calendar, "NVDA", sessions=2)
    split = CorporateAction(symbol="NVDA", ex_at=datetime(2026, 2, 3, 5, tzinfo=UTC), ratio=4.0)
    first = walk.known_by(int(split.ex_at.timestamp()))
    past = np.arange(len(walk)) < len(first)
    raw = replace(
        walk,
        open=np.where(past, 4 * walk.open, walk.open),
        high=np.where(past, 4 * walk.high, walk.high),
        low=np.where(past, 4 * walk.low, walk.low),
        close=np.where(past, 4 * walk.close, walk.close),
        volume=np.where(past, walk.volume / 4, walk.volume),
    )
    store = BarStore(CliState().paths.bars)
    store.add(raw, "none")
    store.add_actions([split])
    words = ("--start", "2026-02-03", "--json")
    over_raw = run("predict", "--data", "store", *words)
    assert len(lines(over_raw)) == 77
    tested = hybrid_tui(home, "backtest", "--data", "store", "--tiers", "rules,ml", *words)
    assert tested.returncode == 0, tested.stderr
    over_raw_warnings = json.loads(tested.stdout)["warnings"]
    assert any("of 77 predictions" in text for text in over_raw_warnings)
    shutil.rmtree(store.folder)
    store.add(walk, "splits")
    assert lines(run("predict", "--data", "store", *words)) == lines(over_raw)
    tested = hybrid_tui(home, "backtest", "--data", "store", "--tiers", "rules,ml", *words)
    assert json.loads(tested.stdout)["warnings"] == over_raw_warnings


def test_an_instant_as_end_cuts_there(home: Path, bars: Path) -> None:
    span = ("--start", "2026-02-03T15:00:00Z", "--end", "2026-02-03T16:00:00Z")
    rows = lines(run("predict", "--data", str(bars), "--symbols", "AMD", *span, "--json"))
    assert rows[0]["at"] == "2026-02-03T15:05:00Z"
    assert rows[-1]["at"] == "2026-02-03T16:00:00Z"


def test_an_unknown_model_or_symbol_and_a_bad_date_are_errors(home: Path, bars: Path) -> None:
    result = run("predict", "--data", str(bars), "--model", "nope", "--json")
    assert isinstance(result.exception, ModelError)
    assert result.stdout == ""
    result = run("predict", "--data", str(bars), "--symbols", "NVDQ", "--json")
    assert isinstance(result.exception, DataError)
    assert "NVDQ" in str(result.exception)
    result = run("predict", "--data", str(bars), "--start", "soon")
    assert isinstance(result.exception, ConfigError)


def test_a_damaged_model_of_the_user_is_an_error_and_not_passed_over(
    home: Path, bars: Path
) -> None:
    folder = home / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    (home / "models" / "champion.json").write_text('{"real": "mine"}')
    result = run("predict", "--data", str(bars), "--json")
    assert isinstance(result.exception, ModelError)
    assert "manifest.json" in str(result.exception)


def test_train_writes_a_model_that_list_shows_and_predict_uses(
    home: Path, bars: Path, calendar: TradingCalendar
) -> None:
    for symbol in ("NVDA", "AMD", "SPY"):
        write_csv(bars, random_walk(calendar, symbol, sessions=13))
    options = ("--data", str(bars), "--epochs", "1", "--id", "mine", "--note", "random walks")
    result = run("train", *options, "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["market"] == "real"
    assert (home / "models" / "mine" / "CARD.md").read_text().count("random walks") == 1
    listed = json.loads(run("list", "--json").stdout)["models"]
    assert {"mine", "ensemble-sim-1"} <= {model["id"] for model in listed}
    assert {model["market"] for model in listed if model["champion"]} == {"real", "simulated"}
    rows = lines(
        run("predict", "--data", str(bars), "--model", "mine", "--start", "2026-02-03", "--json")
    )
    assert {row["model_id"] for row in rows} == {"mine"}
    again = run("train", *options)
    assert isinstance(again.exception, ModelError)


def test_a_bad_name_for_a_model_is_refused_before_training(home: Path, bars: Path) -> None:
    result = run("train", "--data", str(bars), "--id", "../escape")
    assert isinstance(result.exception, ConfigError)
