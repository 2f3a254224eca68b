"""The causality check of a backtest: nothing decided may change with what came after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.backtest_run import Outcome, make_history_predictor, run_history
from hybrid_tui.commands.compose import labelled, local_analyst
from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.analysis.causality import Make, Verdict
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries, NewsItem
    from hybrid_tui.domain.ports import Strategist
    from hybrid_tui.engine.decisions import DecisionLog, Row

SAMPLE, ALL, OFF = "sample", "all", "off"
SAMPLE_SYMBOLS, SAMPLE_ROWS, SAMPLE_INSTANTS, SAMPLE_WINDOWS = 2, 2, 4, 5
SAMPLE_SHARE = 0.02
FULL_ROWS, FULL_INSTANTS = 6, 40
DECISIVE = ("order", "refusal", "signal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run that is checked."""

    state: CliState
    config: Config
    history: History
    headlines: Sequence[NewsItem]
    outcome: Outcome
    seed: int


def how_much(text: str | None) -> str | int:
    """Return what ``--check-causality`` asks for; raises ConfigError."""
    if text is None:
        return SAMPLE
    if text in (ALL, OFF):
        return text
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise ConfigError(
        f"--check-causality {text!r} is not a number of instants", hint="N, all or off"
    )


def check_causality(
    run: Run, how: str | int, track: Callable[[Sequence[datetime]], Iterable[datetime]]
) -> dict[str, Any]:
    """Return the document's ``causality``: what was compared, and what knew the future.

    By default a cheap sample of instants; with a number, or ``all`` instants at which an order,
    refusal or signal was decided, the whole run is repeated twice at each: with the data cut off
    there, and with another future. ``track`` is given the instants and passes them through.
    """
    from hybrid_tui.analysis.causality import Verdict, early_headlines

    if how == OFF:
        return {"mode": OFF}
    verdict = Verdict()
    headlines = early_headlines(verdict, run.headlines)
    whole = _whole(run)
    _technicals(run, verdict, whole, how)
    if "ml" in run.outcome.tiers:
        _features(run, verdict, whole, how)
    instants = _stretch(run, verdict) if how == SAMPLE else _repeat(run, verdict, how, track)
    return {
        "mode": how if isinstance(how, str) else "full",
        **verdict.document(),
        "instants": [iso(at) for at in instants],
        "news": headlines,
        "warm_up": _warm_up(run, whole),
    }


def causality_warnings(found: dict[str, Any]) -> list[str]:
    """Return what a person has to be told of a check."""
    if found["mode"] == OFF:
        return []
    first = {row["kind"]: row for row in reversed(found["findings"])}
    warnings = [
        f"causality: {kind} {row['name']} {row['symbol']} at {row['at']} was {row['value']},"
        f" but {row['other']} ({row['data']})"
        for kind, row in sorted(first.items())
    ]
    if found["found"] > len(first):
        warnings.append(f"causality: {found['found'] - len(first)} more values knew the future")
    news = found["news"]
    if news["without_publication"]:
        warnings.append(
            f"{news['without_publication']} of {news['headlines']} headlines do not say when they"
            " were published: whether they were stamped early cannot be checked"
        )
    if news["at_midnight"] > 1:
        warnings.append(
            f"{news['at_midnight']} headlines were received at midnight UTC sharp: dates without a"
            " time of day are known before they could be"
        )
    warm = found["warm_up"]
    if warm and warm["short"]:
        warnings.append(
            f"warm-up: {warm['worst']} needs {warm['needed'] or 'over 1000'} bars before the first"
            f" traded one until it no longer matters where it began;"
            f" {len(warm['short'])} symbols have fewer, e.g. {warm['short'][0]}"
        )
    return warnings


def _whole(run: Run) -> Mapping[str, BarSeries]:
    """Return each symbol's bars with those that warm up, and splits worked in."""
    from hybrid_tui.domain.bars import DerivedSeries, joined
    from hybrid_tui.domain.splits import split_adjusted

    history = run.history
    later = [action for action in history.actions if action.ex_at > history.begins_at]

    def make(symbol: str) -> BarSeries:
        past, series = history.before.get(symbol), history.traded[symbol]
        bars = joined(past, series) if past is not None else series
        return split_adjusted(bars, later, history.ends_at) if later else bars

    return DerivedSeries(sorted(history.traded), make)


def _technicals(run: Run, verdict: Verdict, whole: Mapping[str, BarSeries], how: str | int) -> None:
    import numpy as np

    from hybrid_tui.analysis.causality import check_technicals, decisive_rows, technicals_of

    rng = np.random.default_rng(run.seed)
    symbols, count = list(whole), FULL_ROWS
    if how == SAMPLE:
        traded = Counter(trade.symbol for trade in run.outcome.ledger.trades)
        symbols = [name for name, _ in traded.most_common(SAMPLE_SYMBOLS)] or symbols[:1]
        count = SAMPLE_ROWS
    for symbol in symbols:
        series = whole[symbol]
        past = run.history.before.get(symbol)
        first = len(past) if past is not None else 0
        found = technicals_of(series, run.config.rules)
        rows = decisive_rows(found, first)
        chosen = rng.choice(rows, min(count, len(rows)), replace=False) if len(rows) else rows
        anywhere = rng.integers(first, len(series))
        asked = sorted({*chosen.tolist(), int(anywhere)})
        check_technicals(verdict, series, run.config.rules, found, asked, seed=run.seed)
        series.release()


def _features(run: Run, verdict: Verdict, whole: Mapping[str, BarSeries], how: str | int) -> None:
    import numpy as np

    from hybrid_tui.analysis.causality_features import check_features, sampled_instants
    from hybrid_tui.ml.features import INDEX_SYMBOL

    strategist, count = _strategist(run), FULL_INSTANTS
    series: Mapping[str, BarSeries] = whole
    if how == SAMPLE:
        rng, count = np.random.default_rng(run.seed), SAMPLE_INSTANTS
        chosen = rng.choice(list(whole), min(SAMPLE_WINDOWS, len(whole)), replace=False).tolist()
        series = {name: whole[name] for name in whole if name in (*chosen, INDEX_SYMBOL)}
    calendar, history = run.state.calendar(), run.history
    check_features(
        verdict,
        calendar,
        series,
        sampled_instants(calendar, history.begins_at, history.ends_at, count, run.seed),
        news=run.headlines,
        score=strategist.score if strategist is not None and run.headlines else None,
        seed=run.seed,
    )


def _strategist(run: Run) -> Strategist | None:
    return labelled(run.state, local_analyst()) if "llm" in run.outcome.tiers else None


def _with(run: Run, at: datetime, make: Make) -> History:
    """Return the history with other bars after an instant, to be run up to it."""
    history = run.history
    return replace(
        history,
        traded={s: make(bars, int(at.timestamp())) for s, bars in history.traded.items()},
        actions=tuple(action for action in history.actions if action.ex_at <= at),
        ends_at=at,
    )


def _stretch(run: Run, verdict: Verdict) -> list[datetime]:
    """Repeat the first share of the run without the rest of the data; compare trades and equity."""
    from hybrid_tui.analysis.causality import CUT, check_decisions, cut_at

    outcome, history = run.outcome, run.history
    marks = outcome.ledger.marks
    if not len(marks):
        return []
    middle = max(0, int(len(marks) * SAMPLE_SHARE) - 1)
    at = datetime.fromtimestamp(float(marks.seconds[middle]), UTC)
    tier2 = None
    if "ml" in outcome.tiers:
        # Its inputs are checked for themselves; what it said of them need not be computed again.
        tier2 = make_history_predictor(
            run.state, run.config, history, run.headlines, _strategist(run)
        )
    heard = [item for item in run.headlines if item.received_at <= at]
    again = run_history(
        run.state, run.config, _with(run, at, cut_at), heard, tier2=tier2, llm=run.outcome.llm
    )
    check_decisions(verdict, _of_ledger(outcome, at), _of_ledger(again, at), at, CUT)
    return [at]


def _of_ledger(outcome: Outcome, until: datetime) -> list[Row]:
    """Return entries, exits and equity as rows: fills in bars that began before an instant."""
    entries = {
        (held.entry_at, held.symbol, held.entry_price) for held in outcome.desk.positions.values()
    }
    rows: list[Row] = []
    for trade in outcome.ledger.trades:
        entries.add((trade.entry_at, trade.symbol, trade.entry_price))
        if trade.exit_at < until:
            text = f"{trade.exit_reason} at {trade.exit_price!r}"
            rows.append((trade.exit_at, "exit", trade.symbol, text))
    rows += [(at, "entry", symbol, price) for at, symbol, price in sorted(entries) if at < until]
    rows += [(at, "equity", "", equity) for at, equity in outcome.ledger.marks.points(until)]
    return rows


def _repeat(
    run: Run,
    verdict: Verdict,
    how: str | int,
    track: Callable[[Sequence[datetime]], Iterable[datetime]],
) -> list[datetime]:
    """Repeat the run up to each instant, cut off and with another future; compare decisions."""
    from hybrid_tui.analysis.causality import (
        CUT,
        OTHER_FUTURE,
        check_decisions,
        cut_at,
        other_future,
        other_news,
    )

    base = _decided(run, run.history, run.headlines)
    instants = _instants(run, base, how)
    for at in track(instants):
        heard = [item for item in run.headlines if item.received_at <= at]
        for data, make, news in (
            (CUT, cut_at, heard),
            (OTHER_FUTURE, other_future(run.seed), other_news(run.headlines, at, run.seed)),
        ):
            other = _decided(run, _with(run, at, make), news)
            check_decisions(verdict, base, other, at, data)
    return instants


def _decided(run: Run, history: History, news: Sequence[NewsItem]) -> list[Row]:
    from hybrid_tui.engine.decisions import DecisionLog

    logs: list[DecisionLog] = []

    def watch(sink: Any) -> DecisionLog:
        logs.append(DecisionLog(sink))
        return logs[-1]

    tier2 = None
    if "ml" in run.outcome.tiers:
        tier2 = make_history_predictor(
            run.state, run.config, history, news, _strategist(run), keep=False
        )
    run_history(run.state, run.config, history, news, tier2=tier2, watch=watch, llm=run.outcome.llm)
    return logs[0].rows


def _instants(run: Run, base: Sequence[Row], how: str | int) -> list[datetime]:
    """Return the instants to repeat at: where something was decided, then ends of other bars."""
    import numpy as np

    decided = sorted({at for at, kind, _, _ in base if kind in DECISIVE})
    if how == ALL and decided:
        return decided
    count = how if isinstance(how, int) else SAMPLE_INSTANTS
    rng = np.random.default_rng(run.seed)
    if len(decided) >= count:
        places = sorted(rng.choice(len(decided), count, replace=False).tolist())
        return [decided[place] for place in places]
    known = np.unique(np.concatenate([s.known_at for s in run.history.traded.values()]))
    more = rng.choice(known, min(count - len(decided), len(known)), replace=False)
    return sorted({*decided, *(datetime.fromtimestamp(s, UTC) for s in more.tolist())})


def _warm_up(run: Run, whole: Mapping[str, BarSeries]) -> dict[str, Any] | None:
    """Say how many bars the indicators need, and which symbols began with fewer."""
    from hybrid_tui.analysis.warm_up import LADDER, warm_up_needed

    before, traded = run.history.before, run.history.traded
    have = {symbol: len(before[symbol]) if symbol in before else 0 for symbol in whole}
    longest = max(whole, key=lambda symbol: have[symbol] + len(traded[symbol]))
    found = warm_up_needed(whole[longest], run.config.rules)
    if found is None:
        return None
    least = found.needed if found.needed is not None else LADDER[-1] + 1
    return {
        "needed": found.needed,
        "worst": found.worst,
        "least_available": min(have.values()),
        "short": sorted(symbol for symbol, count in have.items() if count < least),
        "differences": {str(steps): apart for steps, apart in found.differences.items()},
    }
