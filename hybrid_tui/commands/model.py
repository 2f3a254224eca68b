"""The language model that a configuration names: its endpoint, key, prices and caps."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hybrid_tui.commands.compose import local_analyst
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import Config, LlmConfig
from hybrid_tui.errors import ConfigError
from hybrid_tui.keys import find_key

if TYPE_CHECKING:
    from hybrid_tui.domain.charges import LlmDesk
    from hybrid_tui.domain.exchange import Exchange
    from hybrid_tui.domain.ports import Strategist, StrategistBrief
    from hybrid_tui.engine.ledger import EngineLedger
    from hybrid_tui.llm.budget import Caps
    from hybrid_tui.llm.calls import CallMade
    from hybrid_tui.llm.prices import Priced
    from hybrid_tui.llm.prompt import Prompt, PromptLimits
    from hybrid_tui.llm.provider import Provider

UNCHOSEN_EVENT_SHARE = 0.2


def real_time() -> datetime:
    """Return the real time, by which money is counted, whatever the market's clock says."""
    return datetime.now(UTC)


def caps_of(config: Config) -> Caps:
    """Return the caps of a configuration; the events' is never above the month's.

    Where nobody chose it, it is at most a fifth: a small month leaves most to the regular sessions.
    """
    from hybrid_tui.llm.budget import Caps

    llm = config.llm
    is_chosen = "event_cap_usd" in llm.model_fields_set
    most = llm.monthly_cap_usd if is_chosen else llm.monthly_cap_usd * UNCHOSEN_EVENT_SHARE
    return Caps(
        month_usd=llm.monthly_cap_usd,
        session_usd=llm.session_cap_usd,
        event_usd=min(llm.event_cap_usd, most),
    )


def unpaid_by_hand(strategist: Strategist | None, ledger: EngineLedger) -> str | None:
    """Return why no call of a session asked for by hand could be paid for now, or None."""
    from hybrid_tui.domain.charges import Charge
    from hybrid_tui.llm.strategist import OpenAIStrategist

    if not isinstance(strategist, OpenAIStrategist):
        return None
    model, usd = strategist.least_usd()
    charge = Charge(call_id="none", decision="none", model=model, usd=usd, purpose="event")
    return ledger.refusal(charge)


def needs_key(config: Config) -> bool:
    """Whether the configured endpoint wants a key: one on this machine does not."""
    from hybrid_tui.llm.prices import is_loopback

    url = config.llm.base_url
    return config.llm.provider == "openai" and not (url is not None and is_loopback(url))


def make_strategist(
    state: CliState,
    config: Config,
    desk: LlmDesk,
    stopped: threading.Event,
    keep: Callable[[Sequence[Exchange]], None],
) -> Strategist:
    """Return the desk's strategist; ``keep`` is given what it says and hears.

    Raises ConfigError.
    """
    if config.llm.provider != "openai":
        return local_analyst()
    from hybrid_tui.llm.answer import read_answer
    from hybrid_tui.llm.prompt import build_prompt
    from hybrid_tui.llm.recorded import exchanges_of
    from hybrid_tui.llm.strategist import OpenAIStrategist, Size

    limits = prompt_limits(config)

    def record(brief: StrategistBrief, prompt: Prompt, calls: Sequence[CallMade]) -> None:
        keep(exchanges_of(brief, prompt, calls))

    return OpenAIStrategist(
        make_providers(state, config, stopped),
        [Size(name="full", limits=limits), Size(name="shorter", limits=limits.shorter())],
        build=build_prompt,
        read=read_answer,
        local=local_analyst(),
        desk=desk,
        record=record,
    )


def prompt_limits(config: Config) -> PromptLimits:
    """Return the tokens of a prompt's parts and its language; raises ConfigError."""
    from hybrid_tui.llm.prompt import PromptLimits
    from hybrid_tui.llm.wording import check_language

    return PromptLimits(language=check_language(config.llm.language))


def make_providers(
    state: CliState,
    config: Config,
    stopped: threading.Event,
    wall: Callable[[], datetime] = real_time,
) -> list[Provider]:
    """Return the configured model and the cheaper one, if any.

    Raises ConfigError where a key or a price is missing.
    """
    from hybrid_tui.llm.endpoints import Endpoints
    from hybrid_tui.llm.prices import prices_of
    from hybrid_tui.llm.provider import Provider

    llm = config.llm
    secret = find_key(llm.api_key_env, os.environ, state.profile)
    if secret is None and needs_key(config):
        raise ConfigError(
            f"llm.provider 'openai' needs a key, and {llm.api_key_env} is not set",
            hint=f"hybrid-tui keys set {llm.api_key_env}, or llm.provider = 'local'",
        )
    endpoints = Endpoints(state.paths.cache / "llm_endpoints.json")
    prices = {llm.model: prices_of(llm.model, llm.base_url, llm.price_in, llm.price_out)}
    if llm.cheaper_model is not None and llm.cheaper_model not in prices:
        prices[llm.cheaper_model] = _cheaper(llm)
    return [
        Provider(
            model=model,
            base_url=llm.base_url,
            key=secret.value if secret else None,
            key_name=llm.api_key_env,
            prices=known,
            most_tokens=llm.max_output_tokens,
            endpoints=endpoints,
            wall=wall,
            stopped=stopped,
        )
        for model, known in prices.items()
    ]


def _cheaper(llm: LlmConfig) -> Priced:
    """Return the cheaper model's own prices, or, unknown, the configured ones as a bound."""
    from hybrid_tui.llm.prices import prices_of

    assert llm.cheaper_model is not None
    try:
        return prices_of(llm.cheaper_model, llm.base_url, None, None)
    except ConfigError:
        return prices_of(llm.cheaper_model, llm.base_url, llm.price_in, llm.price_out)
