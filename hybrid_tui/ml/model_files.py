"""Model folders: `<models>/<model id>/` with manifest.json, safetensors and CARD.md.

Nothing here is unpickled, and nothing is loaded that the manifest does not vouch for: a member is
read only when its sha256 is the manifest's. This module does not import torch by itself; loading
does. `champion.json` in a models folder names the model in use for each market.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, StringConstraints, ValidationError

from hybrid_tui.errors import ModelError
from hybrid_tui.ml.calibration import FamiliarRange, Platt
from hybrid_tui.ml.drift_figures import DriftFigures, Fraction, Name, Part
from hybrid_tui.ml.features import (
    FEATURE_NAMES,
    FEATURES_VERSION,
    INTERVAL,
    LOOKBACK,
    SUMMARY_NAMES,
    WINDOW,
    Float32Array,
)
from hybrid_tui.ml.measured_figures import (
    GateFigures,
    RefitFigures,
    ScoreRow,
    ThresholdFigures,
)

if TYPE_CHECKING:
    from torch import nn

Market = Literal["real", "simulated"]
MANIFEST = "manifest.json"
CARD = "CARD.md"
CHAMPIONS = "champion.json"
CHAMPION = "champion"
RETRAIN = "train one with `hybrid-tui ml train`, or reinstall the program"

_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_WeightsFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.safetensors$")]
_Positive = Annotated[float, Field(gt=0)]


class PlattFigures(Part):
    """Platt scaling of one member or of the ensemble."""

    slope: Annotated[float, Field(ge=0)]
    offset: float
    hurdle_slope: float

    def scaling(self) -> Platt:
        """Return the scaling as a function."""
        return Platt(slope=self.slope, offset=self.offset, hurdle_slope=self.hurdle_slope)


class MemberFigures(Part):
    """One member: its weights' file, the hash that vouches for it, and its say."""

    name: Name
    kind: str
    settings: dict[str, int]
    file: _WeightsFile
    sha256: _Sha256
    weight: Fraction
    platt: PlattFigures


class Standardisation(Part):
    """Mean and scale a feature, from the training span; scale 0 blinds a feature."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]


class CalibrationFigures(Part):
    """What the calibration span taught."""

    ensemble: PlattFigures
    return_slope: Fraction
    volatility_scale: _Positive
    interval_level: Annotated[float, Field(gt=0, lt=1)]
    interval_low: float
    interval_high: float


class FamiliarFigures(Part):
    """The range of familiar input, see calibration.FamiliarRange."""

    middle: tuple[float, ...]
    below: tuple[_Positive, ...]
    above: tuple[_Positive, ...]
    limit: _Positive

    def range(self) -> FamiliarRange:
        """Return the range as a function."""
        return FamiliarRange(
            middle=self.middle, below=self.below, above=self.above, limit=self.limit
        )


class DataFigures(Part):
    """What a model was made from."""

    description: str
    symbols: tuple[str, ...]
    first: datetime
    last: datetime
    windows: Annotated[int, Field(gt=0)]
    fingerprint: str
    spans: dict[str, tuple[datetime, datetime]]


class Manifest(Part):
    """Everything about a model but its weights.

    ``held_out`` and ``walk_forward`` are of calibrated probabilities, ``uncalibrated`` of what each
    member says by itself: on walk-forward's test spans where there are any, else held out.
    """

    format: Literal[1]
    id: Name
    kind: Literal["ensemble"]
    market: Market
    features_version: int
    features: tuple[str, ...]
    window: int
    lookback: int
    interval: int
    members: Annotated[tuple[MemberFigures, ...], Field(min_length=1)]
    standardisation: Standardisation
    calibration: CalibrationFigures
    familiar: FamiliarFigures
    base_rate: Annotated[float, Field(gt=0, lt=1)]
    threshold_bps: float
    trained_until: datetime
    data: DataFigures
    metrics: dict[str, float | int | None]
    threshold: ThresholdFigures | None = None
    held_out: tuple[ScoreRow, ...] = ()
    uncalibrated: tuple[ScoreRow, ...] = ()
    reliability: tuple[tuple[float, float, int], ...] = ()
    walk_forward: tuple[ScoreRow, ...] = ()
    gate: GateFigures | None = None
    drift: tuple[DriftFigures, ...] = ()
    refit: RefitFigures | None = None
    max_epochs: int | None = None
    seed: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model, ready to predict."""

    manifest: Manifest
    members: Mapping[str, nn.Module]
    mean: Float32Array
    scale: Float32Array

    @property
    def id(self) -> str:
        """The model's id."""
        return self.manifest.id


def read_manifest(folder: Path) -> Manifest:
    """Return the validated manifest of a model folder.

    Raises ModelError naming the file where it is missing, malformed, or made for other features.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}", hint=RETRAIN) from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise ModelError(f"{path}: {where}: {first['msg']}", hint=RETRAIN) from error
    _check_fit(manifest, path)
    return manifest


def _check_fit(manifest: Manifest, path: Path) -> None:
    expected = {
        "features_version": FEATURES_VERSION,
        "features": FEATURE_NAMES,
        "window": WINDOW,
        "lookback": LOOKBACK,
        "interval": INTERVAL,
    }
    for key, value in expected.items():
        found = getattr(manifest, key)
        if found != value:
            raise ModelError(f"{path}: {key} is {found}, this program has {value}", hint=RETRAIN)
    lengths = {
        "standardisation": (manifest.standardisation.mean, manifest.standardisation.scale),
        "familiar": (manifest.familiar.middle, manifest.familiar.below, manifest.familiar.above),
    }
    for key, columns in lengths.items():
        wanted = len(FEATURE_NAMES if key == "standardisation" else SUMMARY_NAMES)
        if any(len(column) != wanted for column in columns):
            raise ModelError(f"{path}: {key} needs {wanted} figures a row", hint=RETRAIN)
    if path.parent.name != manifest.id:
        raise ModelError(f"{path}: id {manifest.id!r} is not the name of its folder")
    if len({member.name for member in manifest.members}) != len(manifest.members):
        raise ModelError(f"{path}: two members have one name")


def load_model(folder: Path) -> Model:
    """Return the model of a folder, with one torch thread.

    Raises ModelError naming the file where one is missing, truncated, altered, of another shape, or
    where the folder holds anything but a manifest, a card and the members' safetensors.
    """
    manifest = read_manifest(folder)
    expected = {MANIFEST, CARD, *(member.file for member in manifest.members)}
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in expected)
    if strangers:
        raise ModelError(
            f"{folder / strangers[0]} does not belong to the model",
            hint="a model is a manifest, a card and safetensors; nothing else is ever loaded",
        )
    contents = {member.name: vouched(folder / member.file, member) for member in manifest.members}
    import torch

    torch.set_num_threads(1)
    members = {
        member.name: _network(folder / member.file, member, contents[member.name])
        for member in manifest.members
    }
    return Model(
        manifest=manifest,
        members=members,
        mean=np.array(manifest.standardisation.mean, dtype=np.float32),
        scale=np.array(manifest.standardisation.scale, dtype=np.float32),
    )


def vouched(path: Path, member: MemberFigures) -> bytes:
    """Return a member's file; raises ModelError where the manifest does not vouch for it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}", hint=RETRAIN) from error
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise ModelError(
            f"{path} ({len(content)} bytes) is not the file that its manifest vouches for",
            hint=RETRAIN,
        )
    return content


def _network(path: Path, member: MemberFigures, content: bytes) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load

    from hybrid_tui.ml.networks import build

    try:
        weights = load(content)
        network = build(member.kind, len(FEATURE_NAMES), member.settings)
        network.load_state_dict(weights, strict=True)
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"{path} does not hold a {member.kind}: {reason}", hint=RETRAIN) from error
    if not all(bool(weight.isfinite().all()) for weight in weights.values()):
        raise ModelError(f"{path} holds weights that are not numbers", hint=RETRAIN)
    return network.eval()


def shipped_models() -> Path:
    """Return the folder of the models that come with the program (wheel, else checkout)."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_models"
    return inside if inside.is_dir() else package.parent / "models"


def read_champions(folder: Path) -> dict[str, str]:
    """Return market -> model id of a models folder; empty where it names none."""
    path = folder / CHAMPIONS
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or not all(
        key in ("real", "simulated") and isinstance(value, str) for key, value in document.items()
    ):
        raise ModelError(f'{path} is not of the form {{"real": id, "simulated": id}}')
    return document


def write_champion(folder: Path, market: Market, model_id: str) -> None:
    """Name the champion of a market in a models folder."""
    champions = {**read_champions(folder), market: model_id}
    partial = folder / f".{CHAMPIONS}.partial"
    partial.write_text(json.dumps(champions, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / CHAMPIONS)


def find_model(name: str, folders: Sequence[Path], market: Market) -> Path:
    """Return the folder of a model by id, or of the champion of a market.

    ``folders`` are searched in order: the user's before the shipped one. Raises ModelError naming
    what there is.
    """
    if name == CHAMPION:
        for folder in folders:
            chosen = read_champions(folder).get(market)
            if chosen is None:
                continue
            for home in (folder, *folders):
                if (home / chosen / MANIFEST).is_file():
                    return home / chosen
            raise ModelError(
                f"{folder / CHAMPIONS} names {chosen!r}, which is not there", hint=RETRAIN
            )
        raise ModelError(f"no model for the {market} market is installed", hint=RETRAIN)
    for folder in folders:
        if Path(name).name == name and (folder / name / MANIFEST).is_file():
            return folder / name
    known = [path.name for path in model_folders(folders)]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise ModelError(f"there is no model {name!r}", hint=hint)


def model_folders(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield tier 2's model folders, those of earlier folders first, each id once.

    Folders of other tiers' models (their manifest names another kind) are passed over; a damaged
    manifest is not, so that the damage shows.
    """
    seen: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.name not in seen and not path.name.startswith(".") and _is_ours(path):
                seen.add(path.name)
                yield path


def _is_ours(folder: Path) -> bool:
    path = folder / MANIFEST
    if not path.is_file():
        return False
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return not isinstance(document, dict) or document.get("kind", "ensemble") == "ensemble"
