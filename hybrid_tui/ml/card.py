"""The model card: what a model is, what it was measured to do, and what it is not."""

from __future__ import annotations

from hybrid_tui.ml.dataset import SPANS
from hybrid_tui.ml.measured_figures import ScoreRow
from hybrid_tui.ml.model_files import Manifest

_MADE_UP = (
    "> **Trained on a made-up market.** Prices, volumes and headlines come from this program's "
    "simulated market, in which headlines move prices by design (a planted edge). The figures "
    "below say how well the model learned that rule. They say nothing about any real market, and "
    "the model is never used on one."
)


def render_card(manifest: Manifest) -> str:
    """Return the card in Markdown; every figure in it was measured on a held-out span."""
    figures = manifest.metrics
    lines = [f"# {manifest.id}", ""]
    if manifest.market == "simulated":
        lines += [_MADE_UP, ""]
    members = ", ".join(
        f"{member.name} (weight {member.weight:.2f})" for member in manifest.members
    )
    first, last = manifest.data.first, manifest.data.last
    lines += [
        f"Tier 2 of the desk for the {manifest.market} market: the probability that one hour later "
        f"(at most at the close) the price is more than {manifest.threshold_bps:g} basis points "
        "higher, with a forecast, its volatility and a 90 % interval.",
        "",
        f"- Members: {members}. Input: {manifest.window} one-minute bars x "
        f"{len(manifest.features)} features (version {manifest.features_version}), from the last "
        f"{manifest.lookback} bars.",
        f"- Data: {manifest.data.description}; {len(manifest.data.symbols)} symbols "
        f"({', '.join(manifest.data.symbols)}), {first:%Y-%m-%d} to {last:%Y-%m-%d}, "
        f"{manifest.data.windows:,} windows; fingerprint `{manifest.data.fingerprint[:16]}`.",
        f"- Seed {manifest.seed}, made {manifest.created_at:%Y-%m-%d}. Has seen nothing after "
        f"{manifest.trained_until:%Y-%m-%d %H:%M} UTC.",
        "",
        "| span | from | to | used for |",
        "|---|---|---|---|",
    ]
    uses = (
        "weights and scales",
        "early stopping, members' weights",
        "calibration, members' weights",
        "the figures",
    )
    for name, use in zip(SPANS, uses, strict=True):
        if name in manifest.data.spans:
            begin, end = manifest.data.spans[name]
            lines.append(f"| {name} | {begin:%Y-%m-%d} | {end:%Y-%m-%d} | {use} |")
    lines += [
        "",
        "Whole sessions; one session between two spans belongs to neither.",
        "",
        "## Held-out figures",
        "",
        *_refit_lines(manifest),
        f"{figures['windows']:,} predictions on {figures['days']} days after "
        f"{_seen_until(manifest)}. They overlap (one hour ahead, every five minutes) and share a "
        "market, so the 95 % intervals come from resampling whole days.",
        "",
        "| figure | value | 95 % interval | forecasting the base rate |",
        "|---|---|---|---|",
        _row("AUC", figures, "auc", "0.5000"),
        _row("Brier score", figures, "brier", _number(figures["brier_constant"])),
        _row("log loss, nats", figures, "log_loss", _number(figures["log_loss_constant"])),
        _row("log loss gained over the base rate", figures, "log_loss_gain", "0"),
        f"| expected calibration error | {_number(figures['ece'])} | | |",
        _row("coverage of its own 90 % interval", figures, "interval_coverage", ""),
        _row(
            "log likelihood of returns gained by the volatility, nats",
            figures,
            "volatility_gain",
            "",
        ),
        f"| actual over forecast volatility | {_number(figures['volatility_ratio'])} | | |",
        f"| share of familiar windows | {_number(figures['familiar'])} | | |",
        "",
        "The interval is the model's own, of fixed width. The desk makes each symbol's wider or "
        "narrower by how often its latest ones held; `ml evaluate` measures both.",
        "",
        "The volatility is compared with that of the last 260 bars, scaled with hindsight to be "
        "right on average; above 0, the forecast is the better one.",
        "",
        f"Base rate: {manifest.base_rate:.4f} in what this model saw, "
        f"{_number(figures['base_rate'])} in the held-out span. Probabilities ran from "
        f"{_number(figures['lowest_probability'])} to {_number(figures['highest_probability'])}.",
        "",
        _threshold_line(figures),
        "",
        *_auto_lines(manifest),
        _verdict(figures),
        "",
        *_calibration_line(manifest),
        *_members_lines(manifest),
        *_own_lines(manifest, manifest.held_out),
        *_reliability_lines(manifest),
        *_walk_forward_lines(manifest),
        "## On validation data",
        "",
        "| member | log loss | forecasting the base rate | epochs | slope on the calibration span "
        "| weight |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {member.name} | {_number(figures[f'validation_{member.name}_log_loss'])} | "
        f"{_number(figures['validation_constant_log_loss'])} | "
        f"{figures[f'epochs_{member.name}']} | {member.platt.slope:.2f} | {member.weight:.2f} |"
        for member in manifest.members
    ]
    lines += ["", _weights_line(manifest), "", "## What it is not", "", *_limits(manifest), ""]
    return "\n".join(lines)


def _refit_lines(manifest: Manifest) -> list[str]:
    refit = manifest.refit
    if refit is None:
        return []
    return [
        f"**Not measured itself.** It has seen every session of its data, so none is left to judge "
        f"it on. The figures are those of {refit.of}: the same recipe without the last "
        f"{refit.sessions} sessions, judged on {refit.first:%Y-%m-%d} to {refit.last:%Y-%m-%d}.",
        "",
    ]


def _seen_until(manifest: Manifest) -> str:
    refit = manifest.refit
    return "`trained_until`" if refit is None else f"what {refit.of} has seen"


def _number(value: float | int | None) -> str:
    return "not defined" if value is None else f"{value:.4f}"


def _row(label: str, figures: dict[str, float | int | None], name: str, constant: str) -> str:
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    interval = "not defined" if low is None else f"{_number(low)} .. {_number(high)}"
    return f"| {label} | {_number(figures[name])} | {interval} | {constant} |"


def _threshold_line(figures: dict[str, float | int | None]) -> str:
    reached = figures["at_or_above_0.70"] or 0
    line = f"**{reached:,} of {figures['windows']:,} predictions reached 0.70**"
    right = figures["at_or_above_0.70_right"]
    if right is None:
        return f"{line}, the desk's default entry threshold: with it, this model enters nothing."
    return f"{line}, the desk's default entry threshold; {right:.1%} of those came true."


def _auto_lines(manifest: Manifest) -> list[str]:
    found = manifest.threshold
    if found is None:
        return []
    if found.level is None:
        text = (
            "Threshold `auto`: none. At no level from 0.50 up was the mean return after costs above"
            f" 0 with {found.confidence:.0%} confidence on the calibration span."
        )
    else:
        text = (
            f"Threshold `auto`: {found.level:.2f}. The {found.outcomes:,} predictions at or above "
            f"it on {found.days} days of the calibration span paid for their costs with "
            f"{found.confidence:.0%} confidence, all levels looked at being allowed for."
        )
    return [text, ""]


_SCORE_HEAD = [
    "| forecaster | AUC | Brier score | calibration error | log loss gained over the base rate "
    "| information coefficient |",
    "|---|---|---|---|---|---|",
]


def _score_line(row: ScoreRow) -> str:
    figures = row.figures
    cells = (
        _interval(figures[name])
        for name in ("auc", "brier", "ece", "log_loss_gain", "information_coefficient")
    )
    return f"| {row.name} | {' | '.join(cells)} |"


def _interval(figure: tuple[float | None, float | None, float | None]) -> str:
    value, low, high = figure
    if low is None or high is None:
        return _number(value)
    return f"{_number(value)} ({low:.4f} .. {high:.4f})"


def _members_lines(manifest: Manifest) -> list[str]:
    if not manifest.held_out:
        return []
    return [
        "Each member alone, calibrated, on the held-out span (95 % intervals by whole days):",
        "",
        *_SCORE_HEAD,
        *map(_score_line, manifest.held_out),
        "",
    ]


def _own_lines(manifest: Manifest, calibrated: tuple[ScoreRow, ...]) -> list[str]:
    """Return the members before calibration, if they are of the same predictions as a table."""
    own = manifest.uncalibrated
    if not own or not calibrated or own[0].windows != calibrated[0].windows:
        return []
    return [
        "The same before calibration: what each says by itself. (A calibrated probability follows "
        "also how far the threshold is, and only that where the member's slope is 0.)",
        "",
        *_SCORE_HEAD,
        *map(_score_line, own),
        "",
    ]


def _reliability_lines(manifest: Manifest) -> list[str]:
    if not manifest.reliability:
        return []
    return [
        "How often it came true, in tenths of the held-out predictions, lowest first:",
        "",
        "| mean probability | came true | predictions |",
        "|---|---|---|",
        *(f"| {said:.4f} | {came:.4f} | {count:,} |" for said, came, count in manifest.reliability),
        "",
    ]


def _walk_forward_lines(manifest: Manifest) -> list[str]:
    if not manifest.walk_forward:
        return []
    first = manifest.walk_forward[0]
    return [
        "## Walk-forward",
        "",
        "The same recipe on ever longer histories, each judged on the sessions after it: "
        f"{first.windows:,} predictions on {first.days} days. The last stretch is the held-out "
        "span above. Weights, calibration and base rate are those of each step; the boosted trees "
        "are a baseline that the desk does not load.",
        "",
        *_SCORE_HEAD,
        *map(_score_line, manifest.walk_forward),
        "",
        *_own_lines(manifest, manifest.walk_forward),
        *_gate_lines(manifest),
    ]


def _gate_lines(manifest: Manifest) -> list[str]:
    gate = manifest.gate
    if gate is None:
        return []
    word = "passed" if gate.is_promoted else "not passed"
    lines = [f"Champion gate on these days: {word}; {gate.reason}.", ""]
    if gate.gains:
        lines += ["| rival | log loss gained over it, nats | 95 % interval |", "|---|---|---|"]
        lines += [
            f"| {gain.rival} | {gain.value:.5f} | {gain.low:.5f} .. {gain.high:.5f} |"
            for gain in gate.gains
        ]
        lines.append("")
    return lines


def _verdict(figures: dict[str, float | int | None]) -> str:
    low, high = figures["log_loss_gain_low"], figures["log_loss_gain_high"]
    if low is None or high is None:
        return f"{figures['days']} held-out days are too few to tell it from the base rate."
    if low > 0:
        return "It beat the base rate on the held-out span: the interval of the gain is above 0."
    if high < 0:
        return "It did worse than the base rate on the held-out span: the interval is below 0."
    return (
        "On the held-out span it cannot be told from forecasting the base rate: the interval of "
        "the gain holds 0. Take its probabilities as what they are, close to the base rate."
    )


def _calibration_line(manifest: Manifest) -> list[str]:
    if manifest.calibration.ensemble.slope > 0:
        return []
    return [
        "The networks' view of direction found no support in data that they were not fitted to "
        "(slope 0). The probabilities follow only how far the threshold is for the time that is "
        "left and the recent volatility, and confidence is 0.",
        "",
    ]


def _weights_line(manifest: Manifest) -> str:
    rule = (
        "A member has a weight where it beat the base rate on the validation span, on which its "
        "epoch was chosen too, and the calibration span, which it had never met, found something "
        "in its view (slope above 0)."
    )
    if any(member.weight for member in manifest.members):
        return rule
    return (
        f"{rule} **No member did: all have weight 0**, the probabilities do without them, price "
        "forecasts stay at the price, and the volatility is the mean of all."
    )


def _limits(manifest: Manifest) -> list[str]:
    limits = [
        "- Not advice, and not evidence of profit: spreads, slippage and fees beyond the threshold "
        "are not in these figures.",
        "- One span of time and one set of symbols; other regimes and symbols were not measured.",
    ]
    blind = [
        name
        for name, scale in zip(manifest.features, manifest.standardisation.scale, strict=True)
        if scale == 0
    ]
    if blind:
        limits.append(f"- Blind to {', '.join(blind)}: they did not vary in its training data.")
    if manifest.market == "simulated":
        limits.append("- Not for real data: the desk uses it in mode `sim` only.")
    return limits
