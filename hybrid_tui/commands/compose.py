"""Choosing the parts once: models, scorers and predictors for a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from hybrid_tui.commands.context import CliState
from hybrid_tui.config import Config
from hybrid_tui.domain.models import UNREACHABLE
from hybrid_tui.domain.signals import Hybrid
from hybrid_tui.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.live_calibration import LiveCalibration, Outcome
    from hybrid_tui.domain.ports import MarketView, Predictor, Strategist
    from hybrid_tui.domain.signals import Abstention, MLPrediction
    from hybrid_tui.engine.fast.forecasts import Forecasts
    from hybrid_tui.ml.model_files import Manifest, Model
    from hybrid_tui.ml.prediction_table import PredictionTable

NO_LEVEL = (
    "rules.min_buy_probability = auto: the model has no level from which entries can be expected to"
    " pay for their costs, so nothing is entered"
)
MarketKind = Literal["real", "simulated"]


def check_hybrid(config: Config) -> None:
    """Raise ConfigError for a hybrid mode that this version cannot run."""
    if config.app.hybrid is Hybrid.RL:
        raise ConfigError(
            "app.hybrid 'rl' needs a trained policy, and there is none",
            hint="hierarchical, sequential or parallel",
        )


def minimum_probability(config: Config, manifest: Callable[[], Manifest]) -> float:
    """Return the buy probability that entries need at the start; above 1 where nothing reaches it.

    `auto` is the level of the model (``manifest`` is asked for then), UNREACHABLE where it found no
    level that pays for its costs. Raises ConfigError where the model was never asked.
    """
    if not leaves_level(config):
        return float(config.rules.min_buy_probability)
    if "ml" not in config.app.tiers:
        return UNREACHABLE  # no condition looks at it
    made = manifest()
    try:
        return level_of(made)
    except ModelError as error:
        raise ConfigError(error.message, hint=error.hint) from error


def level_of(made: Manifest) -> float:
    """Return what `auto` comes to with a model; raises ModelError where it was never asked."""
    if made.threshold is None:
        raise ModelError(
            f"rules.min_buy_probability 'auto' needs a model that carries a threshold; {made.id}"
            " carries none",
            hint="give a figure, e.g. 0.70, or train a model with `hybrid-tui ml train`",
        )
    return UNREACHABLE if made.threshold.level is None else made.threshold.level


def leaves_level(config: Config) -> bool:
    """Whether the configuration leaves the buy probability that entries need to the model."""
    return config.rules.min_buy_probability == "auto"


def find_manifest(state: CliState, config: Config, market: MarketKind) -> Manifest:
    """Return the manifest of the configured model; raises ModelError."""
    from hybrid_tui.ml.model_files import find_model, read_manifest, shipped_models

    folders = [state.paths.models, shipped_models()]
    return read_manifest(find_model(config.ml.model, folders, market))


def seldom_fresh(config: Config) -> str | None:
    """Return what to say where predictions expire before the next ones are asked for."""
    from hybrid_tui.domain.signals import PREDICTION_EXPIRY

    lasts = PREDICTION_EXPIRY.total_seconds() / 60
    interval = config.ml.interval_minutes
    if "ml" not in config.app.tiers or interval <= lasts:
        return None
    return (
        f"ml.interval_minutes {interval}: predictions expire after {lasts:g} minutes, so there is"
        f" a fresh one {lasts / interval:.0%} of the time"
    )


def load_model(state: CliState, name: str, market: MarketKind) -> Model:
    """Return a model from the user's folder or the shipped ones; raises ModelError."""
    from hybrid_tui.ml.model_files import find_model, shipped_models
    from hybrid_tui.ml.model_files import load_model as load

    return load(find_model(name, [state.paths.models, shipped_models()], market))


def local_analyst() -> Strategist:
    """Return the strategist that needs no network: the desk's, and that of every backtest."""
    from hybrid_tui.llm.local import LocalAnalyst

    return LocalAnalyst()


def labelled(state: CliState, strategist: Strategist) -> Strategist:
    """Return the strategist with a model's labels of headlines, where the journal has any."""
    import sqlite3
    from contextlib import closing

    from hybrid_tui.journal.exchanges import read_labels
    from hybrid_tui.journal.reader import open_read_only
    from hybrid_tui.llm.labels import LOCAL_SOURCE, LabelledStrategist

    if not state.paths.journal.exists():
        return strategist
    try:
        with closing(open_read_only(state.paths.journal)) as connection:
            labels = [one for one in read_labels(connection) if one.source != LOCAL_SOURCE]
    except (ConfigError, sqlite3.Error) as error:
        _warn(f"no labels of headlines are used: {error}")
        return strategist
    return LabelledStrategist(strategist, labels) if labels else strategist


def make_predictor(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    market: MarketKind,
    strategist: Strategist | None,
    record: LiveCalibration | None = None,
) -> Predictor:
    """Return tier 2 as the desk runs it; importing torch takes a second.

    ``record`` is how its predictions came true before a restart. Raises ModelError.
    """
    from hybrid_tui.domain.live_calibration import LiveCalibration
    from hybrid_tui.ml.live import Recalibrated
    from hybrid_tui.ml.predictor import EnsemblePredictor

    model = load_model(state, config.ml.model, market)
    raw = EnsemblePredictor(model, calendar, strategist.score if strategist else None)
    return Recalibrated(raw, deepcopy(record) if record is not None else LiveCalibration())


class HistoryPredictor:
    """Tier 2 over history: the figures of the desk's own predictor, made block by block.

    ``series`` are the bars that earlier predictions come true or false in.
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: Iterator[PredictionTable],
        series: Mapping[str, BarSeries],
    ) -> None:
        from hybrid_tui.domain.live_calibration import LiveCalibration
        from hybrid_tui.ml.live import move_in

        self.model_id = manifest.id
        self.trained_until = manifest.trained_until
        self.manifest = manifest
        self._blocks = blocks
        self._block: PredictionTable | None = None
        self._last = -1
        self._record = LiveCalibration()
        self._series = series
        self._move = move_in(series.get)

    def predict(
        self,
        view: MarketView,
        symbols: Sequence[str],
        *,
        session_close: datetime,
        strategy_id: str | None,
    ) -> Sequence[MLPrediction | Abstention | Outcome]:
        """Return the answers of ``view.now``, for the symbols asked; instants only rise."""
        from hybrid_tui.ml.live import recalibrated

        now, wanted = int(view.now.timestamp()), set(symbols)
        while now > self._last:
            self._block = next(self._blocks, None)
            if self._block is None:
                return []
            self._last = int(self._block.at[-1])
        if self._block is None:
            return []
        row = int(self._block.at.searchsorted(now))
        if self._block.at[row] != now:
            return []
        answers = self._block.answers(row, self.manifest, strategy_id)
        raw = [answer for answer in answers if answer.symbol in wanted]
        said, outcomes = recalibrated(raw, self._record, view.now, self._move)
        return [*said, *outcomes]

    def ahead(
        self,
        after: datetime,
        until: datetime,
        progress: Callable[[datetime], None] | None = None,
    ) -> Forecasts:
        """Return the answers after one instant up to another (included), of all symbols at once.

        It takes the place of :meth:`predict`: the blocks are gone through once.
        """
        from hybrid_tui.commands.foretold import forecasts_of
        from hybrid_tui.ml.live_factors import LiveFactors

        factors = LiveFactors(self._series, self.manifest.threshold_bps)
        return forecasts_of(self._blocks, after, until, progress, factors=factors)


def history_predictor(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    before: Mapping[str, BarSeries],
    traded: Mapping[str, BarSeries],
    news: Sequence[NewsItem],
    interval: int,
    begins_at: datetime,
    strategist: Strategist | None,
    actions: Sequence[CorporateAction] = (),
    *,
    keep: bool = True,
    making: Callable[[datetime], None] | None = None,
) -> HistoryPredictor:
    """Return tier 2 for a backtest over ``traded``, warmed up by ``before``; raises ModelError.

    ``before`` has the splits until ``begins_at`` worked in; ``traded`` is raw for ``actions``.
    With ``keep`` the predictions are kept on disk, and taken from there the next time; ``making``
    is told the instants of those that are made.
    """
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.prediction_cache import PredictedHistory, predicted_blocks

    if interval != 60:
        raise ConfigError(
            f"tier 2 needs one-minute bars, the data has bars of {interval} s",
            hint="--tiers rules, or other data",
        )
    manifest = find_manifest(state, config, "real")
    whole = whole_history(before, traded)
    asked = PredictedHistory(
        manifest=manifest,
        load=lambda: load_model(state, config.ml.model, "real"),
        series=whole,
        fingerprint=fingerprint(whole) if keep else "",
        calendar=calendar,
        begins_at=begins_at,
        news=news,
        score=strategist.score if strategist is not None and news else None,
        actions=[action for action in actions if action.ex_at > begins_at],
        every_minutes=config.ml.interval_minutes,
    )
    folder = state.paths.cache / "predictions" if keep else None
    blocks = predicted_blocks(asked, folder, _warn, making)
    return HistoryPredictor(manifest, blocks, whole)


def whole_history(
    before: Mapping[str, BarSeries], traded: Mapping[str, BarSeries]
) -> dict[str, BarSeries]:
    """Return each traded symbol's bars with those before them, by symbol."""
    from hybrid_tui.domain.bars import joined

    return {
        symbol: joined(before[symbol], series) if symbol in before else series
        for symbol, series in sorted(traded.items())
    }


def _warn(text: str) -> None:
    import typer

    typer.echo(f"warning: {text}", err=True)
