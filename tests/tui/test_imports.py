"""The screen's process stays light: heavy libraries belong to the engine."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("torch", "pandas", "alpaca", "openai", "talib", "sqlite_utils", "exchange_calendars",
         "pyarrow", "sklearn", "yfinance", "pydantic", "numpy.random")  # fmt: skip

SCRIPT = """
import json, sys
from pathlib import Path
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.connection import EngineConnector
from hybrid_tui.tui.history import JournalHistory
app = DeskApp(EngineConnector(None, (), (), read_only=False), JournalHistory(Path("j.db")))
print(json.dumps(sorted(sys.modules)))
"""


def test_screen_is_built_without_heavy_imports() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout))
    assert "textual.app" in loaded
    assert loaded.isdisjoint(HEAVY)
