"""A search over settings with Optuna: planned, run in processes or on a cluster, kept and judged.

Optuna (MIT, Preferred Networks, releases every few months, 0.3 s to import) brings the sampler and
the store: one file of JSON lines, so that an interrupted search goes on.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.backtest_data import check_spreads
from hybrid_tui.commands.common import tell
from hybrid_tui.commands.search_space import Dimension, Range, combinations
from hybrid_tui.commands.trials import Result, Source, loaded, run_trial, session_opens
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

RETURNS, TRADES = "returns", "trades"
CONFIDENT = 0.95
FEWEST_SESSIONS = 6
FEW_DAYS = 60


class Search:
    """One search: its question is its name, so the same question finds its earlier trials."""

    def __init__(
        self,
        source: Source,
        space: Sequence[Dimension],
        *,
        objective: str,
        holdout: float,
        folder: Path,
        seed: int,
    ) -> None:
        self.source, self.space, self.objective = source, tuple(space), objective
        self.seed = seed
        self._check_space()
        state, history, _ = loaded(source)
        opens = session_opens(state, history)
        if len(opens) < FEWEST_SESSIONS:
            raise DataError(
                f"the data have {len(opens)} sessions; a search needs {FEWEST_SESSIONS}",
                hint="give it more history",
            )
        self._since = opens[0].replace(hour=0, minute=0)
        self._until = history.ends_at
        self._split = self._until
        if holdout:
            kept = max(1, round(len(opens) * holdout))
            self._split = opens[len(opens) - kept].replace(hour=0, minute=0)
        question = {
            "data": history.fingerprint,
            "settings": source.config().figures(),
            "space": [repr(dimension) for dimension in self.space],
            "from": self._since.isoformat(),
            "split": self._split.isoformat(),
            "until": self._until.isoformat(),
            "news": source.news,
            "objective": objective,
        }
        text = json.dumps(question, sort_keys=True, default=str)
        self.name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.file = folder / f"{self.name}.jsonl"
        self._study = self._open()

    def _check_space(self) -> None:
        """Raise ConfigError where an end of a range, or a choice, is not a valid value."""
        check_spreads(self.source.config(), None)
        for dimension in self.space:
            for value in dimension.ends():
                check_spreads(self.source.config((f"{dimension.key}={value}",)), None)

    def _open(self) -> Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            _drop_half_line(self.file)
            storage = JournalStorage(JournalFileBackend(str(self.file)))
            study = optuna.create_study(
                storage=storage, study_name=self.name, direction="maximize", load_if_exists=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"{self.file} cannot be used: {error}", hint="remove it to begin anew"
            ) from error
        known = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + known)
        return study

    def plan(self, trials: int) -> int:
        """Return how many trials there will be in all; a small space is tried out whole, once."""
        from optuna.trial import TrialState

        whole = combinations(self.space, trials)
        with _undisturbed():
            for left in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                # Its process has ended without an answer.
                self._study.tell(left.number, state=TrialState.FAIL)
            known = {self._settings(trial) for trial in self.finished()}
            for settings in whole or ():
                if settings not in known:
                    self._study.enqueue_trial(self._params(settings), skip_if_exists=True)
        return trials if whole is None else len(whole)

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that have an answer."""
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def run(self, wanted: int, workers: int, cluster: str | None) -> Iterator[FrozenTrial]:
        """Run trials until there are ``wanted``, and yield each as it is finished."""
        left = wanted - len(self.finished())
        if left <= 0:
            return
        if workers == 1 and cluster is None:
            for _ in range(left):
                trial = self._ask()
                yield self._tell(trial, self._run_here(trial))
            return
        with executor(min(workers, left), cluster) as pool:
            pending: dict[Future[Result], Trial] = {}
            while left or pending:
                while left and len(pending) < workers:
                    trial = self._ask()
                    span = (self._since, self._split)
                    settings = self._settings(trial)
                    with unheard():
                        asked = pool.submit(run_trial, self.source, settings, *span)
                    pending[asked] = trial
                    left -= 1
                for done in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield self._tell(pending.pop(done), done.result())

    def _run_here(self, trial: Trial) -> Result:
        return run_trial(self.source, self._settings(trial), self._since, self._split)

    def _ask(self) -> Trial:
        with _undisturbed():
            return self._study.ask({d.key: d.distribution() for d in self.space})

    def _tell(self, trial: Trial, result: Result) -> FrozenTrial:
        value = result.figures()[self.objective]
        with _undisturbed():
            trial.set_user_attr(RETURNS, list(result.returns))
            trial.set_user_attr(TRADES, result.trades)
            # Without a trade there is nothing to rank by: it is worth as much as cash.
            return self._study.tell(trial, value if value is not None else 0.0)

    def _settings(self, trial: Trial | FrozenTrial) -> tuple[str, ...]:
        given = trial.params
        return tuple(
            f"{d.key}={d.text(given[d.key]) if isinstance(d, Range) else given[d.key]}"
            for d in self.space
            if d.key in given
        )

    def _params(self, settings: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for dimension, setting in zip(self.space, settings, strict=True):
            text = setting.partition("=")[2]
            if isinstance(dimension, Range):
                found[dimension.key] = int(text) if dimension.whole else float(text)
            else:
                found[dimension.key] = text
        return found

    def document(self, shown: int, *, earlier: int) -> dict[str, Any]:
        """Return what came of it: the best, held-out results, deflated Sharpe and PBO."""
        import numpy as np

        from hybrid_tui.analysis.overfitting import deflated_sharpe, overfitting_probability

        by_settings: dict[tuple[str, ...], FrozenTrial] = {}
        for trial in self.finished():
            by_settings.setdefault(self._settings(trial), trial)
        ranked = sorted(by_settings.items(), key=lambda found: -(found[1].value or 0.0))
        rows = []
        for settings, trial in ranked[:shown]:
            inside = Result(
                returns=tuple(trial.user_attrs[RETURNS]), trades=trial.user_attrs[TRADES]
            )
            outside = None
            if self._split < self._until:
                outside = run_trial(self.source, settings, self._split, self._until)
            rows.append(
                {
                    "settings": list(settings),
                    "trades": inside.trades,
                    "in_sample": inside.figures(),
                    "out_of_sample": outside.figures() | {"trades": outside.trades}
                    if outside is not None
                    else None,
                }
            )
        paths = np.array([trial.user_attrs[RETURNS] for _, trial in ranked]).T
        deviation = paths.std(axis=0, ddof=1)
        ratios = np.where(deviation > 0, paths.mean(axis=0) / np.maximum(deviation, 1e-300), 0.0)
        deflated = deflated_sharpe(paths[:, 0], ratios.tolist())
        overfit = overfitting_probability(paths)
        state, history, _ = loaded(self.source)
        held = [at for at in session_opens(state, history) if at >= self._split]
        return {
            "search": self.name,
            "file": str(self.file),
            "objective": self.objective,
            "trials": len(self.finished()),
            "distinct": len(ranked),
            "earlier": earlier,
            "days": len(paths),
            "holdout": {"from": self._split.isoformat(), "days": len(held)} if held else None,
            "best": rows,
            "deflated_sharpe": {
                "probability": deflated.probability,
                "daily_sharpe": deflated.sharpe,
                "expected_best_of_worthless": deflated.expected_best,
                "trials": deflated.trials,
            }
            if deflated is not None
            else None,
            "pbo": {
                "probability": overfit.probability,
                "splits": overfit.splits,
                "blocks": overfit.blocks,
                "loss": overfit.loss,
                "slope": overfit.slope,
            }
            if overfit is not None
            else None,
            "conclusions": _conclusions(deflated, overfit),
            "warnings": [
                *history.warnings,
                *self._others(),
                *(
                    [f"only {len(paths)} days were searched: the best of them is mostly chance"]
                    if len(paths) < FEW_DAYS
                    else []
                ),
                *(["no trial traded: there is nothing to conclude"] if deflated is None else []),
            ],
        }

    def _others(self) -> list[str]:
        count = sum(1 for path in self.file.parent.glob("*.jsonl") if path != self.file)
        if not count:
            return []
        return [
            f"{count} other searches are kept in {self.file.parent}: those over the same data were"
            " tries as well, and are not counted here"
        ]


def _conclusions(deflated: Any, overfit: Any) -> list[str]:
    lines = []
    if deflated is not None:
        verdict = "passes" if deflated.probability >= CONFIDENT else "does not pass"
        lines.append(
            f"deflated Sharpe ratio {deflated.probability:.3f}: after {deflated.trials} different"
            f" trials the best of worthless ones would show {deflated.expected_best * 252**0.5:.2f}"
            f" a year, the best here shows {deflated.sharpe * 252**0.5:.2f}; it {verdict} 0.95"
        )
    if overfit is not None:
        lines.append(
            f"probability of backtest overfitting {overfit.probability:.2f}: the best on one half"
            f" of the days was below the median on the other half in so many of {overfit.splits:,}"
            f" splits, and lost money in {overfit.loss:.0%}"
        )
    return lines


def _drop_half_line(path: Path) -> None:
    """Cut off what a killed process began to write: a line without its end."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl+C wait until the store is written and its lock released: it does not bear one."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def unheard() -> Iterator[None]:
    """Have processes that are started meanwhile leave Ctrl+C to this one, from their first step."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def executor(workers: int, cluster: str | None) -> Iterator[Executor]:
    """Give local processes, or a Dask cluster's workers; what waits is dropped at the end."""
    if cluster is None:
        import multiprocessing

        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        others = set(multiprocessing.active_children())
        try:
            yield pool
        except KeyboardInterrupt:
            # A second one changes nothing: all that is left to do is to stop.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            tell(["stopping"])
            # Trials under way are lost; the store is this process's, and is whole.
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            "--cluster needs Dask", hint="pip install 'hybrid-tui[cluster]'"
        ) from error
    try:
        client = Client(cluster, timeout=10)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--cluster {cluster}: no scheduler answers: {error}") from error
    with client:
        # Closing the client drops what waits on the cluster.
        yield client.getexecutor(pure=False)
