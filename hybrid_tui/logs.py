"""The log: a rotating file, and nothing on the terminal."""

from __future__ import annotations

import logging
from pathlib import Path

from hybrid_tui.errors import ConfigError

LOG_BYTES = 2_000_000


def log_to(path: Path, *, kept: int = 3) -> None:
    """Send log and warnings to a rotating file, with ``kept`` older ones beside it.

    Raises ConfigError where it cannot be written.
    """
    from logging.handlers import RotatingFileHandler

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=kept, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="check the folder's permissions, or set HYBRID_TUI_HOME",
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
