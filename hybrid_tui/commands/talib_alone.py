"""Importing TA-Lib without pandas, for commands whose time is counted in tenths of a second."""

from __future__ import annotations

import sys


def import_talib_alone() -> None:
    """Import TA-Lib as where pandas is not installed, for it imports pandas where it is.

    Only to take pandas' series, which nothing here gives it: a quarter of a second and 40 MB. Later
    imports of pandas are as ever. To be called before other threads run, which might import it.
    """
    if "talib" in sys.modules or "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import talib  # noqa: F401
    finally:
        del sys.modules["pandas"]
