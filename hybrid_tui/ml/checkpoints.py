"""What training keeps on disk, so that a killed one goes on and ends with the same bits.

One safetensors file a member and fit, written whole after each epoch: weights, the best weights so
far, the optimiser's state and the random generators'. The folder is named after the data, the file
after everything else that the weights depend on, so another question never finds it.

Imports torch; only training imports this module.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hybrid_tui.atomic import written_whole

FORMAT = "1"
KEPT_SECONDS = 14 * 86_400
CODE = ("fitting.py", "networks.py", "checkpoints.py")

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitState:
    """Where the fitting of one member is, after a whole epoch.

    ``optimiser`` is by parameter number and name (``"3/exp_avg"``); losses are in nats.
    """

    epoch: int
    is_done: bool
    best_epoch: int
    best_loss: float
    best_label_loss: float
    network: Tensors
    best: Tensors
    optimiser: Tensors
    random: Tensor
    shuffle: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The file of one member's fit; ``warn`` hears why it is of no use."""

    path: Path
    warn: Callable[[str], None]

    def read(self) -> FitState | None:
        """Return what was kept; None where there is nothing, or nothing whole."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as kept:
                said = kept.metadata()
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            return _state(said, tensors)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            self.warn(f"{self.path} is damaged, so this member begins anew: {error}")
            return None

    def write(self, state: FitState) -> None:
        """Keep a state in place of the last one. Raises OSError where it cannot be written."""
        tensors = {"random": state.random, "shuffle": state.shuffle}
        for part in ("network", "best", "optimiser"):
            for name, tensor in getattr(state, part).items():
                # Shared storage cannot be saved, and the best weights may be the present ones.
                tensors[f"{part}/{name}"] = tensor.detach().clone().contiguous()
        said = {
            "format": FORMAT,
            "epoch": str(state.epoch),
            "is_done": str(state.is_done),
            "best_epoch": str(state.best_epoch),
            "best_loss": state.best_loss.hex(),
            "best_label_loss": state.best_label_loss.hex(),
        }
        with written_whole(self.path) as partial:
            save_file(tensors, partial, said)


def _state(said: Mapping[str, str], tensors: Tensors) -> FitState:
    if said["format"] != FORMAT:
        raise ValueError(f"format {said['format']}, not {FORMAT}")

    def part(name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {key[len(start) :]: one for key, one in tensors.items() if key.startswith(start)}

    return FitState(
        epoch=int(said["epoch"]),
        is_done=said["is_done"] == "True",
        best_epoch=int(said["best_epoch"]),
        best_loss=float.fromhex(said["best_loss"]),
        best_label_loss=float.fromhex(said["best_label_loss"]),
        network=part("network"),
        best=part("best"),
        optimiser=part("optimiser"),
        random=tensors["random"],
        shuffle=tensors["shuffle"],
    )


class Checkpoints:
    """The checkpoints of training on one data set, under ``folder``.

    ``digest`` is Dataset.digest() of the data. Folders that nothing touched for two weeks go.
    """

    def __init__(self, folder: Path, digest: str, warn: Callable[[str], None]) -> None:
        self._folder = folder / digest[:32]
        self._warn = warn
        _forget_old(folder)

    def of(self, question: Mapping[str, object]) -> Checkpoint:
        """Return the file of a fit; ``question`` is all that it depends on beside the data."""
        asked = {**question, "torch": torch.__version__, "code": _code()}
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
        return Checkpoint(path=self._folder / f"{key}.safetensors", warn=self._warn)

    def clear(self) -> None:
        """Forget them all: the model that they were for is made."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _code() -> str:
    found = hashlib.sha256()
    for name in CODE:
        found.update((Path(__file__).parent / name).read_bytes())
    return found.hexdigest()


def _forget_old(folder: Path) -> None:
    for old in folder.glob("*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
