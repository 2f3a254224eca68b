"""How the whole command grows with symbols and bars: ``python -m`` this module, by hand.

Made-up bars are written to a store symbol by symbol; then ``hybrid-tui backtest --data store`` runs
over it as a process of its own. Words after the module's name are passed on to it, so that
``--tiers rules,ml`` shows tier 2. CPU is that of the process, start included, and so is the peak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.calendar import xnys
from hybrid_tui.market.store import BarStore

from .market import walks

SYMBOLS = (20, 50, 100, 200, 500)
BARS = (24_500, 49_000, 98_000)
HEADER = f"{'symbols':>8}{'bars':>9}{'CPU s':>9}{'M bars/s':>10}{'peak MiB':>10}{'trades':>9}"


def main() -> None:
    """Print the curve: more bars of the fewest symbols, then more symbols of the most bars."""
    print(HEADER)  # noqa: T201
    with TemporaryDirectory() as folder:
        calendar = xnys(Path(folder))
        for bars in BARS:
            _grow(Path(folder) / str(bars), calendar, bars, SYMBOLS if bars == BARS[-1] else (20,))


def _grow(home: Path, calendar: TradingCalendar, bars: int, sizes: tuple[int, ...]) -> None:
    store = BarStore(home / "bars")
    for there, series in enumerate(walks(calendar, sizes[-1], bars), 1):
        store.add(series, "splits")
        if there in sizes:
            _run(home, there, bars)


def _run(home: Path, symbols: int, bars: int) -> None:
    words = [sys.executable, "-m", "hybrid_tui", "backtest", "--data", "store"]
    words += ["--cash", "1000000", "--json", *sys.argv[1:]]
    environment = {**os.environ, "HYBRID_TUI_HOME": str(home)}
    with (home / "printed.json").open("w+") as printed:
        running = subprocess.Popen(words, env=environment, stdout=printed)
        _, status, used = os.wait4(running.pid, 0)
        if status:
            raise SystemExit(f"{words}: exit {os.waitstatus_to_exitcode(status)}")
        printed.seek(0)
        summary = json.load(printed)["summary"]
    cpu = used.ru_utime + used.ru_stime
    peak = used.ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)
    rate = symbols * bars / cpu / 1e6
    print(  # noqa: T201
        f"{symbols:>8}{bars:>9}{cpu:>9.2f}{rate:>10.2f}{peak:>10}{summary['trades']:>9}", flush=True
    )


if __name__ == "__main__":
    main()
