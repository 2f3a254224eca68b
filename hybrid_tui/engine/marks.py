"""Equity and gross exposure at the bars' ends, as columns: taken one by one or many at once."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from hybrid_tui.domain.bars import FloatArray


class Marks:
    """Instants (UTC epoch seconds), equity and gross exposure in dollars, oldest first."""

    def __init__(self) -> None:
        self._wholes: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._at: list[datetime] = []
        self._equity: list[float] = []
        self._gross: list[float] = []

    def append(self, at: datetime, equity: float, gross: float) -> None:
        """Take the mark of one instant."""
        self._at.append(at)
        self._equity.append(equity)
        self._gross.append(gross)

    def extend(self, seconds: FloatArray, equity: FloatArray, gross: FloatArray) -> None:
        """Take the marks of many instants, each of shape (n,)."""
        self._settle()
        if len(seconds):
            self._wholes.append((seconds, equity, gross))

    @property
    def seconds(self) -> FloatArray:
        """The instants."""
        return self._column(0)

    @property
    def equity(self) -> FloatArray:
        """Cash plus gross exposure, dollars."""
        return self._column(1)

    @property
    def gross(self) -> FloatArray:
        """Gross exposure, dollars."""
        return self._column(2)

    def points(self, until: datetime | None = None) -> list[tuple[datetime, float]]:
        """Return each instant up to ``until`` (included; None: all) with its equity."""
        seconds, equity = self.seconds, self.equity
        if until is not None:
            count = int(seconds.searchsorted(until.timestamp(), side="right"))
            seconds, equity = seconds[:count], equity[:count]
        instants = [datetime.fromtimestamp(second, UTC) for second in seconds.tolist()]
        return list(zip(instants, equity.tolist(), strict=True))

    def __len__(self) -> int:
        return sum(len(part[0]) for part in self._wholes) + len(self._at)

    def _column(self, index: int) -> FloatArray:
        self._settle()
        parts = [part[index] for part in self._wholes]
        if len(parts) > 1:
            columns = [np.concatenate([part[i] for part in self._wholes]) for i in range(3)]
            self._wholes = [(columns[0], columns[1], columns[2])]
            return columns[index]
        return parts[0] if parts else np.empty(0)

    def _settle(self) -> None:
        if self._at:
            seconds = np.array([at.timestamp() for at in self._at])
            self._wholes.append((seconds, np.array(self._equity), np.array(self._gross)))
            self._at, self._equity, self._gross = [], [], []
