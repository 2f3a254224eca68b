"""How the fast path grows with symbols and bars: ``python -m`` this module, by hand.

Each size runs in a process of its own. ``load MiB`` is the process's peak with the bars in memory,
before the run; ``peak MiB`` the peak after it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

SIZES = ((20, 24_500), (20, 49_000), (20, 98_000), (100, 98_000), (500, 98_000))


def main() -> None:
    """Print the curve, or, given a size, one line of it as JSON."""
    if len(sys.argv) == 3:
        print(json.dumps(_one(int(sys.argv[1]), int(sys.argv[2]))))  # noqa: T201
        return
    print(f"{'symbols':>8}{'bars':>9}{'CPU s':>9}{'M bars/s':>10}{'load MiB':>10}{'peak MiB':>10}")  # noqa: T201
    for symbols, bars in SIZES:
        words = [sys.executable, "-m", "tests.bench.backtest.growth", str(symbols), str(bars)]
        environment = {name: text for name, text in os.environ.items() if name != "BENCH_DATA"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        rate = symbols * bars / found["cpu"] / 1e6
        print(  # noqa: T201
            f"{symbols:>8}{bars:>9}{found['cpu']:>9.3f}{rate:>10.1f}"
            f"{found['load_mib']:>10}{found['peak_mib']:>10}"
        )


def _one(symbols: int, bars: int) -> dict[str, float]:
    from hybrid_tui.market.calendar import xnys

    from .figures import peak_mib
    from .market import market
    from .paths import figure_of, rules_config

    series = market(xnys(), symbols, bars)
    loaded = peak_mib()
    figure = figure_of("fast path", series, rules_config())
    return {"cpu": figure.cpu, "load_mib": loaded, "peak_mib": figure.peak_mib}


if __name__ == "__main__":
    main()
