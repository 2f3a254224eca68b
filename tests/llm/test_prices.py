"""Prices: the table's, the configuration's, none on loopback, and never an unknown one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.config import LlmConfig
from hybrid_tui.errors import ConfigError
from hybrid_tui.llm.prices import TokenUsage, is_loopback, prices_of, table_date, table_name
from hybrid_tui.llm.provider import tokens_bound
from hybrid_tui.llm.wire import read_usage

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
DEFAULT = LlmConfig()


def test_the_default_model_costs_what_the_table_says() -> None:
    prices = prices_of(DEFAULT.model, None, None, None)
    assert prices.cost(TokenUsage(input=3_000, output=600), AT) == 0.0006
    cached = prices.cost(TokenUsage(input=3_000, output=600, cached=3_000), AT)
    assert cached == pytest.approx(0.00033)
    assert "genai-prices" in prices.text


def test_the_table_tells_its_age() -> None:
    newest = table_date()
    assert newest is not None
    assert date(2026, 1, 1) < newest
    assert newest.isoformat() in table_name()


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("no-such-model", None),
        ("gpt-6-luna", "https://gateway.example/v1"),
        ("no-such-model", "https://api.deepseek.com"),
    ],
)
def test_an_unknown_price_is_refused_with_a_hint(model: str, url: str | None) -> None:
    with pytest.raises(ConfigError, match="no price is known") as raised:
        prices_of(model, url, None, None)
    assert "llm.price_in" in (raised.value.hint or "")


def test_configured_prices_win_and_go_together() -> None:
    prices = prices_of("no-such-model", "https://gateway.example/v1", 1.0, 2.0)
    assert prices.cost(TokenUsage(input=1_000_000, output=500_000), AT) == 2.0
    with pytest.raises(ConfigError, match="go together"):
        prices_of("gpt-6-luna", None, 1.0, None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8099/v1", True),
        ("http://localhost:11434/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://127.0.0.1.evil.example/v1", False),
        ("https://api.openai.com/v1", False),
        ("http://192.168.0.9/v1", False),
    ],
)
def test_only_this_machine_is_free(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
    if expected:
        usage = TokenUsage(input=9_999, output=9_999)
        assert prices_of("anything", url, None, None).cost(usage, AT) == 0


def test_a_price_that_varies_by_the_hour_is_reserved_at_its_dearest() -> None:
    prices = prices_of("deepseek-flash", "https://api.deepseek.com", None, None)
    usage = TokenUsage(input=5_000, output=600)
    hours = [prices.cost(usage, AT.replace(hour=hour)) for hour in range(24)]
    assert min(hours) < max(hours)
    assert prices.most(5_000, 600, AT) >= max(hours)


def test_openrouters_own_cost_counts() -> None:
    prices = prices_of("openai/gpt-5.4-nano", "https://openrouter.ai/api/v1", None, None)
    usage = read_usage({"prompt_tokens": 5, "completion_tokens": 5, "cost": 0.0123451})
    assert usage is not None
    assert prices.cost(usage, AT) == 0.012346


@given(
    prompt=st.text(min_size=1, max_size=400),
    output=st.integers(0, 4_000),
    share=st.floats(0, 1),
    thinking=st.integers(0, 4_000),
)
def test_no_call_can_cost_more_than_was_reserved(
    prompt: str, output: int, share: float, thinking: int
) -> None:
    """Whatever a byte-level tokenizer makes of a prompt, and however much of it was cached."""
    prices = prices_of(DEFAULT.model, None, None, None)
    bound = tokens_bound([{"role": "user", "content": prompt}], {})
    tokens = len(prompt.encode("utf-8", "replace"))
    cached = int(tokens * share)
    usage = TokenUsage(
        input=tokens,
        output=min(output, 4_000),
        cached=cached,
        cache_writes=tokens - cached,
        reasoning=thinking,
    )
    assert prices.cost(usage, AT) <= prices.most(bound, 4_000, AT)


def test_a_month_at_the_default_settings_stays_under_its_cap() -> None:
    """84 sessions and two events on each of 21 days, by the price table: the sums are printed.

    5,000 tokens in and 2,500 out is a full prompt and a model that thinks; the most is what is
    reserved for 20,000 bytes and all the output that is allowed, as if every call used it.
    """
    prices = prices_of(DEFAULT.model, None, None, None)
    sessions, events = 21 * len(DEFAULT.sessions), 21 * DEFAULT.events_a_day
    usual = prices.cost(TokenUsage(input=5_000, output=2_500), AT)
    most = prices.most(20_000, DEFAULT.max_output_tokens, AT)
    told = {
        "sessions": sessions,
        "events": events,
        "usual": round(usual * (sessions + events), 4),
        "most": round(most * (sessions + events), 4),
        "most for events": round(most * events, 4),
    }
    print(told)  # noqa: T201
    assert sessions == 84
    assert told["usual"] < told["most"] < 1.50
    assert told["most for events"] < DEFAULT.event_cap_usd
