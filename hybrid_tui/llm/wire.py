"""One request to an OpenAI-compatible endpoint: sent once, streamed, and never raising."""

from __future__ import annotations

import json
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.prices import TokenUsage

if TYPE_CHECKING:
    from openai import OpenAI

log = logging.getLogger(__name__)

READ_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 10.0
# The read time-out ends a silence; this ends a server that trickles.
WHOLE_SECONDS: Final = 240.0
SHOWN_EVERY_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 0.1
BYTES_A_TOKEN: Final = 32
LONGEST_MESSAGE: Final = 160

Trouble = Literal["status", "timeout", "unreachable", "dropped", "broken", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an endpoint answered with 200: text, why it ended, and what it says it used."""

    text: str
    finish: str
    refusal: str
    usage: TokenUsage | None
    model: str
    seconds: float
    chunks: int = 0
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no answer. ``billed``: the endpoint may charge for it all the same."""

    trouble: Trouble
    text: str
    status: int = 0
    code: str = ""
    retry_after: float | None = None
    billed: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some more of the answer, while it is written: its text, and what the model thinks aloud."""

    text: str
    thought: str


OnText = Callable[[str, str], None]
"""Takes the answer so far and the thoughts so far."""


def send(
    client: OpenAI,
    request: Mapping[str, Any],
    *,
    most_tokens: int,
    stopped: threading.Event,
    on_text: OnText | None = None,
    whole_seconds: float = WHOLE_SECONDS,
) -> Reply | Failure:
    """Send one request and return what came of it; ``stopped`` ends the waiting at once.

    The request runs in a thread of its own, because a socket that waits cannot be interrupted.
    """
    mail: queue.SimpleQueue[Piece | Reply | Failure] = queue.SimpleQueue()
    abandoned = threading.Event()
    begun = time.monotonic()
    worker = threading.Thread(
        target=_work,
        args=(client, dict(request), most_tokens, mail, abandoned, begun),
        name="llm-request",
        daemon=True,
    )
    worker.start()
    text = thought = ""
    shown_at = 0.0
    while True:
        seconds = time.monotonic() - begun
        if stopped.is_set() or seconds > whole_seconds:
            abandoned.set()
            if stopped.is_set():
                return Failure(
                    trouble="stopped", text="the desk stopped", billed=True, seconds=seconds
                )
            return Failure(
                trouble="timeout",
                text=f"no whole answer within {whole_seconds:g} s",
                billed=True,
                seconds=seconds,
            )
        try:
            found = mail.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            continue
        if not isinstance(found, Piece):
            if on_text is not None and (text or thought):
                on_text(text, thought)
            return found
        text, thought = text + found.text, thought + found.thought
        if on_text is not None and time.monotonic() - shown_at >= SHOWN_EVERY_SECONDS:
            shown_at = time.monotonic()
            on_text(text, thought)


def _work(
    client: OpenAI,
    request: dict[str, Any],
    most_tokens: int,
    mail: queue.SimpleQueue[Piece | Reply | Failure],
    abandoned: threading.Event,
    begun: float,
) -> None:
    try:
        if request.get("stream"):
            reply = _streamed(client, request, most_tokens, mail, abandoned, begun)
        else:
            raw = client.chat.completions.with_raw_response.create(**request)
            reply = _whole(raw.http_response.content, begun)
        mail.put(reply)
    except Exception as error:
        mail.put(_failure(error, time.monotonic() - begun))


def _streamed(
    client: OpenAI,
    request: dict[str, Any],
    most_tokens: int,
    mail: queue.SimpleQueue[Piece | Reply | Failure],
    abandoned: threading.Event,
    begun: float,
) -> Reply | Failure:
    stream = client.chat.completions.create(**request)
    kind = stream.response.headers.get("content-type", "")
    if "event-stream" not in kind:
        # A server that streams to nobody, or a proxy's page: with 200, and no events in it.
        return _whole(stream.response.read(), begun)
    texts: list[str] = []
    finish = refusal = model = ""
    usage: TokenUsage | None = None
    size = chunks = 0
    with stream:
        for chunk in stream:
            body = chunk.to_dict(warnings=False) if hasattr(chunk, "to_dict") else chunk
            if not isinstance(body, Mapping):
                continue
            model = _text(body.get("model")) or model
            usage = read_usage(body.get("usage")) or usage
            for choice in _mappings(body.get("choices")):
                delta = choice.get("delta")
                finish = _text(choice.get("finish_reason")) or finish
                if not isinstance(delta, Mapping):
                    continue
                content = _text(delta.get("content"))
                thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
                refusal += _text(delta.get("refusal"))
                chunks += bool(content or thought)
                size += len(content) + len(thought)
                if content or thought:
                    texts.append(content)
                    mail.put(Piece(text=content, thought=thought))
            if abandoned.is_set():
                break
            if size > most_tokens * BYTES_A_TOKEN:
                finish = "runaway"
                break
    return Reply(
        text="".join(texts),
        finish=finish or "cut",
        refusal=refusal,
        usage=usage,
        model=model,
        seconds=time.monotonic() - begun,
        chunks=chunks,
        empty=not chunks and not finish,
    )


def _whole(content: bytes, begun: float) -> Reply | Failure:
    seconds = time.monotonic() - begun
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, Mapping):
        page = "a web page" if b"<" in content[:200] else "no JSON"
        return Failure(
            trouble="broken",
            text=f"the endpoint answered with {page}: is llm.base_url right?",
            billed=True,
            seconds=seconds,
        )
    choice: Mapping[str, Any] = next(_mappings(body.get("choices")), {})
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    return Reply(
        text=_text(message.get("content")),
        finish=_text(choice.get("finish_reason")) or "stop",
        refusal=_text(message.get("refusal")),
        usage=read_usage(body.get("usage")),
        model=_text(body.get("model")),
        seconds=seconds,
        empty=not choice,
    )


def read_usage(raw: object) -> TokenUsage | None:
    """Return the tokens that an endpoint says it used, or None where it does not say.

    Where the total is more than prompt and completion, the rest is thinking that was left out of
    the completion, and is billed as output.
    """
    if not isinstance(raw, Mapping):
        return None
    prompt, completion = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
    if prompt is None or completion is None or prompt + completion == 0:
        return None
    total = _count(raw.get("total_tokens")) or 0
    inside = raw.get("prompt_tokens_details")
    inside = inside if isinstance(inside, Mapping) else {}
    outside = raw.get("completion_tokens_details")
    outside = outside if isinstance(outside, Mapping) else {}
    cached = _count(inside.get("cached_tokens")) or _count(raw.get("prompt_cache_hit_tokens")) or 0
    cached = min(cached, prompt)
    return TokenUsage(
        input=prompt,
        output=max(completion, total - prompt),
        cached=cached,
        cache_writes=min(_count(inside.get("cache_write_tokens")) or 0, prompt - cached),
        reasoning=_count(outside.get("reasoning_tokens")) or 0,
        cost_usd=_dollars(raw.get("cost")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _dollars(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, Mapping):
            yield item


def _failure(error: Exception, seconds: float) -> Failure:
    """Return what an exception of the SDK or its transport means; others are logged whole."""
    import openai

    said = clean_text(str(error))[:LONGEST_MESSAGE]
    if isinstance(error, openai.APIStatusError):
        return Failure(
            trouble="status",
            text=_message(error),
            status=error.status_code,
            code=str(error.code or error.type or ""),
            retry_after=_retry_after(error.response.headers),
            billed=error.status_code >= 500,
            seconds=seconds,
        )
    if isinstance(error, openai.APITimeoutError):
        connecting = "connect" in type(error.__cause__).__name__.lower()
        text = "no connection in time" if connecting else f"silent for {READ_SECONDS:g} s"
        return Failure(trouble="timeout", text=text, billed=not connecting, seconds=seconds)
    if isinstance(error, openai.APIConnectionError):
        if "ConnectError" in type(error.__cause__).__name__:
            return Failure(trouble="unreachable", text=said, seconds=seconds)
        return Failure(
            trouble="dropped", text="the connection broke off", billed=True, seconds=seconds
        )
    if not isinstance(error, openai.OpenAIError):
        log.warning("a request to the endpoint failed", exc_info=error)
    return Failure(trouble="broken", text=said, billed=True, seconds=seconds)


def _message(error: Any) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("message") or body.get("detail") or body.get("error")
        return clean_text(str(inner or body))
    return clean_text(str(body or error))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given as a number or as a date."""
    given = headers.get("retry-after")
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
