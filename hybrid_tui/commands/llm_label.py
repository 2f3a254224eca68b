"""``hybrid-tui llm label``: historical headlines scored in batches, into the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.common import progress, split_symbols
from hybrid_tui.commands.context import iso, parse_bound, print_json, state_of
from hybrid_tui.commands.llm_session import ledger_of, writing
from hybrid_tui.errors import ConfigError, Refused

if TYPE_CHECKING:
    from hybrid_tui.commands.context import CliState
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import NewsItem
    from hybrid_tui.domain.exchange import Label
    from hybrid_tui.journal.journal import Journal

LOCAL_BATCH = 500
MOST_REFUSED = 3


class By(StrEnum):
    """Who labels."""

    LOCAL = "local"
    OPENAI = "openai"


def label(
    context: typer.Context,
    start: Annotated[str | None, typer.Option("--from", help="New York date or instant")] = None,
    end: Annotated[str | None, typer.Option("--to", help="New York date (included)")] = None,
    by: Annotated[By | None, typer.Option(help="default: llm.provider")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,...; default: all headlines")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Score the journal's headlines for training and backtests; the same again goes on."""
    state = state_of(context)
    config = state.config()
    since = parse_bound(start, "--from", is_end=False)
    until = parse_bound(end, "--to", is_end=True)
    if since is not None and until is not None and since >= until:
        raise ConfigError(f"--from {iso(since)} is not before --to, {iso(until)}")
    wanted = split_symbols(symbols)
    who = by or By(config.llm.provider)
    with writing(state) as journal:
        made = _Labelling(state, config, journal, who).run(since, until, wanted)
    if as_json:
        print_json(made.row())
    else:
        typer.echo(made.text())
    if made.stopped:
        raise Refused(f"labelling stopped: {made.stopped}", hint="the same command again goes on")


class _Made:
    """What a labelling run came to."""

    def __init__(self, source: str, headlines: int) -> None:
        self.source = source
        self.headlines = headlines
        self.labelled = self.known = self.same_text = self.left_out = self.unusable = 0
        self.cost_usd = 0.0
        self.stopped = ""

    def row(self) -> dict[str, object]:
        """Return it as JSON."""
        return dict(vars(self))

    def text(self) -> str:
        """Return it as a person reads it."""
        return (
            f"{self.headlines} headlines: {self.labelled} labelled by {self.source},"
            f" {self.known} had a label, {self.same_text} share another's text,"
            f" {self.left_out} left out, {self.unusable} without a usable answer;"
            f" ${self.cost_usd:.4f}"
        )


class _Labelling:
    """One run: what has a label is left alone, each batch is on disk before the next."""

    def __init__(self, state: CliState, config: Config, journal: Journal, by: By) -> None:
        from hybrid_tui.llm.labels import LOCAL_SOURCE

        self._state = state
        self._config = config
        self._journal = journal
        self._by = by
        self._source = LOCAL_SOURCE if by is By.LOCAL else config.llm.model

    def run(
        self, since: datetime | None, until: datetime | None, symbols: Sequence[str] | None
    ) -> _Made:
        from hybrid_tui.journal.exchanges import read_labels
        from hybrid_tui.journal.reader import read_news
        from hybrid_tui.llm.labels import can_be_labelled, label_of, text_key

        news = [
            item
            for item in read_news(self._journal.connection, since, until)
            if symbols is None or set(symbols).intersection(item.symbols)
        ]
        made = _Made(self._source, len(news))
        labels = read_labels(self._journal.connection, self._source)
        known = {(one.news_id, one.text_key) for one in labels}
        scores = {one.text_key: one.score for one in labels}
        fresh: dict[str, list[NewsItem]] = {}
        copied: list[Label] = []
        for item in news:
            key = text_key(item)
            if (item.id, key) in known:
                made.known += 1
            elif not can_be_labelled(item):
                made.left_out += 1
            elif key in scores:
                copied.append(label_of(item, self._source, scores[key], datetime.now(UTC)))
            else:
                fresh.setdefault(key, []).append(item)
        self._journal.keep_labels(copied)
        made.same_text = len(copied) + sum(len(same) - 1 for same in fresh.values())
        self._label([same[0] for same in fresh.values()], fresh, made)
        return made

    def _label(
        self, items: Sequence[NewsItem], fresh: dict[str, list[NewsItem]], made: _Made
    ) -> None:
        from hybrid_tui.llm.labels import label_of

        for labels in self._batches(items, made):
            now = datetime.now(UTC)
            made.labelled += len(labels)
            self._journal.keep_labels(
                label_of(item, one.source, one.score, now)
                for one in labels
                for item in fresh[one.text_key]
            )
        if not made.stopped:
            made.unusable = len(items) - made.labelled

    def _batches(self, items: Sequence[NewsItem], made: _Made) -> Iterator[list[Label]]:
        from hybrid_tui.llm.labels import BATCH

        size = LOCAL_BATCH if self._by is By.LOCAL else BATCH
        batches = [items[first : first + size] for first in range(0, len(items), size)]
        if not batches:
            return
        answer = self._local if self._by is By.LOCAL else self._model()
        with progress("labels", len(batches)) as track:
            for batch in track(batches):
                yield answer(batch, made)
                if made.stopped:
                    return

    def _model(self) -> Callable[[Sequence[NewsItem], _Made], list[Label]]:
        """Return who asks the model about a batch; a cap or a failure stops the run."""
        from hybrid_tui.commands.model import make_providers
        from hybrid_tui.llm.calls import Answer, Ask
        from hybrid_tui.llm.labels import label_batch, read_batch
        from hybrid_tui.llm.prompt import prompt_key
        from hybrid_tui.llm.recorded import record_calls

        provider = make_providers(self._state, self._config, threading.Event())[0]
        ledger = ledger_of(self._config, self._journal)
        refused = 0

        def ask(items: Sequence[NewsItem], made: _Made) -> list[Label]:
            nonlocal refused
            batch, now = label_batch(items), datetime.now(UTC)
            key = prompt_key(batch.messages, batch.schema)
            decision = f"label-{key[:16]}"

            def problem(data: dict[str, object]) -> str | None:
                found = read_batch(data, batch, made.source, now)
                return None if found else "it labels none of the headlines"

            found = provider.ask(
                Ask(
                    decision=decision,
                    messages=batch.messages,
                    schema=batch.schema,
                    purpose="label",
                    check=problem,
                ),
                ledger,
            )
            made.cost_usd = round(made.cost_usd + found.usd, 9)
            self._journal.keep_exchanges(
                record_calls(
                    found.calls,
                    prompt_key=key,
                    schema=batch.schema,
                    decision=decision,
                    session="label",
                    purpose="label",
                    asked_at=now,
                    context={"numbers": {n: item.id for n, item in batch.items.items()}},
                )
            )
            if isinstance(found, Answer):
                refused = 0
                return read_batch(found.data, batch, made.source, now)
            refused += 1
            if found.why not in ("bad_answer", "refused") or refused >= MOST_REFUSED:
                made.stopped = found.reason
            return []

        return ask

    def _local(self, items: Sequence[NewsItem], made: _Made) -> list[Label]:
        from hybrid_tui.llm.labels import label_of
        from hybrid_tui.llm.local import LocalAnalyst

        now = datetime.now(UTC)
        scores = LocalAnalyst().score(items)
        return [label_of(i, made.source, s, now) for i, s in zip(items, scores, strict=True)]
