"""``python -m tests.survival --part 1/4 --workers 3 --out FILE``: a part of the crash matrix.

Outcomes are added to FILE as JSON lines; ``--table FILE...`` prints those of several files.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from hybrid_tui.market.calendar import xnys
from tests.survival.matrix import Outcome, run_all, table
from tests.survival.steps import combinations


def main() -> None:
    """Run a part, or print the table."""
    parser = argparse.ArgumentParser(prog="tests.survival")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default="", help="a part of a step's or a fault's name")
    parser.add_argument("--table", type=Path, nargs="*")
    given = parser.parse_args()
    if given.table:
        lines = [line for path in given.table for line in path.read_text().splitlines()]
        print(table([Outcome(**json.loads(line)) for line in lines]))  # noqa: T201
        return
    part, of = (int(number) for number in given.part.split("/"))
    wanted = [one for one in combinations()[part - 1 :: of] if given.only in f"{one[0]}|{one[1]}"]
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as place:

        def tell(outcome: Outcome) -> None:
            if given.out is not None:
                with given.out.open("a") as file:
                    file.write(json.dumps(asdict(outcome)) + "\n")
            if outcome.problems:
                print(outcome, file=sys.stderr, flush=True)  # noqa: T201

        folder = Path(place)
        print(table(run_all(xnys(folder), folder, wanted, given.workers, tell)))  # noqa: T201


if __name__ == "__main__":
    main()
