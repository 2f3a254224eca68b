"""``backtest --walk-forward N``: settings, and tier 2, chosen on the past only, again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.compose import HistoryPredictor, local_analyst, whole_history
from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.commands.search_space import combinations, parse_space
from hybrid_tui.commands.trials import Result, run_span, session_opens, within
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries, NewsItem
    from hybrid_tui.ml.model_files import Model
    from hybrid_tui.ml.prediction_table import PredictionTable

DEFAULT_SPACE = ("rules.rsi_below=25|35|45", "rules.rsi_exit=60|70|80")
MOST_COMBINATIONS = 200
SWEEP_SET = "--sweep-set"
EMBARGO_SESSIONS = 1
FEWEST_SESSIONS_A_FOLD = 5
MOST_WINDOWS = 60_000
MOST_EPOCHS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """What is walked through: the history, and how a trial's configuration is made."""

    state: CliState
    config_of: Callable[[tuple[str, ...]], Config]
    history: History
    headlines: tuple[NewsItem, ...]
    folds: int
    space: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Instants of one fold: settings are chosen on [since, until), tested on [begins, ends)."""

    since: datetime
    until: datetime
    begins: datetime
    ends: datetime


def folds_of(opens: Sequence[datetime], count: int, ends_at: datetime) -> list[Fold]:
    """Return the folds: the sessions in ``count`` + 1 equal parts, each tested on all before it.

    The last session before a test belongs to neither (the embargo). Raises DataError where a part
    would have fewer than FEWEST_SESSIONS_A_FOLD sessions.
    """
    size = len(opens) // (count + 1)
    if size < FEWEST_SESSIONS_A_FOLD:
        most = len(opens) // FEWEST_SESSIONS_A_FOLD - 1
        raise DataError(
            f"--walk-forward {count}: {len(opens)} sessions in {count + 1} parts are"
            f" {size} each, fewer than {FEWEST_SESSIONS_A_FOLD}",
            hint=f"at most {most} with these data" if most > 0 else "more data",
        )
    days = [at.replace(hour=0, minute=0, second=0) for at in opens]
    folds = []
    for number in range(1, count + 1):
        first = len(days) - (count - number + 1) * size
        last = first + size
        folds.append(
            Fold(
                since=days[0],
                until=days[first - EMBARGO_SESSIONS],
                begins=days[first],
                ends=days[last] if last < len(days) else ends_at,
            )
        )
    return folds


def plan_walk(asked: WalkForward) -> tuple[list[tuple[str, ...]], list[Fold]]:
    """Return the settings that each fold tries, and the folds.

    Raises ConfigError for a space that is no small grid of valid values, DataError for too many
    folds.
    """
    space, fixed = parse_space(asked.space or DEFAULT_SPACE, SWEEP_SET)
    grid = combinations(space, MOST_COMBINATIONS)
    if grid is None or fixed:
        raise ConfigError(
            f"{SWEEP_SET} gives no grid of at most {MOST_COMBINATIONS} settings",
            hint="KEY=LOW:HIGH:STEP or KEY=x|y|z",
        )
    for dimension in space:
        for value in dimension.ends():
            try:
                asked.config_of((f"{dimension.key}={value}",))
            except ConfigError as error:
                said = error.message.removeprefix("--set ")
                raise ConfigError(f"{SWEEP_SET} {said}", hint=error.hint) from error
    opens = session_opens(asked.state, asked.history)
    return grid, folds_of(opens, asked.folds, asked.history.ends_at)


def walk_forward(
    asked: WalkForward, track: Callable[[Sequence[Fold]], Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each fold, and the summary of the chained out-of-sample days.

    With tier 2 on, a model is trained on each fold's past (its spans purged and embargoed as in
    ``ml train``), and settings are chosen on the part of the past that it has not seen.
    """
    import numpy as np

    from hybrid_tui.analysis.statistics import performance, sharpe_interval

    grid, folds = plan_walk(asked)
    rows: list[dict[str, Any]] = []
    chained: list[float] = []
    opens = session_opens(asked.state, asked.history)
    for fold in track(folds):
        model = _trained(asked, fold, len(rows)) if "ml" in asked.config_of(()).app.tiers else None
        since = fold.since if model is None else _unseen(opens, model, fold)
        choosing = _Span(asked, since, fold.until, model)
        tried = [(settings, choosing.run(settings)) for settings in grid]
        settings, inside = max(tried, key=lambda one: one[1].figures()["sharpe"] or 0.0)
        outside = _Span(asked, fold.begins, fold.ends, model).run(settings)
        chained += outside.returns
        rows.append(_row(fold, since, settings, model, inside, outside, len(grid)))
    returns = np.array(chained)
    found = performance(returns)
    interval = sharpe_interval(returns, asked.seed)
    ratios = [
        (row["in_sample_sharpe"], row["out_of_sample_sharpe"])
        for row in rows
        if row["in_sample_sharpe"] and row["out_of_sample_sharpe"] is not None
    ]
    return rows, {
        "days": len(returns),
        "sharpe": found.sharpe,
        "sharpe_ci95": list(interval) if interval else None,
        "total_return": found.total_return,
        "max_drawdown": found.max_drawdown,
        "mean_in_sample_sharpe": float(np.mean([one for one, _ in ratios])) if ratios else None,
        "mean_out_of_sample_sharpe": float(np.mean([two for _, two in ratios])) if ratios else None,
        "equity": np.cumprod(1 + returns).tolist(),
    }


def _row(
    fold: Fold,
    since: datetime,
    settings: tuple[str, ...],
    model: Model | None,
    inside: Result,
    outside: Result,
    tried: int,
) -> dict[str, Any]:
    one, two = inside.figures(), outside.figures()
    return {
        "chosen_on": [iso(since), iso(fold.until)],
        "tested_on": [iso(fold.begins), iso(fold.ends)],
        "settings": list(settings),
        "settings_tried": tried,
        "model_id": model.id if model else None,
        "trained_until": iso(model.manifest.trained_until) if model else None,
        "in_sample_sharpe": one["sharpe"],
        "out_of_sample_sharpe": two["sharpe"],
        "in_sample_return": one["total_return"],
        "out_of_sample_return": two["total_return"],
        "trades": outside.trades,
        "days": len(outside.returns),
    }


class _Span:
    """One span of the history, and what tier 2 says in it, made once for all settings."""

    def __init__(
        self, asked: WalkForward, since: datetime, until: datetime, model: Model | None
    ) -> None:
        self._asked = asked
        self._history = within(asked.history, since, until)
        self._model = model
        self._tables: list[PredictionTable] = []
        self._series = whole_history(self._history.before, self._history.traded)
        if model is not None:
            self._tables = _predicted(asked, self._history, model)

    def run(self, settings: tuple[str, ...]) -> Result:
        """Run the span with some settings."""
        asked, tier2 = self._asked, None
        if self._model is not None:
            tier2 = HistoryPredictor(self._model.manifest, iter(self._tables), self._series)
        config = asked.config_of(settings)
        return run_span(asked.state, config, self._history, asked.headlines, tier2)


def _unseen(opens: Sequence[datetime], model: Model, fold: Fold) -> datetime:
    """Return the first session after everything that a model has seen."""
    until = model.manifest.trained_until
    after = [at for at in opens if until < at < fold.until]
    if not after:
        raise DataError(
            f"the model trained for {iso(fold.begins)} leaves no session to choose settings on",
            hint="fewer folds, or more data",
        )
    return after[0].replace(hour=0, minute=0, second=0)


def _past(asked: WalkForward, until: datetime) -> dict[str, BarSeries]:
    """Return all bars that start before an instant, warm-up included, splits worked in."""
    history = within(asked.history, until, asked.history.ends_at)
    return {symbol: series for symbol, series in history.before.items() if len(series)}


def _trained(asked: WalkForward, fold: Fold, number: int) -> Model:
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.dataset import build_dataset
    from hybrid_tui.ml.predictor import score_news
    from hybrid_tui.ml.recipe import Recipe
    from hybrid_tui.ml.sentiment import sentiment_events
    from hybrid_tui.ml.train import train_ensemble

    series = _past(asked, fold.until)
    config = asked.config_of(())
    sentiment = {}
    if "llm" in config.app.tiers:
        heard = [item for item in asked.headlines if item.received_at < fold.until]
        sentiment = sentiment_events(heard, score_news(heard, local_analyst().score))
    dataset = build_dataset(
        series, asked.state.calendar(), sentiment=sentiment, max_windows=MOST_WINDOWS
    )
    trained = train_ensemble(
        dataset,
        Recipe(
            model_id=f"walk-forward-{number + 1}",
            market="real",
            seed=asked.seed,
            max_epochs=MOST_EPOCHS,
        ),
        description=f"the past of fold {number + 1}",
        symbols=tuple(series),
        fingerprint=fingerprint(series),
        now=datetime.now(UTC).replace(microsecond=0),
    )
    return trained.model


def _predicted(asked: WalkForward, history: History, model: Model) -> list[PredictionTable]:
    from hybrid_tui.ml.prediction_cache import PredictedHistory, predicted_blocks

    config = asked.config_of(())
    scorer = local_analyst().score if "llm" in config.app.tiers else None
    question = PredictedHistory(
        manifest=model.manifest,
        load=lambda: model,
        series=whole_history(history.before, history.traded),
        fingerprint="",
        calendar=asked.state.calendar(),
        begins_at=history.begins_at,
        news=asked.headlines,
        score=scorer if asked.headlines else None,
        actions=[action for action in history.actions if action.ex_at > history.begins_at],
        every_minutes=config.ml.interval_minutes,
    )
    return list(predicted_blocks(question, None, _ignored))


def _ignored(_: str) -> None:
    """Nothing is kept, so nothing can be damaged."""
