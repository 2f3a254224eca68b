"""Which pages there are, each imported when it is first opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEntry:
    """A page by its name; ``key`` is its number, empty where only another page opens it.

    ``module`` and ``kind`` say where its class is; ``words`` are what the help says of it;
    ``short`` is its name where there is little room, empty where the name is short.
    """

    name: str
    key: str
    module: str
    kind: str
    words: str
    short: str = ""


DESK = PageEntry(
    name="Desk", key="1", module="hybrid_tui.tui.desk.page", kind="DeskPage",
    words="The desk: positions, strategy, probabilities, tape",
)  # fmt: skip

SYMBOL = PageEntry(
    name="Symbol", key="", module="hybrid_tui.tui.symbol.page", kind="SymbolPage",
    words="One symbol: chart, conditions, predictions, headlines",
)  # fmt: skip

STRATEGY = PageEntry(
    name="Strategy", key="2", module="hybrid_tui.tui.strategy.page", kind="StrategyPage",
    words="Strategy: the strategist's sessions, what was decided, why, and what it cost",
    short="Strat",
)  # fmt: skip

TRADES = PageEntry(
    name="Trades", key="3", module="hybrid_tui.tui.trades.page", kind="TradesPage",
    words="Trades: open and closed, filtered, sorted, summed, and why each was made",
    short="Trade",
)  # fmt: skip

BACKTEST = PageEntry(
    name="Backtest", key="5", module="hybrid_tui.tui.backtest.page", kind="BacktestPage",
    words="Backtests: plan, run, read, compare",
    short="Test",
)  # fmt: skip

MODELS = PageEntry(
    name="Models", key="4", module="hybrid_tui.tui.models.page", kind="ModelsPage",
    words="Models: figures, calibration, drift, training, promote and roll back",
    short="Model",
)  # fmt: skip

HEALTH = PageEntry(
    name="Health", key="6", module="hybrid_tui.tui.health.page", kind="HealthPage",
    words="Health: tiers, data, the engine's work, troubles, settings",
)  # fmt: skip

PAGES: tuple[PageEntry, ...] = (DESK, STRATEGY, SYMBOL, TRADES, MODELS, BACKTEST, HEALTH)
"""All pages, the numbered ones in their order. ``page.py`` says how to add one."""


def entry_of(name: str) -> PageEntry | None:
    """Return the entry of a page, None where there is no such page."""
    return next((entry for entry in PAGES if entry.name == name), None)
