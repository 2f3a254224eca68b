"""What calls cost: a maintained offline price table, or the configuration's own prices.

genai-prices (Pydantic, MIT, several releases a month, 1.6 MB of data, no network) is the table;
importing it takes a fifth of a second of CPU time, so it is asked late.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from hybrid_tui.errors import ConfigError
from hybrid_tui.llm.budget import up_to_micro

OPENAI_URL = "https://api.openai.com/v1"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens that a call has used; ``input`` includes the cached and cache-writing ones.

    ``output`` includes what the model thought. ``cost_usd`` is what the endpoint itself says.
    """

    input: int
    output: int
    cached: int = 0
    cache_writes: int = 0
    reasoning: int = 0
    cost_usd: float | None = None


class Priced(Protocol):
    """Prices of one model at one endpoint."""

    @property
    def text(self) -> str:
        """The prices in words, and where they are from."""

    def cost(self, usage: TokenUsage, at: datetime) -> float:
        """Return the dollars that a call at an instant has cost, rounded up to a millionth."""

    def most(self, tokens_in: int, tokens_out: int, at: datetime) -> float:
        """Return the most dollars that a call can cost on the day of ``at``, at any hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatPrices:
    """Dollars for a million tokens in and out; both 0: free."""

    input: float
    output: float
    text: str

    def cost(self, usage: TokenUsage, at: datetime) -> float:
        """Return the dollars that a call has cost, rounded up to a millionth."""
        return self.most(usage.input, usage.output, at)

    def most(self, tokens_in: int, tokens_out: int, at: datetime) -> float:
        """Return the dollars for so many tokens, rounded up to a millionth."""
        return up_to_micro((tokens_in * self.input + tokens_out * self.output) / MILLION)


class TablePrices:
    """Prices of the table: by prompt length, by cached tokens, by the hour where they vary."""

    def __init__(self, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        cheap = self.cost(TokenUsage(input=MILLION // 100, output=0), datetime.now(UTC)) * 100
        dear = self.cost(TokenUsage(input=0, output=MILLION // 100), datetime.now(UTC)) * 100
        self.text = f"${cheap:g} in, ${dear:g} out for a million tokens ({table_name()})"

    def cost(self, usage: TokenUsage, at: datetime) -> float:
        """Return the dollars that a call has cost, rounded up to a millionth."""
        if usage.cost_usd is not None:
            return up_to_micro(usage.cost_usd)
        import genai_prices

        given = genai_prices.Usage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached,
            cache_write_tokens=usage.cache_writes,
        )
        found = genai_prices.calc_price(
            given, self._model, provider_id=self._provider, genai_request_timestamp=at
        )
        return up_to_micro(float(found.total_price))

    def most(self, tokens_in: int, tokens_out: int, at: datetime) -> float:
        """Return the most that a call can cost: all of the prompt new, at the dearest hour."""
        midnight = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        hours = [midnight + timedelta(hours=hour) for hour in range(24)]
        prompts = (
            TokenUsage(input=tokens_in, output=tokens_out),
            # Some bill the writing of their cache above the price of a new token.
            TokenUsage(input=tokens_in, output=tokens_out, cache_writes=tokens_in),
        )
        return max(self.cost(prompt, hour) for hour in hours for prompt in prompts)


def prices_of(
    model: str, base_url: str | None, price_in: float | None, price_out: float | None
) -> Priced:
    """Return the prices of a model: configured, none on loopback, or the table's.

    Raises ConfigError where nobody knows them: a call whose cost is unknown is not made.
    """
    if price_in is not None and price_out is not None:
        text = f"${price_in:g} in, ${price_out:g} out for a million tokens (configured)"
        return FlatPrices(input=price_in, output=price_out, text=text)
    if price_in is not None or price_out is not None:
        raise ConfigError("llm.price_in and llm.price_out go together: only one of them is set")
    if base_url is not None and is_loopback(base_url):
        return FlatPrices(input=0.0, output=0.0, text="free (on this machine)")
    import genai_prices.data_snapshot

    table = genai_prices.data_snapshot.get_snapshot()
    try:
        provider = table.find_provider(None, None, base_url or OPENAI_URL)
        table.find_provider_model(model, provider, None, None)
        return TablePrices(provider.id, model)
    except (LookupError, ValueError) as error:
        host = urlsplit(base_url or OPENAI_URL).hostname
        raise ConfigError(
            f"no price is known for llm.model {model!r} at {host} ({table_name()})",
            hint="set llm.price_in and llm.price_out, in dollars for a million tokens",
        ) from error


def is_loopback(base_url: str) -> bool:
    """Whether a URL leads to this machine only."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def table_name() -> str:
    """Return the price table's name, version and date."""
    from importlib.metadata import version

    newest = table_date()
    return f"genai-prices {version('genai-prices')}, newest price of {newest or 'unknown date'}"


@cache
def table_date() -> date | None:
    """Return the newest date that a price of the table begins at or was checked on.

    The table carries no date of its own.
    """
    import genai_prices.data_snapshot

    found: list[str] = []
    for provider in genai_prices.data_snapshot.get_snapshot().providers:
        for model in provider.models:
            found.extend(re.findall(r"\b20\d\d-\d\d-\d\d\b", model.price_comments or ""))
            prices: Any = model.prices
            for price in prices if isinstance(prices, list) else ():
                begins = getattr(price.constraint, "start_date", None)
                if begins is not None:
                    found.append(str(begins))
    days = []
    for text in found:
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            continue
    today = datetime.now(UTC).date()
    return max((day for day in days if day <= today), default=None)


def as_dollars(amount: Decimal | float) -> str:
    """Return dollars as text, to the hundredth of a cent."""
    return f"${float(amount):.4f}"
