"""Starting the screen of a profile on a terminal, and what is said when it has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hybrid_tui.errors import ConfigError, Refused
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.drivers import is_served
from hybrid_tui.tui.themes import theme_for

if TYPE_CHECKING:
    from hybrid_tui.config import Paths
    from hybrid_tui.tui.settings import ScreenSettings


def run_screen(
    paths: Paths,
    *,
    global_options: Sequence[str],
    options: Sequence[str],
    read_only: bool,
    settings: ScreenSettings,
    once_settled: Callable[[], None],
) -> None:
    """Show the desk of a profile until the person leaves.

    ``once_settled`` is called when what stays has been loaded.
    ``global_options`` stand before ``run --headless`` and ``options`` after it, where the engine
    has to be started. Raises ConfigError without a terminal, Refused when the screen failed.
    """
    from hybrid_tui.logs import log_to
    from hybrid_tui.tui.backtest.process import BacktestProcess, backtest_options
    from hybrid_tui.tui.backtest.runs import RunFolder
    from hybrid_tui.tui.connection import EngineConnector
    from hybrid_tui.tui.history import JournalHistory
    from hybrid_tui.tui.models.cards import FolderCards

    if not is_served() and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "the screen needs a terminal", hint="hybrid-tui run --headless needs none"
        )
    log_to(paths.logs / "screen.log", kept=1)
    app = DeskApp(
        EngineConnector(paths, global_options, options, read_only=read_only),
        JournalHistory(paths.journal),
        backtests=BacktestProcess(backtest_options(global_options)),
        runs=RunFolder(paths.journal.parent / "backtests"),
        cards=FolderCards(paths.models),
        read_only=read_only,
        settings=settings,
        once_settled=once_settled,
    )
    app.theme = theme_for(
        settings.theme, app.console.color_system, is_chosen=settings.is_theme_chosen
    )
    said = app.run()
    if app.return_code:
        raise Refused(
            "the screen failed; the desk goes on running",
            hint=f"{paths.logs / 'screen.log'} says why",
        )
    if said:
        sys.stderr.write(f"hybrid-tui: {said}\n")
