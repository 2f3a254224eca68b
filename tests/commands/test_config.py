"""The configuration: where it comes from, what wins, and what is said about mistakes."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hybrid_tui.config import Config, Paths, RulesConfig
from hybrid_tui.config_file import load_config, sources_of
from hybrid_tui.domain.signals import RiskLevel
from hybrid_tui.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def load(file: Path, text: str = "", *overrides: str, **environment: str) -> Config:
    file.write_text(text)
    return load_config(file, environment=environment, overrides=overrides)


def complaint(file: Path, text: str = "", *overrides: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, text, *overrides, **environment)
    return caught.value.render()


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    config = load_config(tmp_path / "absent.toml", environment={})
    assert (config.app.mode, config.app.hybrid.value) == ("sim", "hierarchical")
    assert config.llm.monthly_cap_usd == 1.50
    assert config.llm.event_cap_usd == 0.30
    assert config.llm.sessions == (time(10), time(12), time(15), time(15, 30))
    assert config.risk.levels.of(RiskLevel.CONSERVATIVE) == (0.07, 0.04, 0.5)
    assert config.risk.levels.of(RiskLevel.AGGRESSIVE) == (0.10, 0.07, 1.25)
    assert config.risk.protections == ("cooldown", "stop_guard", "daily_loss")
    assert config.rules.min_buy_probability == 0.70


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(file: Path) -> None:
    text = "[rules]\nrsi_below = 30\nrsi_lookback = 5\nrsi_exit = 75\n"
    environment = {"HYBRID_TUI__RULES__RSI_BELOW": "31", "HYBRID_TUI__RULES__RSI_LOOKBACK": "6"}
    rules = load(file, text, "rules.rsi_below=32", **environment).rules
    assert (rules.rsi_below, rules.rsi_lookback, rules.rsi_exit) == (32, 6, 75)


def test_values_read_like_toml_or_plain_words(file: Path) -> None:
    config = load(
        file,
        "",
        "risk.protections=none",
        "app.watchlist=nvda, AMD",
        "risk.levels.moderate=[0.2, 0.1, 1.0]",
        "llm.base_url=http://127.0.0.1:8096/v1",
    )
    assert config.risk.protections == ()
    assert config.app.watchlist == ("NVDA", "AMD")
    assert config.risk.levels.moderate == (0.2, 0.1, 1.0)
    assert config.llm.base_url == "http://127.0.0.1:8096/v1"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[rules]\nrsi_belov = 3\n", ["config.toml", "'rules.rsi_belov'", "'rules.rsi_below'"]),
        ("[rulez]\nrsi_below = 3\n", ["config.toml", "'rulez'", "'rules'"]),
        ("[rules]\nentry = 'rsi_mcad'\n", ["rules.entry", "'rsi_macd'"]),
        ("[rules]\nrsi_below = 300\n", ["rules.rsi_below", "100", "300"]),
        ("[rules]\nexit = 'bolinger'\n", ["rules.exit", "'bolinger'", "'bollinger'"]),
        (
            "[rules.sets.x]\nall = ['macd_cros_above']\n",
            ["config.toml: rules.sets.x.all", "'macd_cros_above'", "'macd_cross_above'"],
        ),
        (
            "[rules.sets.x]\nnot = ['rsi_below(levl=30)']\nall = ['rose']\n",
            ["rules.sets.x.not", "rsi_below", "'levl'", "'level'"],
        ),
        (
            "[rules.sets.x]\nany = ['rsi_below(level=300)']\n",
            ["rules.sets.x.any", "rsi_below: level", "100", "'300'"],
        ),
        ("[rules.sets.x]\nall = ['rsi_below(30)']\n", ["rules.sets.x.all", "level=30"]),
        ("[rules.sets.x]\nall = ['rose(bars=1', 'fell']\n", ["rules.sets.x.all", "'rose(bars=1'"]),
        (
            "[rules.sets.x]\nall = ['rose(bars=__import__(\"os\"))']\n",
            ["rules.sets.x.all", "cannot read"],
        ),
        ("[rules.sets.x]\nal = ['rose']\n", ["'rules.sets.x.al'", "'rules.sets.x.all'"]),
        ("[rules.sets.x]\n", ["rules.sets.x", "at least one condition"]),
        ("[rules.sets.x]\nall = ['y']\n[rules.sets.y]\nall = ['x']\n", ["x -> y -> x"]),
        ("[rules.sets.bollinger]\nall = ['rose']\n", ["rules.sets.bollinger", "another name"]),
        ("[rules.sets]\nx = 3\n", ["rules.sets.x", "3"]),
        (
            "[rules.sets.x]\nall = ['sma_cross_above(fast=50, slow=20)']\n",
            ["rules.sets.x.all", "fast (50) must be less than slow (20)"],
        ),
        ("[rules\n", ["config.toml"]),
        ("[app]\nmode = 'sim'\n[broker]\nkind = 'alpaca'\n", ["app.mode", "alpaca"]),
        ("app = 3\n", ["app"]),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_nearest_choice(
    file: Path, text: str, parts: list[str]
) -> None:
    said = complaint(file, text)
    for part in parts:
        assert part in said


def test_mistakes_on_the_command_line_and_in_the_environment_are_named_as_such(file: Path) -> None:
    assert "--set risk.max_gros=1" in complaint(file, "", "risk.max_gros=1")
    assert "risk.max_gross" in complaint(file, "", "risk.max_gros=1")
    assert "KEY=VALUE" in complaint(file, "", "risk.max_gross")
    said = complaint(file, "", HYBRID_TUI__ML__INTERVAL_MINUTES="often")
    assert "HYBRID_TUI__ML__INTERVAL_MINUTES" in said


def test_a_home_holds_everything_and_profiles_are_apart(tmp_path: Path) -> None:
    environment = {"HYBRID_TUI_HOME": str(tmp_path)}
    plain, other = Paths.of(environment=environment), Paths.of("two", environment)
    assert plain.journal == tmp_path / "journal.db"
    assert plain.config == tmp_path / "config.toml"
    assert other.journal != plain.journal
    assert other.lock != plain.lock
    assert other.bars == plain.bars == tmp_path / "bars"
    with pytest.raises(ConfigError):
        Paths.of("../up", environment)


def test_sectors_are_read_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[sectors]\nNVDA = "chips"\nenergy = ["XOM", "CVX"]\n')
    found = load_config(path, environment={"HYBRID_TUI__SECTORS__AMD": "chips"})
    assert found.sectors == {"NVDA": "chips", "AMD": "chips", "XOM": "energy", "CVX": "energy"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[risk]\nmax_sector = 0.3\n", "risk.max_sector needs [sectors]"),
        (
            '[sectors]\nNVDA = "chips"\noil = ["NVDA"]\n',
            "NVDA is in two sectors: 'chips' and 'oil'",
        ),
        ("[sectors]\nNVDA = 3\n", "'NVDA' is neither a symbol's sector nor a sector's symbols"),
        ("[risk]\nloss_budget = 1.5\n", "risk.loss_budget: Input should be less than 1, not 1.5"),
        ("[risk]\nmax_sectors = 0.3\n", "did you mean 'risk.max_sector'?"),
    ],
)
def test_the_guardians_keys_are_checked(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment={})
    assert said in caught.value.render()


def test_sets_of_conditions_come_from_the_command_line_too(file: Path) -> None:
    config = load(
        file,
        "[rules.sets.dip]\nall = ['rose']\n",
        "rules.sets.dip.all=macd_cross_above, rsi_below(level=30, bars=5)",
        'rules.sets.dip.not=["gap_down(fraction=0.03)"]',
        "rules.entry=dip",
    )
    assert [call.text for call in config.rules.rule_set("dip").conditions()] == [
        "macd_cross_above(fast=12, slow=26, signal=9, bars=1)",
        "rsi_below(period=14, level=30, bars=5)",
        "gap_down(fraction=0.03)",
    ]
    assert config.flat()["rules.sets.dip.not"] == ["gap_down(fraction=0.03)"]
    said = complaint(file, "", "rules.sets.dip.all=rsi_below(bar=5)")
    assert "--set rules.sets.dip.all=" in said


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=230) | st.text(alphabet="rsi_below(v=30, )&|'\"", max_size=60))
def test_random_text_is_a_condition_or_an_error(text: str) -> None:
    rules = {"sets": {"x": {"all": [text]}}}
    try:
        RulesConfig.model_validate(rules)
    except ValidationError as error:
        keys = [str(problem.get("ctx", {}).get("key")) for problem in error.errors()]
    else:
        keys = []
    assert all(key.startswith("rules.sets.x") for key in keys)


def test_the_configuration_that_the_readme_shows_is_one(file: Path) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    shown = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert len(shown) == 1
    assert load(file, shown[0]).rules.entry == "dip_buyer"


def test_each_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[rules]\nrsi_below = 30\nrsi_period = 9\n[risk.levels]\nmoderate = [0.1, 0.05, 1]\n"
    )
    found = sources_of(
        path,
        environment={"HYBRID_TUI__RULES__RSI_PERIOD": "10", "PATH": "/"},
        overrides=("app.mode=paper",),
        forced={"app.mode": "recorded"},
    )
    assert found == {
        "rules.rsi_below": "config.toml",
        "rules.rsi_period": "HYBRID_TUI__RULES__RSI_PERIOD",
        "risk.levels.moderate": "config.toml",
        "app.mode": "--set app.mode=paper",
    }
