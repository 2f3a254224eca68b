"""The paths a backtest can take over loaded bars, each as a function of the market to a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from hybrid_tui.commands.backtest_data import History
from hybrid_tui.commands.backtest_run import Outcome, run_history
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import BarSeries

from .figures import Figure, cpu_of, peak_mib

Run = Callable[[CliState, Config, History], Outcome]


def history_of(series: Mapping[str, BarSeries]) -> History:
    """Return bars of which all trade and none warm up."""
    opening = min(int(bars.start[0]) for bars in series.values())
    closing = max(int(bars.known_at[-1]) for bars in series.values())
    return History(
        before={},
        traded=dict(series),
        interval=60,
        feed="bench",
        fingerprint="",
        warnings=(),
        begins_at=datetime.fromtimestamp(opening - 1, UTC),
        ends_at=datetime.fromtimestamp(closing, UTC),
    )


def rules_config(entry: str = "rsi_macd_strict") -> Config:
    """Return the reference strategy's settings: RSI/MACD entries, stops, a million dollars."""
    return Config.model_validate(
        {
            "app": {"mode": "recorded", "tiers": ["rules"]},
            "approval": {"policy": "auto"},
            "broker": {"cash": 1e6},
            "rules": {"entry": entry},
        }
    )


def by_events(state: CliState, config: Config, history: History) -> Outcome:
    """Step the engine through every bar: the path that runs live."""
    return run_history(state, config, history, (), path="event")


def by_skipping(state: CliState, config: Config, history: History) -> Outcome:
    """Skip the instants at which nothing can happen."""
    return run_history(state, config, history, (), path="fast")


PATHS: dict[str, Run] = {"event path": by_events, "fast path": by_skipping}

ROUNDS = {"fast path": 5}


def figure_of(name: str, series: Mapping[str, BarSeries], config: Config) -> Figure:
    """Run one path over the market and return what it took; the calendar is there already.

    What lasts a fraction of a second runs a few times, and the least counts: the first time
    imports what it needs.
    """
    state, history = CliState(), history_of(series)
    state.calendar()
    cpu, outcome = cpu_of(lambda: PATHS[name](state, config, history))
    for _ in range(ROUNDS.get(name, 1) - 1):
        again, outcome = cpu_of(lambda: PATHS[name](state, config, history))
        cpu = min(cpu, again)
    return Figure(
        name=f"{name}, {config.rules.entry}",
        cpu=cpu,
        bars=outcome.ledger.bars,
        trades=outcome.ledger.closed + len(outcome.desk.positions),
        peak_mib=peak_mib(),
    )
