"""What a backtest says of tier 2 where nothing is bought: what was asked, and what refused it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app

DAYS = ("--start", "2026-02-17", "--end", "2026-02-18", "--check-causality", "off")
REACHED = "rules.min_buy_probability=0.3"
SURE = "rules.min_confidence=0"


class Told:
    """The warnings of backtests of two days of NVDA with tier 2, by both paths."""

    def __init__(self, shared_data: Path, home: Path) -> None:
        self._data = str(shared_data / "bars_1min_2025" / "NVDA.csv.gz")
        self._environment = {"HYBRID_TUI_HOME": str(home)}

    def of(self, *settings: str, tiers: str = "rules,ml", hybrid: str = "hierarchical") -> str:
        """Return the warnings, a line each."""
        words = ["backtest", "--data", self._data, *DAYS, "--tiers", tiers, "--path", "both"]
        words += [word for setting in settings for word in ("--set", setting)]
        result = CliRunner(env=self._environment).invoke(
            app, [*words, "--hybrid", hybrid, "--json"]
        )
        assert result.exit_code == 0, result.exception
        document = json.loads(result.stdout)
        assert document["trades"] == []
        return "\n".join(document["warnings"])


@pytest.fixture(scope="module")
def told(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(shared_data, tmp_path_factory.mktemp("home"))


def confirmed(text: str) -> list[int]:
    """Return how often entries were confirmed, and refused by each check, as told."""
    line = next(line for line in text.splitlines() if " confirmed, 0 decided; " in line)
    return [int(figure) for figure in re.findall(r"(?<!position )\b\d+", line.replace(" 0 ", " "))]


def test_each_refused_entry_is_told_by_the_check_that_failed_first(told: Told) -> None:
    unsure, none = told.of(REACHED), told.of(REACHED, SURE)
    assert "154 of 154 predictions reached 0.30" in unsure
    count, refused = confirmed(unsure)
    assert count == refused > 0
    assert f"confidence {count}" in unsure
    assert f"failed first: size (target position 0) {count}" in none
    assert f"failed first: buy probability {count}" in told.of()


def test_without_a_confirmation_that_is_what_is_told(told: Told) -> None:
    assert "no entry was confirmed by rules.entry rsi_macd" in told.of("rules.rsi_below=1")


def test_in_parallel_it_is_the_score_that_decides(told: Told) -> None:
    text = told.of(REACHED, tiers="rules,ml,llm", hybrid="parallel")
    assert "154 of 154 predictions reached 0.30 by probability alone; the score decides" in text
    assert sum(confirmed(text)[1:]) == confirmed(text)[0] > 0


def test_tier_2_speaks_whenever_it_is_asked(told: Told) -> None:
    assert "of 110 predictions" in told.of("ml.interval_minutes=7")
    seldom = told.of("ml.interval_minutes=30")
    assert "of 24 predictions" in seldom
    assert "predictions expire after 10 minutes, so there is a fresh one 33% of the time" in seldom
