"""Run the peers' scripts, and the product, over the same bars: ``python -m`` this module, by hand.

``BENCH_PEERS`` is the folder of the scripts and of their bars (by default ``bench`` beside the
shared data). ``BENCH_PYTHON_BACKTESTING``, ``_NAUTILUS``, ``_VECTORBT`` and ``_NUMBA`` name the
interpreters of the environments in which the peers are installed; those not named are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .figures import Figure, peer_figure, table

SCRIPTS = {
    "BACKTESTING": "p_backtesting.py",
    "NAUTILUS": "p_nautilus.py",
    "VECTORBT": "p_vbt.py",
}
SYMBOLS, BARS = os.environ.get("BENCH_SYMBOLS", "20"), os.environ.get("BENCH_BARS", "98000")


def folder() -> Path:
    """Return where the peers' scripts are."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "bench"
    return Path(os.environ.get("BENCH_PEERS", beside))


def _run(interpreter: str, *arguments: str) -> str:
    """Return what a script printed; all of it counts CPU time on one thread."""
    environment = {
        **os.environ,
        "CPUCLK": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BENCH_DATA": str(folder() / "bench_data.npz"),
    }
    done = subprocess.run(
        [interpreter, *arguments], cwd=folder(), env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def peers() -> list[Figure]:
    """Return the figures of the peers whose interpreters are named."""
    found = []
    for name, script in SCRIPTS.items():
        interpreter = os.environ.get(f"BENCH_PYTHON_{name}")
        if interpreter:
            lines = _run(interpreter, script, SYMBOLS, BARS).splitlines()
            found += [peer_figure(line) for line in lines if line.startswith("{")]
    return found


def main() -> None:
    """Print the table of the peers, then the kernel's figures, then the product's table."""
    found = peers()
    if found:
        print(table(found))  # noqa: T201
    numba = os.environ.get("BENCH_PYTHON_NUMBA")
    if numba:
        print(_run(numba, "own.py", SYMBOLS, BARS, "3", "b,c"))  # noqa: T201
    own = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-m",
        "bench",
        "-q",
        str(Path(__file__).parent),
    ]
    environment = {
        **os.environ,
        "BENCH_SYMBOLS": SYMBOLS,
        "BENCH_BARS": BARS,
        "BENCH_DATA": str(folder() / "bench_data.npz"),
    }
    raise SystemExit(subprocess.run(own, env=environment).returncode)


if __name__ == "__main__":
    main()
