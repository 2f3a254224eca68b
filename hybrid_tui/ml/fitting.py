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
from hybrid_tui.ml.checkpoints import Checkpoint, FitState
from hybrid_tui.ml.dataset import CHUNK, Dataset
from hybrid_tui.ml.features import Float32Array
from hybrid_tui.ml.networks import OUTPUTS, build, run_in_blocks, standardised

BATCH = 512
PATIENCE = 4
LEARNING_RATE = 1e-3
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
    """Return the loss of the label and the whole loss, each outcome by its weight.

    ``targets`` is (n, 5) as of target_columns.
    """
    label, move, log_volatility, has_volatility, weight = targets.unbind(dim=1)
    total = weight.sum()
    of_label = functional.binary_cross_entropy_with_logits(outputs[:, 0], label, reduction="none")
    of_return = functional.huber_loss(outputs[:, 1], move, reduction="none")
    of_volatility = has_volatility * functional.huber_loss(
        outputs[:, 2], log_volatility, reduction="none"
    )
    whole = of_label + RETURN_WEIGHT * of_return + VOLATILITY_WEIGHT * of_volatility
    return (weight * of_label).sum() / total, (weight * whole).sum() / total


def target_columns(data: Dataset) -> Float32Array:
    """Return (n, 5): label, scaled return, log volatility ratio (0 where unknown), whether it is
    known, and the outcome's weight.
    """
    has_volatility = np.isfinite(data.log_volatility)
    return np.stack(
        [
            data.is_up,
            np.clip(data.scaled_return, -_RETURN_LIMIT, _RETURN_LIMIT),
            np.where(has_volatility, data.log_volatility, 0.0),
            has_volatility,
            data.weight,
        ],
        axis=1,
    ).astype(np.float32)


class _Fit:
    """One member on its way: what an epoch does, and what of it is kept."""

    def __init__(
        self,
        kind: str,
        settings: Mapping[str, int],
        train: Dataset,
        mean: Float32Array,
        scale: Float32Array,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        self.network = build(kind, train.values.shape[2], settings)
        heads = self.network.heads
        assert isinstance(heads, nn.Linear)
        with torch.no_grad():
            heads.weight.mul_(0.1)
            base_rate = float(np.average(train.is_up, weights=train.weight))
            heads.bias.copy_(torch.tensor([log_odds(base_rate), 0.0, 0.0]))
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2
        )
        self._values, self._mean, self._scale = train.values, mean, scale
        self._outcomes = torch.from_numpy(target_columns(train))
        self._shuffle = torch.Generator().manual_seed(seed)
        self.epoch = self.best_epoch = 0
        self.best_loss = self.best_label_loss = math.inf
        self.best = copy.deepcopy(self.network.state_dict())

    def run_epoch(self) -> None:
        """Go once through all windows, in a new order."""
        self.epoch += 1
        self.network.train()
        order = torch.randperm(len(self._outcomes), generator=self._shuffle)
        for rows in torch.split(order, BATCH):
            # Standardised batch by batch: a second copy of all windows would double the memory.
            inputs = standardised(self._values[rows.numpy()], self._mean, self._scale)
            _, loss = _losses(self.network(torch.from_numpy(inputs)), self._outcomes[rows])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimiser.step()
        self.network.eval()

    def judge(self, of_label: float, whole: float) -> None:
        """Keep the weights where they are the best so far."""
        if whole < self.best_loss - 1e-5:
            self.best_loss, self.best_label_loss, self.best_epoch = whole, of_label, self.epoch
            self.best = copy.deepcopy(self.network.state_dict())

    def state(self, is_done: bool) -> FitState:
        """Return everything that the next epoch depends on."""
        moments = self._optimiser.state_dict()["state"]
        return FitState(
            epoch=self.epoch,
            is_done=is_done,
            best_epoch=self.best_epoch,
            best_loss=self.best_loss,
            best_label_loss=self.best_label_loss,
            network=self.network.state_dict(),
            best=self.best,
            optimiser={
                f"{number}/{name}": tensor
                for number, one in moments.items()
                for name, tensor in one.items()
            },
            random=torch.get_rng_state(),
            shuffle=self._shuffle.get_state(),
        )

    def resume(self, kept: FitState) -> None:
        """Go on from what was kept."""
        self.epoch, self.best_epoch = kept.epoch, kept.best_epoch
        self.best_loss, self.best_label_loss = kept.best_loss, kept.best_label_loss
        self.best = dict(kept.best)
        self.network.load_state_dict(kept.network)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in kept.optimiser.items():
            number, name = key.split("/")
            moments.setdefault(int(number), {})[name] = tensor
        whole = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**whole, "state": moments})
        torch.set_rng_state(kept.random)
        self._shuffle.set_state(kept.shuffle)


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
    on_epoch: Callable[[int, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> FittedMember:
    """Train a member and return it as it was at its best on the validation span.

    Stops after four epochs without a better whole loss. The same data and seed give the same
    weights on one machine, also where it was killed and went on from its ``checkpoint``.
    ``on_epoch`` hears the epoch and its validation loss.
    """
    torch.set_num_threads(1)
    fit = _Fit(kind, settings, train, mean, scale, seed)
    kept = checkpoint.read() if checkpoint is not None else None
    if kept is not None:
        fit.resume(kept)
    later_outcomes = torch.from_numpy(target_columns(validation))
    is_done = kept is not None and kept.is_done
    while not is_done:
        fit.run_epoch()
        outputs = torch.from_numpy(_outputs(fit.network, validation, mean, scale))
        of_label, whole = (float(figure) for figure in _losses(outputs, later_outcomes))
        fit.judge(of_label, whole)
        is_done = fit.epoch >= max_epochs or fit.epoch - fit.best_epoch >= PATIENCE
        if checkpoint is not None:
            checkpoint.write(fit.state(is_done))
        if on_epoch is not None:
            on_epoch(fit.epoch, whole)
    fit.network.load_state_dict(fit.best)
    return FittedMember(
        network=fit.network.eval(), validation_log_loss=fit.best_label_loss, epochs=fit.best_epoch
    )


def raw_outputs(
    network: nn.Module, data: Dataset, mean: Float32Array, scale: Float32Array
) -> FloatArray:
    """Return (n, 3) outputs of a member for a data set."""
    return _outputs(network, data, mean, scale).astype(np.float64)


def _outputs(
    network: nn.Module, data: Dataset, mean: Float32Array, scale: Float32Array
) -> Float32Array:
    outputs = np.empty((len(data), OUTPUTS), dtype=np.float32)
    for first in range(0, len(data), CHUNK):
        some = slice(first, first + CHUNK)
        outputs[some] = run_in_blocks(network, standardised(data.values[some], mean, scale))
    return outputs
