"""Which driver the screen paints through."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from textual import constants

if TYPE_CHECKING:
    from textual.driver import Driver


def own_driver() -> type[Driver] | None:
    """Return the desk's own driver for terminals; None: the one that Textual chooses.

    That is where the environment names one (a browser's tab), and on Windows.
    """
    if constants.DRIVER is not None or sys.platform == "win32":
        return None
    from hybrid_tui.tui.terminal import TerminalDriver

    return TerminalDriver


def is_served() -> bool:
    """Whether a browser's tab shows the screen, which then has no terminal."""
    return constants.DRIVER is not None and constants.DRIVER.endswith(":WebDriver")
