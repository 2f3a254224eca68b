"""What the models' folders say: each model's figures and its card. Files are read in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hybrid_tui.errors import ModelError

Bin = tuple[float, float, int]
"""Mean probability, the share that came true, and how many predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A model's figures by name, its reliability by tenths, and its card in Markdown.

    ``measured_on`` is the model that the figures are of, empty where it is this one; ``damaged``
    says why the rest is not known.
    """

    id: str
    market: str = ""
    first: datetime | None = None
    last: datetime | None = None
    trained_until: datetime | None = None
    threshold_bps: float = 0.0
    members: tuple[str, ...] = ()
    metrics: Mapping[str, float | int | None] = field(default_factory=dict)
    reliability: tuple[Bin, ...] = ()
    measured_on: str = ""
    text: str = ""
    damaged: str = ""


class Cards(Protocol):
    """Where the models' cards are; blocking, so it is asked in a thread."""

    def cards(self) -> list[Card]:
        """Return the cards of all models."""


class FolderCards:
    """The cards in the profile's models' folder and among those that come with the program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cards(self) -> list[Card]:
        """Return the cards; a model that cannot be read says so in its own."""
        from hybrid_tui.ml.model_files import model_folders, shipped_models

        return [_card(folder) for folder in model_folders([self._folder, shipped_models()])]


def _card(folder: Path) -> Card:
    from hybrid_tui.ml.model_files import CARD, read_manifest

    try:
        manifest = read_manifest(folder)
    except ModelError as error:
        return Card(id=folder.name, damaged=error.render())
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        text = f"Its card cannot be read: {error}"
    return Card(
        id=manifest.id,
        market=manifest.market,
        first=manifest.data.first,
        last=manifest.data.last,
        trained_until=manifest.trained_until,
        threshold_bps=manifest.threshold_bps,
        members=tuple(member.name for member in manifest.members if member.weight),
        metrics=manifest.metrics,
        reliability=manifest.reliability,
        measured_on=manifest.refit.of if manifest.refit is not None else "",
        text=text,
    )
