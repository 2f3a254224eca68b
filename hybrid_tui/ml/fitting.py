"""Fitting one member: mini-batches, early stopping on a later span, nothing random but the seed.

Imports torch; only training imports this module.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibration import log_odds
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.features import Float32Array
from hybrid_tui.ml.networks import build, run_in_blocks, standardised

BATCH = 512
PATIENCE = 4
RETURN_WEIGHT = 0.1
VOLATILITY_WEIGHT = 0.2
_RETURN_LIMIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMember:
    """A trained member, its loss (nats, label only) on the validation span, and its epochs."""

    network: nn.Module
    validation_log_loss: float
    epochs: int


def _losses(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of the label and the whole loss; ``targets`` is (n, 4)."""
    label, move, log_volatility, has_volatility = targets.unbind(dim=1)
    of_label = functional.binary_cross_entropy_with_logits(outputs[:, 0], label)
    of_return = functional.huber_loss(outputs[:, 1], move)
    of_volatility = (
        functional.huber_loss(outputs[:, 2], log_volatility, reduction="none") * has_volatility
    ).mean()
    return of_label, of_label + RETURN_WEIGHT * of_return + VOLATILITY_WEIGHT * of_volatility


def target_columns(data: Dataset) -> Float32Array:
    """Return (n, 4): label, scaled return, log volatility ratio (0 where unknown), known flag."""
    has_volatility = np.isfinite(data.log_volatility)
    return np.stack(
        [
            data.is_up,
            np.clip(data.scaled_return, -_RETURN_LIMIT, _RETURN_LIMIT),
            np.where(has_volatility, data.log_volatility, 0.0),
            has_volatility,
        ],
        axis=1,
    ).astype(np.float32)


def fit_member(
    kind: str,
    settings: Mapping[str, int],
    train: Dataset,
    validation: Dataset,
    mean: Float32Array,
    scale: Float32Array,
    *,
    seed: int,
    max_epochs: int,
    learning_rate: float = 1e-3,
    on_epoch: Callable[[int, float], None] | None = None,
) -> FittedMember:
    """Train a member and return it as it was at its best on the validation span.

    Stops after four epochs without a better whole loss. The same data and seed give the same
    weights on one machine. ``on_epoch`` hears the epoch and its validation loss.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = build(kind, train.values.shape[2], settings)
    base_rate = float(train.is_up.mean())
    heads = network.heads
    assert isinstance(heads, nn.Linear)
    with torch.no_grad():
        heads.weight.mul_(0.1)
        heads.bias.copy_(torch.tensor([log_odds(base_rate), 0.0, 0.0]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-2)
    inputs = torch.from_numpy(standardised(train.values, mean, scale))
    outcomes = torch.from_numpy(target_columns(train))
    later_inputs = standardised(validation.values, mean, scale)
    later_outcomes = torch.from_numpy(target_columns(validation))

    best_loss, best_label_loss, best_epoch = math.inf, math.inf, 0
    best = copy.deepcopy(network.state_dict())
    shuffle = torch.Generator().manual_seed(seed)
    for epoch in range(1, max_epochs + 1):
        network.train()
        order = torch.randperm(len(inputs), generator=shuffle)
        for rows in torch.split(order, BATCH):
            _, loss = _losses(network(inputs[rows]), outcomes[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        network.eval()
        outputs = torch.from_numpy(run_in_blocks(network, later_inputs))
        of_label, whole = (float(figure) for figure in _losses(outputs, later_outcomes))
        if on_epoch is not None:
            on_epoch(epoch, whole)
        if whole < best_loss - 1e-5:
            best_loss, best_label_loss, best_epoch = whole, of_label, epoch
            best = copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= PATIENCE:
            break
    network.load_state_dict(best)
    return FittedMember(
        network=network.eval(), validation_log_loss=best_label_loss, epochs=best_epoch
    )


def raw_outputs(
    network: nn.Module, data: Dataset, mean: Float32Array, scale: Float32Array
) -> FloatArray:
    """Return (n, 3) outputs of a member for a data set."""
    return run_in_blocks(network, standardised(data.values, mean, scale)).astype(np.float64)
