"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.calendar import xnys

# The keyring of whoever runs the tests is nobody's business.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips, saying so, where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data is not there: no ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> TradingCalendar:
    """The XNYS calendar."""
    return xnys(tmp_path_factory.getbasetemp() / "calendar")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new, empty home for everything the program keeps."""
    folder = tmp_path / "home"
    monkeypatch.setenv("HYBRID_TUI_HOME", str(folder))
    return folder
