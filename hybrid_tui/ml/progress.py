"""Where training is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Phase = Literal["windows", "fit", "calibrate", "measure", "done"]

# CPU time of an epoch by member, in units of the LSTM's (measured; only the time left hangs on it).
COSTS: Mapping[str, float] = MappingProxyType(
    {"lstm": 1.0, "gru": 1.0, "transformer": 1.0, "logistic": 0.1}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training is: what it does, the share that is done, and seconds to go (a guess).

    ``step`` of ``steps`` is the fit (walk-forward has several), ``epoch`` of at most ``epochs``
    that of the member, with its validation ``loss``.
    """

    phase: Phase
    share: float
    seconds_left: float | None
    step: int = 1
    steps: int = 1
    member: str | None = None
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None


OnProgress = Callable[[Progress], None]


class Reporter:
    """Turns epochs into a share and a guess of the time left."""

    def __init__(
        self, on_progress: OnProgress | None, fits: int, members: tuple[str, ...], epochs: int
    ) -> None:
        self._on_progress = on_progress
        self._fits = fits
        self._members = members
        self._epochs = epochs
        self._started = time.monotonic()
        self._begun_at: float | None = None
        self._member = ""
        self._step = 0

    def step(self) -> None:
        """Begin another fit, of a walk-forward step."""
        self._step += 1

    def begin(self, member: str) -> None:
        """Begin a member."""
        self._member = member

    def epoch(self, epoch: int, loss: float) -> None:
        """Tell of an epoch of the member."""
        before = self._members[: self._members.index(self._member)]
        done = sum(map(_cost, before)) + _cost(self._member) * epoch / self._epochs
        share = 0.95 * done / sum(map(_cost, self._members))
        self.say("fit", share, member=self._member, epoch=epoch, loss=loss)

    def say(
        self,
        phase: Phase,
        share: float,
        *,
        member: str | None = None,
        epoch: int | None = None,
        loss: float | None = None,
    ) -> None:
        """Tell of a phase of this fit; ``share`` of the fit is done."""
        if self._on_progress is None:
            return
        whole = (self._step + share) / self._fits
        if self._begun_at is None:
            # What a run before this one has done took no time of this one.
            self._begun_at = 0.0 if epoch == 1 else whole
        done = whole - self._begun_at
        spent = time.monotonic() - self._started
        self._on_progress(
            Progress(
                phase=phase,
                share=whole,
                seconds_left=spent * (1.0 - whole) / done if done > 0 else None,
                step=self._step + 1,
                steps=self._fits,
                member=member,
                epoch=epoch,
                epochs=self._epochs if epoch is not None else None,
                loss=loss,
            )
        )


def _cost(member: str) -> float:
    return COSTS.get(member, 1.0)
