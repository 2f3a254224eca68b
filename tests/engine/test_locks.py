"""Locks outlive a killed engine, are listed without one, and are lifted through one only."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import read_endpoint
from tests.desk import begin, hybrid_tui, wait_for
from tests.forked import Forked

SETTINGS = (
    "--set", "app.tiers=rules", "--set", "risk.protections=max_entries",
    "--set", "risk.max_entries=1",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run_engine(home: Path, speed: str) -> Forked:
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    engine = begin(home, *SETTINGS, "run", "--headless", "--speed", speed)

    def listens() -> bool:
        # What a killed engine left behind says where nobody listens any more.
        found = read_endpoint(paths.engine)
        return found is not None and found.pid == engine.pid

    wait_for(listens)
    return engine


def listed(home: Path) -> list[dict[str, Any]]:
    done = hybrid_tui(home, "locks", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["locks"]
    return found


def test_a_lock_survives_kill_9_and_is_lifted_by_the_engine_that_follows(home: Path) -> None:
    engine = run_engine(home, "1200")
    wait_for(lambda: listed(home))
    engine.kill()
    engine.communicate(timeout=20)
    (lock,) = listed(home)
    assert (lock["name"], lock["symbol"], lock["reason"]) == (
        "max_entries",
        None,
        "1 entries today",
    )
    assert 0 < lock["seconds_left"] <= 86_400
    alone = hybrid_tui(home, "locks", "lift", "max_entries")
    assert alone.returncode == 1
    assert "no engine" in alone.stderr
    engine = run_engine(home, "300")
    try:
        # Read once: the engine's clock goes on at 300 times the usual speed.
        (still,) = listed(home)
        assert still == {**lock, "seconds_left": still["seconds_left"]}
        wrong = hybrid_tui(home, "locks", "lift", "max_entries", "nvda")
        assert wrong.returncode == 1
        assert "no lock 'max_entries NVDA'; locks: max_entries" in wrong.stderr
        lifted = hybrid_tui(home, "locks", "lift", "max_entries", "--json")
        assert json.loads(lifted.stdout) == {"ok": True, "message": "lifted max_entries"}
        assert listed(home) == []
        assert hybrid_tui(home, "locks").stdout.strip() == "no locks"
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.communicate(timeout=20)
