"""Where training is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training is: what it does, the share that is done, and seconds to go (a guess)."""

    stage: str
    share: float
    seconds_left: float | None
    note: str = ""


OnProgress = Callable[[Progress], None]


class Reporter:
    """Turns epochs into a share and a guess of the time left."""

    def __init__(self, on_progress: OnProgress | None, fits: int, epochs: int) -> None:
        self._on_progress = on_progress
        self._fits = fits
        self._epochs = epochs
        self._started = time.monotonic()
        self._stage = ""
        self._before = 0
        self._step = 0

    def step(self) -> None:
        """Begin another fit, of a walk-forward step."""
        self._step += 1

    def begin(self, stage: str, before: int) -> None:
        """Begin a member, after ``before`` epochs of this fit."""
        self._stage, self._before = stage, before

    def epoch(self, epoch: int, loss: float) -> None:
        """Tell of an epoch of the member."""
        share = 0.95 * (self._before + epoch) / self._epochs
        self.say(f"fitting {self._stage}", share, f"epoch {epoch}, validation loss {loss:.4f}")

    def say(self, stage: str, share: float, note: str = "") -> None:
        """Tell of a stage of this fit; ``share`` of the fit is done."""
        if self._on_progress is None:
            return
        share = (self._step + share) / self._fits
        spent = time.monotonic() - self._started
        left = spent * (1.0 - share) / share if share > 0 else None
        self._on_progress(Progress(stage=stage, share=share, seconds_left=left, note=note))
