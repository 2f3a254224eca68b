"""The causality check: sound runs pass, and everything planted that knows the future is named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.analysis.causality import Verdict, other_future, other_news
from hybrid_tui.analysis.causality_features import check_features, sampled_instants
from hybrid_tui.analysis.warm_up import warm_up_needed
from hybrid_tui.commands.backtest_causality import (
    Run,
    causality_warnings,
    check_causality,
    how_much,
)
from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.backtest_run import run_history
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, BoolArray, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.conditions import ConditionCall
from hybrid_tui.errors import ConfigError
from hybrid_tui.ml import predictor as predictor_module
from hybrid_tui.ml.features import gather
from hybrid_tui.rules import indicators, technical
from hybrid_tui.rules.conditions import Condition, condition_of
from hybrid_tui.rules.indicators import Indicators
from tests.desk import hybrid_tui
from tests.ml.builders import instant, random_walk, seconds

SETTINGS = ("rules.rsi_below=60", "rules.rsi_exit=60")


def straight(instants: Sequence[datetime]) -> Iterable[datetime]:
    return instants


def history_of(series: dict[str, BarSeries]) -> History:
    first = min(int(bars.start[0]) for bars in series.values())
    last = max(int(bars.known_at[-1]) for bars in series.values())
    at = instant("1970-01-01T00:00:00")
    return History(
        before={},
        traded=series,
        interval=60,
        feed="test",
        fingerprint="",
        warnings=(),
        begins_at=at + timedelta(seconds=first - 1),
        ends_at=at + timedelta(seconds=last),
    )


def run_of(calendar: TradingCalendar, *, seed: int = 0, news: Sequence[NewsItem] = ()) -> Run:
    """A run of the rules over two random walks; headlines are read where there are any."""
    state = CliState()
    series = {name: random_walk(calendar, name, sessions=3, seed=seed) for name in ("NVDA", "SPY")}
    tiers = ["rules", "llm"] if news else ["rules"]
    forced: dict[str, object] = {"app.tiers": tiers, "approval.policy": "auto"}
    config = state.config(overrides=SETTINGS, forced=forced)
    history = history_of(series)
    return Run(
        state=state,
        config=config,
        history=history,
        headlines=news,
        outcome=run_history(state, config, history, news),
        seed=seed,
    )


def item(received: str, published: str | None, text: str = "Profit rises", n: int = 0) -> NewsItem:
    return NewsItem(
        id=f"n{n}",
        received_at=instant(received),
        published_at=instant(published) if published else None,
        symbols=("NVDA",),
        headline=text,
    )


@pytest.mark.parametrize("how", ["sample", 3])
def test_a_sound_run_passes(home: Path, calendar: TradingCalendar, how: str | int) -> None:
    news = [
        item("2026-02-02T16:00:00", "2026-02-02T15:59:00", n=1),
        item("2026-02-03T17:00:00", "2026-02-03T16:59:00", "Shares plunge on fraud", n=2),
    ]
    run = run_of(calendar, news=news)
    found = check_causality(run, how, straight)
    assert found["ok"], found["findings"]
    assert found["compared"]["condition"] > 0
    assert found["compared"]["headline"] == 2
    if how == 3:
        assert len(found["instants"]) == 3
        assert found["compared"]["signal"] > 0


def ahead_by_one(call: ConditionCall) -> Condition:
    sound = condition_as_it_is(call)

    def holds(found: Indicators) -> BoolArray:
        now = sound.holds(found)
        return np.append(now[1:], False)

    return replace(sound, holds=holds)


condition_as_it_is = condition_of


@pytest.mark.parametrize("seed", range(8))
def test_a_condition_that_reads_one_bar_ahead_is_named_each_time(
    home: Path, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(technical, "condition_of", ahead_by_one)
    found = check_causality(run_of(calendar, seed=seed), "sample", straight)
    assert not found["ok"]
    assert {row["kind"] for row in found["findings"]} >= {"condition"}
    named = {row["name"] for row in found["findings"]}
    assert named & {"entry", "exit"}


def test_orders_that_follow_it_are_named_in_full(
    home: Path, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(technical, "condition_of", ahead_by_one)
    found = check_causality(run_of(calendar), 3, straight)
    rows = [row for row in found["findings"] if row["kind"] == "order"]
    assert rows
    assert all(row["at"] in found["instants"] for row in rows)
    assert all(row["symbol"] in ("NVDA", "SPY") for row in rows)
    assert any("causality: order" in text for text in causality_warnings(found))


@pytest.mark.parametrize("seed", range(8))
def test_an_indicator_that_reads_one_bar_ahead_is_named_each_time(
    home: Path, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    sound = indicators.FAMILIES["rsi"]

    def batch(close: Any, period: int) -> Any:
        return np.append(sound.batch(close, period)[1:], np.nan)

    monkeypatch.setitem(indicators.FAMILIES, "rsi", replace(sound, batch=batch))
    found = check_causality(run_of(calendar, seed=seed), "sample", straight)
    assert "rsi(14)" in {row["name"] for row in found["findings"]}


@pytest.mark.parametrize("seed", range(8))
def test_a_feature_that_reads_one_bar_ahead_is_named_each_time(
    calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    series = {name: random_walk(calendar, name, sessions=3, seed=seed) for name in ("NVDA", "SPY")}
    history = history_of(series)
    second_day = instant("2026-02-03T16:00:00")
    instants = sampled_instants(calendar, second_day, history.ends_at, 2, seed)
    sound = Verdict()
    check_features(sound, calendar, series, instants, seed=seed)
    assert not sound.findings
    assert sound.compared["feature"] > 50

    def peeking(bars: BarSeries, ends: Any, *others: Any, **named: Any) -> Any:
        return gather(bars, ends + 1, *others, **named)

    monkeypatch.setattr(predictor_module, "gather", peeking)
    planted = Verdict()
    check_features(planted, calendar, series, instants, seed=seed)
    assert {found.data for found in planted.findings} == {"cut off", "another future"}
    assert {"return", "rsi"} <= {found.name for found in planted.findings}


def test_a_headline_stamped_early_is_named(home: Path, calendar: TradingCalendar) -> None:
    news = [
        item("2026-02-03T16:00:00", "2026-02-03T15:59:59", n=1),
        item("2026-02-03T16:00:00", "2026-02-03T16:30:00", n=2),
        item("2026-02-03T17:00:00", None, n=3),
        item("2026-02-04T00:00:00", None, n=4),
        item("2026-02-05T00:00:00", None, n=5),
    ]
    found = check_causality(run_of(calendar, news=news), "sample", straight)
    assert not found["ok"]
    (row,) = found["findings"]
    assert (row["kind"], row["name"], row["symbol"]) == ("headline", "n2", "NVDA")
    assert (row["value"], row["other"]) == ("2026-02-03T16:00:00Z", "2026-02-03T16:30:00Z")
    said = " ".join(causality_warnings(found))
    assert "3 of 5 headlines do not say when they were published" in said
    assert "2 headlines were received at midnight" in said


def test_another_future_leaves_the_past_and_keeps_bars_possible(calendar: TradingCalendar) -> None:
    bars = random_walk(calendar, sessions=2)
    cut = int(bars.known_at[400])
    other = other_future(1)(bars, cut)
    for name in ("open", "high", "low", "close", "volume"):
        one, two = getattr(bars, name), getattr(other, name)
        assert np.array_equal(one[:401], two[:401])
        assert (one[401:] != two[401:]).all()
    assert (other.low <= np.minimum(other.open, other.close)).all()
    assert (other.high >= np.maximum(other.open, other.close)).all()
    assert np.array_equal(other_future(1)(bars, cut).close, other.close)
    assert other_future(1)(bars, int(bars.known_at[-1])) is bars


def test_another_future_has_other_headlines_and_the_same_past() -> None:
    news = [item(f"2026-02-03T16:{n:02}:00", None, n=n) for n in range(40)]
    at = instant("2026-02-03T16:10:00")
    other = other_news(news, at, 3)
    assert other[:11] == news[:11]
    assert not set(other[11:]) & set(news[11:])
    assert all(found.received_at > at for found in other[11:])


def test_warm_up_says_how_many_bars_it_takes(calendar: TradingCalendar) -> None:
    found = warm_up_needed(random_walk(calendar, sessions=8), RulesConfig())
    assert found is not None
    assert found.worst.startswith("macd")
    assert found.needed is not None
    assert 50 < found.needed <= 300
    steps = [found.differences[key] for key in (50, 100, 200, 500)]
    assert steps == sorted(steps, reverse=True)
    assert warm_up_needed(random_walk(calendar, sessions=2), RulesConfig()) is None


def test_short_warm_up_is_warned_of(home: Path, calendar: TradingCalendar) -> None:
    run = run_of(calendar)
    long = {"NVDA": random_walk(calendar, sessions=7)}
    run = replace(run, history=history_of(long))
    run = replace(run, outcome=run_history(run.state, run.config, run.history, ()))
    found = check_causality(run, "sample", straight)
    assert found["warm_up"]["short"] == ["NVDA"]
    assert any("warm-up: macd" in text for text in causality_warnings(found))
    cut = int(np.searchsorted(long["NVDA"].start, seconds(instant("2026-02-05T00:00:00"))))
    warm = replace(
        run.history,
        before={"NVDA": long["NVDA"].slice(0, cut)},
        traded={"NVDA": long["NVDA"].slice(cut, len(long["NVDA"]))},
        begins_at=instant("2026-02-05T14:29:59"),
    )
    run = replace(run, history=warm, outcome=run_history(run.state, run.config, warm, ()))
    found = check_causality(run, "sample", straight)
    assert found["ok"]
    assert found["warm_up"]["short"] == []


def test_what_can_be_asked_for() -> None:
    assert [how_much(text) for text in (None, "all", "off", "7")] == ["sample", "all", "off", 7]
    for text in ("0", "-1", "some", "1.5"):
        with pytest.raises(ConfigError, match="--check-causality"):
            how_much(text)


def test_the_command_fails_where_a_headline_was_stamped_early(
    tmp_path: Path, shared_data: Path
) -> None:
    news = tmp_path / "news.jsonl"
    line = {
        "id": "early",
        "received_at": "2025-11-03T15:00:00Z",
        "published_at": "2025-11-03T19:00:00Z",
        "symbols": ["NVDA"],
        "headline": "Profit rises",
    }
    news.write_text(json.dumps(line) + "\n")
    words = ["backtest", "--data", str(shared_data / "bars_1min_2025" / "NVDA.csv.gz"), "--json"]
    words += ["--start", "2025-11-03", "--end", "2025-11-05", "--news", str(news)]
    done = hybrid_tui(tmp_path / "home", *words)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [row["name"] for row in found["causality"]["findings"]] == ["early"]
    assert any("headline early" in text for text in found["warnings"])
    for more, mode in ((["off"], "off"), (["2"], "full"), ([], "all")):
        done = hybrid_tui(tmp_path / "home", *words[:-2], "--check-causality", *more)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["causality"]["mode"] == mode
    done = hybrid_tui(tmp_path / "home", *words[:-2], "--check-causality", "-3")
    assert done.returncode == 2
    assert "--check-causality" in done.stderr
