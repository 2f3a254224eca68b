"""The ensemble's members: small networks that share their input and their three outputs.

Nothing imports this module when the program starts: it imports torch. A member maps (n, WINDOW, F)
standardised features to (n, 3): the logit of the label, the forecast of the log return in units of
the look-back's own scale, and the log of the volatility ratio in the same unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from hybrid_tui.errors import ModelError
from hybrid_tui.ml.features import WINDOW, Float32Array

BLOCK = 32
OUTPUTS = 3
_CLIP = 6.0
_PATCH = 5
ROWS_AVERAGED = (5, 15, 60)


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


class Gru(nn.Module):
    """A gated recurrent unit over the window; its last state feeds the three heads."""

    def __init__(self, features: int, *, hidden: int = 32, layers: int = 1) -> None:
        super().__init__()
        self.recurrent = nn.GRU(features, hidden, num_layers=layers, batch_first=True)
        self.heads = nn.Linear(hidden, OUTPUTS)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (n, 3) for (n, WINDOW, F)."""
        states, _ = self.recurrent(windows)
        return cast(Tensor, self.heads(states[:, -1]))


class Transformer(nn.Module):
    """A small encoder over patches of five bars; the newest patch feeds the three heads.

    Patches (Nie et al., 2023, "A Time Series is Worth 64 Words") make attention cheap on a CPU:
    twelve tokens in place of sixty. Positions are learned, and start at zero.
    """

    def __init__(
        self, features: int, *, hidden: int = 32, layers: int = 1, attention_heads: int = 4
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(features * _PATCH, hidden)
        self.position = nn.Parameter(torch.zeros(WINDOW // _PATCH, hidden))
        self.encoder = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    hidden,
                    attention_heads,
                    dim_feedforward=2 * hidden,
                    dropout=0.1,
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(layers)
            ),
            nn.LayerNorm(hidden),
        )
        self.heads = nn.Linear(hidden, OUTPUTS)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (n, 3) for (n, WINDOW, F)."""
        patches = windows.reshape(len(windows), WINDOW // _PATCH, -1)
        states = self.encoder(self.embed(patches) + self.position)
        return cast(Tensor, self.heads(states[:, -1]))


class Logistic(nn.Module):
    """A linear model on the last bar and the means of the last 5, 15 and 60 bars."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.heads = nn.Linear(features * (1 + len(ROWS_AVERAGED)), OUTPUTS)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (n, 3) for (n, WINDOW, F)."""
        parts = [windows[:, -1], *(windows[:, -rows:].mean(dim=1) for rows in ROWS_AVERAGED)]
        return cast(Tensor, self.heads(torch.cat(parts, dim=1)))


_KINDS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {"lstm": Lstm, "gru": Gru, "transformer": Transformer, "logistic": Logistic}
)


def build(kind: str, features: int, settings: Mapping[str, int]) -> nn.Module:
    """Return an untrained member of a kind. Raises ModelError for a kind that does not exist."""
    if kind not in _KINDS:
        raise ModelError(
            f"a member of kind {kind!r} is not known", hint=f"known: {', '.join(_KINDS)}"
        )
    return _KINDS[kind](features, **settings)


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
