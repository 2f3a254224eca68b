"""How far a training has come, told on its way: to a terminal, or as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybrid_tui.ml.progress import Progress


class Watched:
    """How far training has come: shown on the way, and told to the one who interrupts it."""

    def __init__(self, as_json: bool) -> None:
        self._show = _progress(as_json)
        self.progress: Progress | None = None

    def tell(self, progress: Progress) -> None:
        """Note, and show, where it is."""
        self.progress = progress
        if self._show is not None:
            self._show(progress)

    def windows(self, done: int, of: int) -> None:
        """Note how many symbols of how many have their windows."""
        from hybrid_tui.ml.progress import Progress

        self.tell(Progress(phase="windows", share=0.0, seconds_left=None, epoch=done, epochs=of))

    def words(self) -> str:
        """Return it in words."""
        if self.progress is None:
            return "while the data were read"
        return f"at {self.progress.share:.0%} ({_doing(self.progress)})"


def _doing(progress: Progress) -> str:
    words = {
        "windows": "making windows",
        "fit": f"fitting {progress.member}",
        "calibrate": "calibrating",
        "measure": "measuring on the held-out span",
        "done": "done",
    }[progress.phase]
    return words if progress.steps == 1 else f"{words}, fit {progress.step} of {progress.steps}"


def _progress(as_json: bool) -> Callable[[Progress], None] | None:
    """Return a printer: of a line that rewrites itself on a terminal, of JSON lines elsewhere."""
    if sys.stderr.isatty():
        return _show_line
    return _show_json if as_json else None


def _show_line(progress: Progress) -> None:
    left = (
        ""
        if progress.seconds_left is None
        else f", at most about {progress.seconds_left:.0f} s left"
    )
    note = ""
    if progress.loss is not None:
        note = f"epoch {progress.epoch}, validation loss {progress.loss:.4f}"
    line = f"{progress.share:4.0%} {_doing(progress)}{left}  {note}"
    sys.stderr.write(f"\r{line:<100}" + ("\n" if progress.share >= 1 else ""))
    sys.stderr.flush()


def _show_json(progress: Progress) -> None:
    row = {
        "phase": progress.phase,
        "step": progress.step,
        "steps": progress.steps,
        "member": progress.member,
        "epoch": progress.epoch,
        "of": progress.epochs,
        "loss": progress.loss,
        "share": round(progress.share, 4),
        "eta_s": None if progress.seconds_left is None else round(progress.seconds_left, 1),
    }
    sys.stderr.write(json.dumps(row) + "\n")
    sys.stderr.flush()
