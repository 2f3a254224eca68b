"""The ensemble's members: small networks that share their input and their three outputs.

Nothing imports this module when the program starts: it imports torch. A member maps (n, WINDOW, F)
standardised features to (n, 3): the logit of the label, the forecast of the log return in units of
the look-back's own scale, and the log of the volatility ratio in the same unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from hybrid_tui.errors import ModelError
from hybrid_tui.ml.features import Float32Array

BLOCK = 32
OUTPUTS = 3
_CLIP = 6.0
_ROWS_AVERAGED = (5, 15, 60)


class Lstm(nn.Module):
    """A long short-term memory over the window; its last state feeds the three heads."""

    def __init__(self, features: int, *, hidden: int = 32, layers: int = 1) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(features, hidden, num_layers=layers, batch_first=True)
        self.heads = nn.Linear(hidden, OUTPUTS)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (n, 3) for (n, WINDOW, F)."""
        states, _ = self.recurrent(windows)
        return cast(Tensor, self.heads(states[:, -1]))


class Logistic(nn.Module):
    """A linear model on the last bar and the means of the last 5, 15 and 60 bars."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.heads = nn.Linear(features * (1 + len(_ROWS_AVERAGED)), OUTPUTS)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (n, 3) for (n, WINDOW, F)."""
        parts = [windows[:, -1], *(windows[:, -rows:].mean(dim=1) for rows in _ROWS_AVERAGED)]
        return cast(Tensor, self.heads(torch.cat(parts, dim=1)))


def build(kind: str, features: int, settings: Mapping[str, int]) -> nn.Module:
    """Return an untrained member of a kind. Raises ModelError for a kind that does not exist."""
    if kind == "lstm":
        return Lstm(features, **settings)
    if kind == "logistic":
        return Logistic(features, **settings)
    raise ModelError(f"a member of kind {kind!r} is not known", hint="known: lstm, logistic")


def standardised(values: Float32Array, mean: Float32Array, scale: Float32Array) -> Float32Array:
    """Return (values - mean) x scale, limited to +-6; a scale of 0 blinds a feature."""
    inputs: Float32Array = np.clip((values - mean) * scale, -_CLIP, _CLIP)
    return inputs


def run_in_blocks(member: nn.Module, inputs: Float32Array) -> Float32Array:
    """Return (n, 3) for standardised (n, WINDOW, F), always in blocks of 32 padded with zeros.

    A matrix product adds in an order that depends on the batch size; with one size, a window's
    figures are the same bits alone, in a batch and at any place in it.
    """
    outputs = np.empty((len(inputs), OUTPUTS), dtype=np.float32)
    block = torch.zeros((BLOCK, *inputs.shape[1:]), dtype=torch.float32)
    with torch.inference_mode():
        for first in range(0, len(inputs), BLOCK):
            rows = inputs[first : first + BLOCK]
            block[: len(rows)] = torch.from_numpy(rows)
            block[len(rows) :] = 0.0
            outputs[first : first + BLOCK] = member(block).numpy()[: len(rows)]
    return outputs
