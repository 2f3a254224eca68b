"""The calibration plot: what a model said against what came true, held out and live."""

from __future__ import annotations

from collections.abc import Sequence

from hybrid_tui.domain.live_calibration import BINS, LEAST_OUTCOMES, LiveCalibration
from hybrid_tui.tui import format as f
from hybrid_tui.tui.models.cards import Bin
from hybrid_tui.tui.widgets.lines import Line, Row, row

GAUGE = 10


def live_bins(live: LiveCalibration) -> list[Bin]:
    """Return what was said and what came of it live, by tenth of probability, those with any."""
    found = []
    for place in range(BINS):
        count = sum(tally.counts[place] for tally in live.tallies)
        if count:
            said = sum(tally.said[place] for tally in live.tallies)
            came = sum(tally.came[place] for tally in live.tallies)
            found.append((said / count, came / count, count))
    return found


def reliability_rows(
    model_id: str, reliability: Sequence[Bin], live: LiveCalibration, width: int
) -> list[Row]:
    """Return the calibration plot: held out and live, beside each other where there is room.

    A bar is the share that came true, the tick in it what was said: on the tick is calibrated.
    """
    is_asked = live.model_id == model_id
    lived = live_bins(live) if is_asked else []
    left = _plot("held out, by tenths", reliability, "its manifest keeps none")
    told = "no outcome is known yet" if is_asked else "not asked by this desk"
    right = _plot(f"live · {live.outcomes if is_asked else 0:,} outcomes", lived, told)
    rows = [row(("Calibration · bar came true, tick said", "head"))]
    half = 5 + GAUGE + 2 + 3 + 8
    if width >= 2 * half + 2:
        for number in range(max(len(left), len(right))):
            one = left[number] if number < len(left) else ()
            other = right[number] if number < len(right) else ()
            used = sum(len(text) for text, _ in one)
            rows.append(row(*one, (" " * max(1, half + 2 - used), ""), *other))
    else:
        rows += [row(*line) for line in (*left, (("", ""),), *right)]
    error = live.error() if is_asked else None
    if is_asked and live.outcomes:
        said = (
            f"live error beyond chance {error:.3f}"
            if error is not None
            else f"{LEAST_OUTCOMES - live.outcomes} more outcomes tell the live error"
        )
        rows.append(row((said, "dim")))
    return rows


def _plot(title: str, bins: Sequence[Bin], without: str) -> list[Line]:
    lines: list[Line] = [((title, "dim"),)]
    if not bins:
        return [*lines, ((without, "dim"),)]
    for said, came, count in bins:
        lines.append(
            (
                (f" {f.probability(said):>3} ", "dim"),
                (f"▕{f.ticked_gauge(came, GAUGE, said)}▏", "blue"),
                (f"{f.probability(came):>3}", ""),
                (f" {count:>7,}", "dim"),
            )
        )
    return lines
