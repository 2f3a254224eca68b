"""One request to a language model and what came back, as the journal keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer, under ``prompt_key``, the sha256 of messages and schema.

    ``asked_at`` and ``arrived_at`` are the market's instants: an answer counts from its arrival.
    ``outcome`` is ``answered`` or why there is no usable answer. ``request`` is all that was sent,
    the key of the endpoint not included. ``context`` is what it takes to read the answer again.
    ``input_tokens`` and ``output_tokens`` are None where the endpoint did not say.
    """

    id: str
    prompt_key: str
    decision: str
    session: str
    purpose: str
    model: str
    asked_at: datetime
    arrived_at: datetime
    request: Mapping[str, Any]
    schema: Mapping[str, Any]
    text: str
    outcome: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float
    seconds: float
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How a model reads a headline, -1..1: made in a batch, for training and backtests.

    ``source`` is the model; ``received_at`` is the headline's, from which the label may be used.
    """

    news_id: str
    source: str
    text_key: str
    received_at: datetime
    score: float
    labelled_at: datetime
