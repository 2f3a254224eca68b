"""Composing the life of tier 2's models: who trains, where they are kept, what was before."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.compose import MarketKind, find_manifest, leaves_level, level_of
from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.config import Config
from hybrid_tui.errors import HybridError, ModelError

if TYPE_CHECKING:
    from hybrid_tui.commands.markets import DeskMarket
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.models import ModelFacts
    from hybrid_tui.domain.ports import Predictor, Strategist, TrainingTask
    from hybrid_tui.engine.jobs import Drift, DriftJob
    from hybrid_tui.engine.models import LifePlan
    from hybrid_tui.engine.trainer import SubprocessTrainer, TrainingPlan
    from hybrid_tui.ml.model_files import Manifest

log = logging.getLogger(__name__)

CHAMPION = "champion"


def facts_of(
    manifest: Manifest, max_age_days: float | None, *, is_auto: bool = False
) -> ModelFacts:
    """Return what the desk has to know of a model; without an age it does not expire.

    Its age counts from the last instant that it has seen: where no session was held out from it, a
    week in the shadow and a week in use fit into 14 days. Where the level of its entries is left to
    it (``is_auto``) and it was never asked for one, it enters nothing.
    """
    from hybrid_tui.domain.models import UNREACHABLE, ModelFacts

    level = UNREACHABLE if manifest.threshold is None else level_of(manifest)

    age = None if max_age_days is None else timedelta(days=max_age_days)
    return ModelFacts(
        id=manifest.id,
        trained_until=manifest.trained_until,
        base_rate=manifest.base_rate,
        threshold_bps=manifest.threshold_bps,
        expires_at=None if age is None else manifest.trained_until + age,
        entry_level=level if is_auto else None,
        has_held_out=manifest.refit is None,
    )


def max_age_of(config: Config) -> float | None:
    """Return the days after which a model gives no entries; only live data go on and on."""
    return config.ml.max_age_days if config.app.mode in ("paper", "live") else None


def retrains_weekly(config: Config) -> bool:
    """Whether new models are trained unasked: on live data unless it is switched off.

    A simulated market does not change, and recorded days are looked at, not lived with.
    """
    wanted = config.ml.retrain
    return wanted == "weekly" or (wanted is None and config.app.mode in ("paper", "live"))


class FileShelf:
    """The ModelShelf of the models' folders, with the journal's decisions; ``told`` hears of a
    new champion.
    """

    def __init__(
        self,
        state: CliState,
        connection: sqlite3.Connection,
        market: MarketKind,
        max_age_days: float | None,
        told: Callable[[], None] = lambda: None,
        *,
        is_auto: bool = False,
    ) -> None:
        self._state = state
        self._connection = connection
        self._market = market
        self._max_age_days = max_age_days
        self._is_auto = is_auto
        self.told = told

    def facts(self, model_id: str) -> ModelFacts:
        """Return what is known of a model; raises ModelError."""
        from hybrid_tui.ml.model_files import find_model, read_manifest

        folder = find_model(model_id, self._folders(), self._market)
        return self._facts(read_manifest(folder))

    def _facts(self, manifest: Manifest) -> ModelFacts:
        return facts_of(manifest, self._max_age_days, is_auto=self._is_auto)

    def previous(self) -> ModelFacts | None:
        """Return the champion before the last promotion not yet taken back, if it is there."""
        from hybrid_tui.journal.decisions import before_last, decisions

        found = before_last(decisions(self._connection, self._market))
        if found is None:
            return None
        try:
            return self.candidate(found)
        except ModelError as error:
            log.warning("the champion of before cannot be had: %s", error.render())
            return None

    def is_rejected(self, model_id: str) -> bool:
        """Whether the journal's last word on a model is that it was rejected."""
        from hybrid_tui.journal.model_tables import model_rows

        row = model_rows(self._connection).get(model_id)
        return row is not None and row.status == "rejected"

    def candidate(self, model_id: str) -> ModelFacts:
        """Return what is known of a model of this market that could be asked; raises ModelError.

        Its files are those that its manifest vouches for, and it has a level where one is wanted.
        """
        from hybrid_tui.ml.model_files import find_model, read_manifest, vouched

        folder = find_model(model_id, self._folders(), self._market)
        manifest = read_manifest(folder)
        if manifest.market != self._market:
            raise ModelError(
                f"{model_id} is of the {manifest.market} market, this desk of the {self._market}"
            )
        for member in manifest.members:
            vouched(folder / member.file, member)
        if self._is_auto:
            level_of(manifest)
        return self._facts(manifest)

    def install(self, model_id: str) -> None:
        """Name the champion for this market, and have it asked from now on."""
        from hybrid_tui.ml.model_files import write_champion

        models = self._state.paths.models
        models.mkdir(parents=True, exist_ok=True)
        write_champion(models, self._market, model_id)
        self.told()

    def settle(self) -> None:
        """Name the champion that the journal's last decision made, if a crash came between."""
        from hybrid_tui.journal.decisions import decisions
        from hybrid_tui.ml.model_files import find_model

        made = decisions(self._connection, self._market)
        if not made:
            return
        wanted = made[-1].model_id
        try:
            find_model(wanted, self._folders(), self._market)
            named = find_model(CHAMPION, self._folders(), self._market).name
        except ModelError as error:
            log.warning("the journal's champion cannot be had: %s", error.render())
            return
        if named != wanted:
            self.install(wanted)

    def _folders(self) -> list[Path]:
        from hybrid_tui.ml.model_files import shipped_models

        return [self._state.paths.models, shipped_models()]


def life_plan(
    state: CliState,
    config: Config,
    market: DeskMarket,
    connection: sqlite3.Connection,
    shelf: FileShelf,
) -> LifePlan | None:
    """Return how this desk's models live; None without tier 2, or a model that can be read.

    What is wrong with the model is said when it is asked.
    """
    from hybrid_tui.domain.retraining import parse_slot
    from hybrid_tui.engine.models import LifePlan
    from hybrid_tui.journal.model_tables import last_training, model_rows

    if "ml" not in config.app.tiers:
        return None
    is_pinned = config.ml.model != CHAMPION
    if not is_pinned:
        shelf.settle()
    # A model may know the days that are looked at again: what it says of them is no proof, and the
    # live desk's champion does not hang on it.
    is_judged = config.app.mode != "recorded" or retrains_weekly(config)
    try:
        manifest = find_manifest(state, config, market.kind)
    except ModelError:
        return None
    champion = facts_of(manifest, max_age_of(config), is_auto=leaves_level(config))
    left = [
        row
        for row in model_rows(connection).values()
        if row.status == "shadow" and row.market == market.kind and row.id != champion.id
    ]
    challenger = max(left, key=lambda row: row.since, default=None)
    return LifePlan(
        market=market.kind,
        shelf=shelf,
        champion=champion,
        shadow_sessions=config.ml.shadow_days,
        slot=parse_slot(config.ml.retrain_at) if retrains_weekly(config) else None,
        challenger=None
        if challenger is None or not is_judged
        else _still_there(shelf, challenger.id),
        challenger_gate=None if challenger is None else challenger.gate,
        trained_at=last_training(connection, market.kind, config.app.mode),
        is_paced=market.source is not None,
        is_pinned=is_pinned,
        is_judged=is_judged,
    )


def _still_there(shelf: FileShelf, model_id: str) -> ModelFacts | None:
    try:
        return shelf.facts(model_id)
    except ModelError as error:
        log.warning("the challenger cannot be had: %s", error.render())
        return None


def make_trainer(
    state: CliState,
    config: Config,
    market: DeskMarket,
    calendar: TradingCalendar,
    shelf: FileShelf,
) -> SubprocessTrainer:
    """Return who trains this desk's models, with commands of this program."""
    from hybrid_tui.commands.model import real_time
    from hybrid_tui.engine.spawn import own_environment
    from hybrid_tui.engine.trainer import SubprocessTrainer

    def plan(task: TrainingTask) -> TrainingPlan:
        return training_plan(state, config, market.kind, calendar, task, shelf.is_rejected)

    return SubprocessTrainer(plan, shelf.facts, real_time, own_environment())


def training_plan(
    state: CliState,
    config: Config,
    kind: MarketKind,
    calendar: TradingCalendar,
    task: TrainingTask,
    is_rejected: Callable[[str], bool],
) -> TrainingPlan:
    """Return the commands of a training: on bars up to the last session that has ended.

    Live, the store is brought up to date first. A simulated desk trains on other simulated days. A
    model that an interrupted training has measured already is not made again; one that was
    rejected is.
    """
    from hybrid_tui.commands.ml_refit import refit_name
    from hybrid_tui.engine.trainer import TrainingPlan

    glob: list[str] = []
    if state.profile is not None:
        glob += ["--profile", state.profile]
    for setting in state.overrides:
        glob += ["--set", setting]
    session = calendar.last_session(task.asked_at)
    if session is not None and task.asked_at < session.close:
        session = calendar.last_session(session.open - timedelta(seconds=1))
    day = session.day if session is not None else task.asked_at.date()
    asked = None if kind == "simulated" else tuple(config.app.watchlist)
    measured, is_made = _measured_name(
        state.paths.models, f"{kind}-{day:%Y%m%d}", asked, is_rejected
    )
    symbols = ["--symbols", ",".join(config.app.watchlist)]
    fetch: list[str] = []
    seed: list[str] = []
    if kind == "simulated":
        data, seed = ["--data", "sim"], ["--seed", str(1 + day.toordinal() % 997)]
    else:
        data = ["--data", "store", *symbols, "--end", day.isoformat(), "--news", "journal"]
        if config.app.mode in ("paper", "live"):
            provider = config.market.provider or "alpaca"
            fetch = [*glob, "data", "fetch", "--provider", provider, *symbols, "--json"]
    name = refit_name(measured)
    return TrainingPlan(
        name=name,
        measured=measured,
        fetch=() if is_made else tuple(fetch),
        train=() if is_made else (*glob, "ml", "train", *data, *seed, "--id", measured, "--json"),
        judge=(*glob, "ml", "judge", measured, *data, *seed, "--json"),
        refit=(*glob, "ml", "refit", measured, *data, "--id", name, "--json"),
    )


def _measured_name(
    models: Path,
    name: str,
    symbols: tuple[str, ...] | None,
    is_rejected: Callable[[str], bool],
) -> tuple[str, bool]:
    """Return the name of a model to be measured, and whether it is there and lacks its refit.

    One that was rejected lacks it on purpose, and one of other ``symbols`` (None: any) is another.
    """
    from hybrid_tui.commands.ml_refit import refit_name

    found, number = name, 1
    while (models / found).exists():
        is_open = not (models / refit_name(found)).exists() and not is_rejected(found)
        if is_open and _is_of(models / found, symbols):
            return found, True
        number += 1
        found = f"{name}-{number}"
    return found, False


def _is_of(folder: Path, symbols: tuple[str, ...] | None) -> bool:
    """Whether a folder holds a model that can be read, made of some symbols (None: any)."""
    from hybrid_tui.ml.model_files import read_manifest

    try:
        made = read_manifest(folder)
    except ModelError as error:
        log.info("a model is left aside: %s", error.render())
        return False
    return symbols is None or set(made.data.symbols) == set(symbols)


def load_challenger(
    state: CliState,
    calendar: TradingCalendar,
    market: MarketKind,
    strategist: Strategist | None,
    model_id: str,
) -> Predictor:
    """Return the predictor of a model in the shadow: its own word, nothing shrunk by a record."""
    from hybrid_tui.commands.compose import load_model
    from hybrid_tui.ml.predictor import EnsemblePredictor

    model = load_model(state, model_id, market)
    return EnsemblePredictor(model, calendar, strategist.score if strategist else None)


def measure_drift(
    state: CliState,
    calendar: TradingCalendar,
    market: MarketKind,
    strategist: Strategist | None,
    job: DriftJob,
) -> Drift:
    """Return each symbol's drift from what the job's model was trained on; raises ModelError."""
    from hybrid_tui.ml.drift import DriftMeter
    from hybrid_tui.ml.model_files import find_model, read_manifest, shipped_models

    folders = [state.paths.models, shipped_models()]
    manifest = read_manifest(find_model(job.model_id, folders, market))
    meter = DriftMeter(manifest, calendar, strategist.score if strategist else None)
    return meter.measure(job.view, job.symbols)


def desk_story(state: CliState) -> dict[str, dict[str, Any]]:
    """Return what the journal says of each model, by id; empty without a journal."""
    from contextlib import closing

    from hybrid_tui.journal.model_tables import model_rows
    from hybrid_tui.journal.reader import open_read_only

    if not state.paths.journal.exists():
        return {}
    try:
        with closing(open_read_only(state.paths.journal)) as connection:
            rows = model_rows(connection)
    except HybridError as error:
        log.info("no story of models: %s", error.render())
        return {}
    return {
        row.id: {
            "status": row.status,
            "since": iso(row.since),
            "reason": row.reason,
            "expires_at": iso(row.facts.expires_at) if row.facts.expires_at is not None else None,
            "figures": row.figures,
        }
        for row in rows.values()
    }


def told_of(story: Mapping[str, Any]) -> str:
    """Return what the desk decided about a model, as one line."""
    expires = f", expires {story['expires_at'][:10]}" if story["expires_at"] else ""
    reason = f": {story['reason']}" if story["reason"] else ""
    return f"{story['status']} since {story['since'][:10]}{expires}{reason}"
