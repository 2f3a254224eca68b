"""A download that is killed: the same command goes on, with no hole and nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.market.store import BarStore
from tests.desk import command, environment, wait_for
from tests.market.builders import OPEN
from tests.servers.alpaca_data import KEYS, minutes, serve_data

BARS, PAGE = 200, 20


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on_without_a_hole_or_a_repeat(
    tmp_path: Path, how: signal.Signals
) -> None:
    home = tmp_path / "home"
    words = ("data", "fetch", "--provider", "alpaca", "--symbols", "AAPL")
    dates = ("--start", "2026-03-02", "--end", "2026-03-02T17:50:00Z", "--json")
    with serve_data(page=PAGE) as server:
        secrets = {"APCA_API_KEY_ID": KEYS.key_id, "APCA_API_SECRET_KEY": KEYS.secret}
        where = {"HYBRID_TUI__MARKET__DATA_URL": server.url}
        surroundings = {**environment(home), **secrets, **where}
        server.bars["AAPL"] = minutes(OPEN, BARS)
        server.fault(times=3)
        server.fault(delay_s=60.0)
        first = subprocess.Popen(
            command(*words, *dates), env=surroundings, stdout=subprocess.DEVNULL, stderr=-1
        )
        try:
            wait_for(lambda: len(server.asked) == 4, 60)
        finally:
            first.send_signal(how)
            server.released.set()
            first.communicate(timeout=30)
        assert first.returncode in (-how, 130)
        (stored,) = BarStore(home / "bars").list()
        assert stored.bars == 3 * PAGE
        asked = len(server.asked)
        second = subprocess.run(
            command(*words, *dates), env=surroundings, capture_output=True, text=True, check=False
        )
    assert second.returncode == 0, second.stderr
    told = json.loads(second.stdout)["series"][0]
    assert (told["added"], told["complete"]) == (BARS - 3 * PAGE, True)
    # The session is asked for from its start, so that defects of its volume can be seen.
    assert len(server.asked) - asked <= BARS // PAGE + 2
    bars = BarStore(home / "bars").load(["AAPL"])["AAPL"]
    start = int(OPEN.timestamp())
    assert bars.start.tolist() == list(range(start, start + 60 * BARS, 60))
    assert np.array_equal(bars.close, 100.0 + np.arange(BARS))
    assert [path.name for path in stored.path.parent.iterdir()] == ["AAPL.parquet"]
    assert datetime.fromisoformat(json.loads(second.stdout)["start"]) < OPEN
