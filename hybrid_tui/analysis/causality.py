"""Does anything know the future? The same computed on data cut at an instant, and on data whose
future is another, has to be the same up to that instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, IntArray, NewsItem
from hybrid_tui.domain.instants import iso
from hybrid_tui.rules.indicators import indicators_of
from hybrid_tui.rules.technical import Technicals

CUT, OTHER_FUTURE = "cut off", "another future"
BARS_AFTER = 64
MOST_NAMED = 20
# What a computation may raise when the bars that it looks ahead at are not there.
LACKS = (IndexError, KeyError, ValueError)

Make = Callable[[BarSeries, int], BarSeries]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that knew more than it could: its value in the run, and without the future."""

    kind: str
    name: str
    symbol: str
    at: datetime
    value: Any
    other: Any
    data: str

    def row(self) -> dict[str, Any]:
        """Return the finding as it stands in the document."""
        return {
            "kind": self.kind,
            "name": self.name,
            "symbol": self.symbol,
            "at": iso(self.at),
            "value": _plain(self.value),
            "other": _plain(self.other),
            "data": self.data,
        }


@dataclass(slots=True)
class Verdict:
    """What was compared, kind by kind, and what was found."""

    compared: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def count(self, kind: str, values: int) -> None:
        """Note that so many values of a kind were compared."""
        self.compared[kind] = self.compared.get(kind, 0) + values

    def document(self) -> dict[str, Any]:
        """Return the verdict as it stands in the document; at most MOST_NAMED findings a kind."""
        named: dict[str, int] = {}
        rows = []
        for found in sorted(self.findings, key=lambda f: (f.at, f.kind, f.symbol, f.name, f.data)):
            named[found.kind] = named.get(found.kind, 0) + 1
            if named[found.kind] <= MOST_NAMED:
                rows.append(found.row())
        return {
            "ok": not self.findings,
            "compared": dict(sorted(self.compared.items())),
            "found": len(self.findings),
            "findings": rows,
        }


def cut_at(series: BarSeries, second: int) -> BarSeries:
    """Return the bars known at an instant (UTC epoch seconds)."""
    return series.known_by(second)


def other_future(seed: int) -> Make:
    """Return a maker of series that go on differently after an instant.

    Prices from there on are multiplied by a random path of steps of 5 %, volumes by 1/10 to 10.
    What is known at the instant stays as it is.
    """

    def make(series: BarSeries, second: int) -> BarSeries:
        known = int(np.searchsorted(series.known_at, second, side="right"))
        left = len(series) - known
        if left == 0:
            return series
        rng = np.random.default_rng([seed, second % 2**32, *series.symbol.encode()])
        path = np.ones(len(series))
        steps = np.where(rng.random(left) < 0.5, -0.05, 0.05) + rng.normal(0, 0.005, left)
        # Held within a band, so that no price leaves what a float or a rule can bear.
        path[known:] = np.exp(np.clip(np.cumsum(steps), -2.0, 2.0))
        volume = series.volume.copy()
        volume[known:] *= 10.0 ** rng.uniform(-1, 1, left)
        return replace(
            series,
            open=series.open * path,
            high=series.high * path,
            low=series.low * path,
            close=series.close * path,
            volume=volume,
        )

    return make


def other_news(news: Sequence[NewsItem], at: datetime, seed: int) -> list[NewsItem]:
    """Return the headlines with those received after an instant changed, moved or left out."""
    rng = np.random.default_rng([seed, int(at.timestamp()) % 2**32])
    found = []
    for item in news:
        if item.received_at <= at:
            found.append(item)
        elif rng.random() < 0.7:
            text = "Shares soar on record profit" if rng.random() < 0.5 else "Shares plunge, fraud"
            later = item.received_at + timedelta(seconds=int(rng.integers(0, 3600)))
            found.append(replace(item, headline=text, body="", received_at=later))
    return sorted(found, key=lambda item: (item.received_at, item.id))


def technicals_of(series: BarSeries, rules: RulesConfig) -> dict[str, Any]:
    """Return the lines that the rules look at, and where entry and exit hold, for every bar."""
    technicals = Technicals.of(rules)
    lines = indicators_of(series, technicals.lines)
    found: dict[str, Any] = {line.text: lines[line] for line in technicals.lines}
    found["entry"] = technicals.entry.holds(lines)
    if technicals.exit is not None:
        found["exit"] = technicals.exit.holds(lines)
    return found


def decisive_rows(found: Mapping[str, Any], first: int) -> IntArray:
    """Return the rows from ``first`` on at which the entry or exit rule holds."""
    holds = found["entry"] | found["exit"] if "exit" in found else found["entry"].copy()
    holds[:first] = False
    rows: IntArray = np.flatnonzero(holds)
    return rows


def check_technicals(
    verdict: Verdict,
    series: BarSeries,
    rules: RulesConfig,
    whole: Mapping[str, Any],
    rows: Iterable[int],
    *,
    seed: int,
) -> None:
    """Compare ``whole`` (what ``technicals_of`` says of the whole series) up to each of ``rows``.

    Where a rule held is where looking ahead would show: such rows are worth asking for.
    """
    for row in rows:
        second = int(series.known_at[row])
        ahead = series.slice(0, min(row + 1 + BARS_AFTER, len(series)))
        for data, shown in (
            (CUT, series.slice(0, row + 1)),
            (OTHER_FUTURE, other_future(seed)(ahead, second)),
        ):
            _compare_technicals(verdict, rules, whole, series, shown, row, data)


def _compare_technicals(
    verdict: Verdict,
    rules: RulesConfig,
    whole: Mapping[str, Any],
    series: BarSeries,
    shown: BarSeries,
    row: int,
    data: str,
) -> None:
    at = _instant(int(series.known_at[row]))
    try:
        other = technicals_of(shown, rules)
    except LACKS as error:
        verdict.findings.append(
            Finding(
                kind="indicator",
                name="technicals",
                symbol=series.symbol,
                at=at,
                value="computed",
                other=f"{type(error).__name__}: {error}",
                data=data,
            )
        )
        return
    for name, values in whole.items():
        kind = "condition" if name in ("entry", "exit") else "indicator"
        one, two = values[: row + 1], other[name][: row + 1]
        verdict.count(kind, row + 1)
        if np.array_equal(one, two, equal_nan=kind == "indicator"):
            continue
        same = (one == two) | ((one != one) & (two != two))
        first = int(np.flatnonzero(~same)[0])
        verdict.findings.append(
            Finding(
                kind=kind,
                name=name,
                symbol=series.symbol,
                at=_instant(int(series.known_at[first])),
                value=one[first].item(),
                other=two[first].item(),
                data=data,
            )
        )


def early_headlines(verdict: Verdict, news: Sequence[NewsItem]) -> dict[str, Any]:
    """Find headlines that were received before they were published, and say what cannot be known.

    A headline whose instants are both too early, or that has no publication, cannot be told from
    one that was really there: the prices alone do not show which came first.
    """
    unpublished = sum(item.published_at is None for item in news)
    midnight = sum(item.received_at.time() == datetime.min.time() for item in news)
    verdict.count("headline", len(news) - unpublished)
    for item in news:
        if item.published_at is not None and item.published_at > item.received_at:
            verdict.findings.append(
                Finding(
                    kind="headline",
                    name=item.id,
                    symbol=",".join(item.symbols),
                    at=item.received_at,
                    value=iso(item.received_at),
                    other=iso(item.published_at),
                    data="published after it was received",
                )
            )
    return {"headlines": len(news), "without_publication": unpublished, "at_midnight": midnight}


def check_decisions(
    verdict: Verdict,
    given: Sequence[tuple[datetime, str, str, Any]],
    other: Sequence[tuple[datetime, str, str, Any]],
    until: datetime,
    data: str,
) -> None:
    """Compare what two runs decided until an instant: (at, kind, symbol, value) rows, in order."""
    one, two = _numbered(given, until), _numbered(other, until)
    for key in sorted(one.keys() | two.keys()):
        at, kind, symbol, _ = key
        if kind in ("prediction", "order", "refusal", "signal"):
            verdict.count(kind, 1)
        else:
            verdict.count("other", 1)
        if one.get(key) != two.get(key):
            verdict.findings.append(
                Finding(
                    kind=kind,
                    name=kind,
                    symbol=symbol,
                    at=at,
                    value=one.get(key),
                    other=two.get(key),
                    data=data,
                )
            )


def _numbered(
    rows: Sequence[tuple[datetime, str, str, Any]], until: datetime
) -> dict[tuple[datetime, str, str, int], Any]:
    found: dict[tuple[datetime, str, str, int], Any] = {}
    for at, kind, symbol, value in rows:
        if at <= until:
            number = 0
            while (at, kind, symbol, number) in found:
                number += 1
            found[at, kind, symbol, number] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
