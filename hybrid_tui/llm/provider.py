"""The provider ladder: strict schema, JSON object, text with one repair request, abstention."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.charges import Charge, LlmDesk
from hybrid_tui.llm.calls import Answer, Ask, CallMade, Message, NoAnswer, WhyNot
from hybrid_tui.llm.endpoints import (
    Endpoints,
    kind_of,
    without_bounds,
    without_refused,
)
from hybrid_tui.llm.extract import NoObject, extract_object, reasoning_so_far
from hybrid_tui.llm.prices import OPENAI_URL, Priced
from hybrid_tui.llm.troubles import Advice, advise
from hybrid_tui.llm.wire import CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS, Failure, Reply, send

if TYPE_CHECKING:
    from openai import OpenAI

MOST_ATTEMPTS: Final = 3
MOST_BILLED_ATTEMPTS: Final = 2
LONGEST_WAIT_SECONDS: Final = 60.0
FIRST_WAIT_SECONDS: Final = 1.0
TOKENS_A_MESSAGE: Final = 16
TOKENS_A_REQUEST: Final = 64
BYTES_OF_A_CUT_PROMPT: Final = 6
LONGEST_REPEATED: Final = 4_000


class Provider:
    """One model at one endpoint, called within the desk's budget.

    ``wall`` is the real time; ``pause`` waits some seconds (and stops waiting when the desk does).
    A failure outside never raises: it is a :class:`NoAnswer`.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None,
        key: str | None,
        key_name: str,
        prices: Priced,
        most_tokens: int,
        endpoints: Endpoints,
        wall: Callable[[], datetime],
        stopped: threading.Event | None = None,
        pause: Callable[[float], object] | None = None,
        read_seconds: float = READ_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        self.model = model
        self.base_url = base_url or OPENAI_URL
        self.host = urlsplit(self.base_url).netloc
        self.prices = prices
        self._key = key
        self._key_name = key_name
        self._most_tokens = most_tokens
        self._endpoints = endpoints
        self._wall = wall
        self._stopped = stopped or threading.Event()
        self._pause = pause or self._stopped.wait
        self._read_seconds = read_seconds
        self._whole_seconds = whole_seconds
        self._kind = kind_of(base_url)

    @cached_property
    def _client(self) -> OpenAI:
        # Importing the SDK takes a second.
        import httpx2
        import openai

        return openai.OpenAI(
            base_url=self.base_url,
            api_key=self._key or "none",
            timeout=httpx2.Timeout(self._read_seconds, connect=CONNECT_SECONDS),
            # The SDK would repeat a call that is billed each time, and a used-up quota.
            max_retries=0,
        )

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> float:
        """Return the most dollars that one request can cost.

        A byte-level tokenizer makes at most one token of a byte, so bytes bound the prompt.
        """
        return self.prices.most(tokens_bound(messages, schema), self._most_tokens, self._wall())

    def ask(self, ask: Ask, desk: LlmDesk) -> Answer | NoAnswer:
        """Return the model's answer, or why there is none; every request is booked."""
        return _Conversation(self, ask, desk).run()


class _Conversation:
    """One question with its retries and its one repair request."""

    def __init__(self, provider: Provider, ask: Ask, desk: LlmDesk) -> None:
        self._provider = provider
        self._ask = ask
        self._desk = desk
        self._traits = provider._endpoints.of(provider.base_url, provider.model)
        self._messages = [dict(message) for message in ask.messages]
        self._calls: list[CallMade] = []
        self._notes: list[str] = []
        self._tried = [self._traits]
        self._failures = self._billed = 0
        self._repaired = False

    @property
    def _usd(self) -> float:
        return round(sum(call.usd for call in self._calls), 9)

    def run(self) -> Answer | NoAnswer:
        today = self._provider._wall().astimezone(NEW_YORK).date().isoformat()
        if self._traits.disabled_on == today:
            reason = f"{self._provider.host} is switched off for today: {self._traits.disabled_why}"
            return self._none("disabled", reason, needs_person=True)
        while True:
            request = self._request()
            outcome = self._call(request)
            if isinstance(outcome, str):
                return self._none("budget", outcome)
            ended = self._read(outcome) if isinstance(outcome, Reply) else self._after(outcome)
            if ended is not None:
                return ended

    def _none(self, why: WhyNot, reason: str, *, needs_person: bool = False) -> NoAnswer:
        return NoAnswer(
            why=why,
            reason=reason,
            usd=self._usd,
            calls=tuple(self._calls),
            needs_person=needs_person,
        )

    def _request(self) -> dict[str, Any]:
        """Return the request's parameters for what the endpoint is known to take."""
        provider, traits, schema = self._provider, self._traits, dict(self._ask.schema)
        if not traits.bounds:
            schema = without_bounds(schema)
        messages = list(self._messages)
        shown = json.dumps(self._ask.schema) in "".join(one["content"] for one in messages)
        if not shown and (traits.rung != "json_schema" or provider._kind != "openai"):
            # Not every server shows the schema to its model, and json_object wants the word JSON.
            plain = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
            text = f"Answer with one JSON object and nothing else. Its JSON schema: {plain}"
            # One system message: some chat templates refuse a second.
            messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
        request: dict[str, Any] = {
            "model": provider.model,
            "messages": messages,
            traits.token_field: provider._most_tokens,
        }
        if traits.rung == "json_schema":
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        elif traits.rung == "json_object":
            request["response_format"] = {"type": "json_object"}
        if traits.temperature:
            request["temperature"] = 0
        if traits.stream:
            request["stream"] = True
            if traits.stream_usage:
                request["stream_options"] = {"include_usage": True}
        if traits.extras and provider._kind == "deepseek":
            # It thinks unless told not to, and thinking is billed.
            request["extra_body"] = {"thinking": {"type": "disabled"}}
        if traits.extras and provider._kind == "openrouter":
            request["extra_body"] = {
                "provider": {"require_parameters": True},
                "usage": {"include": True},
            }
        return request

    def _call(self, request: dict[str, Any]) -> Reply | Failure | str:
        """Reserve, send, settle; returns why it was not sent where a cap forbids it."""
        provider, ask = self._provider, self._ask
        usd = provider.most(request["messages"], request.get("response_format", {}))
        call_id = f"{ask.decision}-{uuid4().hex[:10]}"
        refused = self._desk.reserve(
            Charge(
                call_id=call_id,
                decision=ask.decision,
                model=provider.model,
                usd=usd,
                purpose=ask.purpose,
            )
        )
        if refused is not None:
            return refused
        outcome = self._without_key(
            send(
                provider._client,
                request,
                most_tokens=provider._most_tokens,
                stopped=provider._stopped,
                on_text=self._show if ask.on_text is not None else None,
                whole_seconds=provider._whole_seconds,
            )
        )
        booked = self._cost(outcome, usd)
        self._desk.settle(call_id, booked)
        reply = outcome if isinstance(outcome, Reply) else None
        self._calls.append(
            CallMade(
                call_id=call_id,
                model=provider.model,
                rung=self._traits.rung,
                request=request,
                outcome="answered" if isinstance(outcome, Reply) else outcome.trouble,
                text=outcome.text,
                finish=reply.finish if reply else "",
                usage=reply.usage if reply else None,
                usd=booked,
                seconds=round(outcome.seconds, 3),
            )
        )
        return outcome

    def _without_key(self, outcome: Reply | Failure) -> Reply | Failure:
        """Return what came without the key: it goes to the screen and into the journal."""
        key = self._provider._key
        if not key or key not in outcome.text:
            return outcome
        return replace(outcome, text=outcome.text.replace(key, "(key)"))

    def _cost(self, outcome: Reply | Failure, reserved: float) -> float:
        """Return the dollars to book: what usage says, nothing where nothing was made, else all."""
        provider = self._provider
        if isinstance(outcome, Failure):
            return reserved if outcome.billed else 0.0
        usage = outcome.usage
        if usage is None:
            if not outcome.text:
                return reserved
            # The cap may have been ignored; a token is at least a byte.
            written = provider.prices.most(0, len(outcome.text.encode()), provider._wall())
            return max(reserved, written) if outcome.finish == "runaway" else reserved
        if provider._kind != "openrouter":
            usage = replace(usage, cost_usd=None)
        return provider.prices.cost(usage, provider._wall())

    def _show(self, text: str, thought: str) -> None:
        assert self._ask.on_text is not None
        self._ask.on_text(reasoning_so_far(text) or thought)

    def _after(self, failure: Failure) -> NoAnswer | None:
        """Return the end that a failure means, or None where the request is worth another try."""
        if failure.trouble == "stopped":
            return self._none("stopped", failure.text)
        fewer = without_refused(self._traits, failure.status, failure.text)
        if fewer is not None and fewer not in self._tried:
            self._tried.append(fewer)
            self._traits = fewer
            return None
        advice = self._advice(failure)
        self._failures += 1
        self._billed += failure.billed
        if (
            not advice.retry
            or self._failures >= MOST_ATTEMPTS
            or self._billed >= MOST_BILLED_ATTEMPTS
        ):
            return self._gave_up(advice)
        wait = failure.retry_after
        if wait is None:
            wait = FIRST_WAIT_SECONDS * 4 ** (self._failures - 1) * random.uniform(0.75, 1.25)
        if wait > LONGEST_WAIT_SECONDS:
            return self._none("failed", f"{advice.text}, and asks to wait {wait:.0f} s")
        self._desk.say(f"{advice.text}; again in {wait:.0f} s")
        self._provider._pause(wait)
        if self._provider._stopped.is_set():
            return self._none("stopped", "the desk stopped")
        return None

    def _advice(self, failure: Failure) -> Advice:
        provider = self._provider
        return advise(failure, provider.host, provider.model, provider._key_name)

    def _gave_up(self, advice: Advice) -> NoAnswer:
        tries = f" ({self._failures} tries)" if self._failures > 1 else ""
        return self._none(advice.why, f"{advice.text}{tries}", needs_person=advice.needs_person)

    def _read(self, reply: Reply) -> Answer | NoAnswer | None:
        """Return the answer or the end of it, or None where a repair request is to be made."""
        usage = reply.usage
        provider = self._provider
        over = usage is not None and usage.output > provider._most_tokens
        if over or reply.finish == "runaway":
            used = f"{usage.output} tokens" if usage is not None else "far more"
            why = f"it wrote {used} where {provider._most_tokens} were allowed"
            today = provider._wall().astimezone(NEW_YORK).date().isoformat()
            self._traits = replace(self._traits, disabled_on=today, disabled_why=why)
            provider._endpoints.learn(provider.base_url, provider.model, self._traits)
            self._notes.append(f"{provider.host} ignores the token limit ({why}): off for today")
            self._desk.say(self._notes[-1])
        if usage is not None:
            size = sum(len(message["content"].encode()) for message in self._messages)
            if size > usage.input * BYTES_OF_A_CUT_PROMPT:
                self._notes.append(f"the endpoint read only {usage.input} tokens of the prompt")
        problem = self._problem(reply)
        if isinstance(problem, dict):
            provider._endpoints.learn(provider.base_url, provider.model, self._traits)
            return Answer(
                data=problem,
                text=reply.text,
                model=reply.model or provider.model,
                rung=self._traits.rung,
                finish=reply.finish,
                usage=usage,
                usd=self._usd,
                seconds=round(sum(call.seconds for call in self._calls), 3),
                calls=tuple(self._calls),
                notes=tuple(self._notes),
            )
        if reply.refusal or reply.finish == "content_filter":
            return self._none("refused", f"the model refused: {problem}")
        if self._repaired or over or reply.finish == "runaway":
            return self._none("bad_answer", f"no usable answer from {provider.model}: {problem}")
        self._repaired = True
        self._desk.say(f"{provider.model}: {problem}; asked once more")
        self._mend(reply, problem)
        return None

    def _problem(self, reply: Reply) -> dict[str, Any] | str:
        """Return the object in a reply, or what is wrong with it in words."""
        if reply.refusal:
            return reply.refusal[:LONGEST_REPEATED]
        if reply.finish == "content_filter":
            return "its content filter stepped in"
        if reply.empty:
            return "the answer has no choices in it"
        if reply.finish == "length":
            return f"the answer was cut at {self._provider._most_tokens} tokens"
        try:
            data = extract_object(reply.text)
        except NoObject as problem:
            if reply.finish == "cut":
                return "the answer broke off in the middle"
            return f"the answer cannot be read: {problem}"
        missing = [key for key in self._ask.schema.get("required", ()) if key not in data]
        if missing:
            return f"the answer lacks {', '.join(missing)}"
        return self._ask.check(data) or data

    def _mend(self, reply: Reply, problem: str) -> None:
        """Prepare the one repair request, a rung lower where the endpoint made no JSON at all."""
        if "{" not in reply.text:
            self._traits = self._traits.lower()
        if reply.text.strip():
            self._messages.append({"role": "assistant", "content": reply.text[:LONGEST_REPEATED]})
        text = (
            f"That cannot be used: {problem}. Answer again with the one whole JSON object"
            " and nothing else, and keep it short."
        )
        self._messages.append({"role": "user", "content": text})


def tokens_bound(messages: Sequence[Message], schema: Mapping[str, Any]) -> int:
    """Return a number of tokens that a prompt cannot exceed: its bytes, and some for each part."""
    size = sum(len(message["content"].encode()) + TOKENS_A_MESSAGE for message in messages)
    return size + len(json.dumps(schema).encode()) + TOKENS_A_REQUEST
