"""The folder that holds a converted detector: weights, and a description that is data only."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from drivetr.engine.sources import DESCRIPTION, WEIGHTS, read_json
from drivetr.engine.spec import DetectorSpec
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text
from drivetr.nn.weight_files import read_weights

FORMAT = 1
FAMILY = "detector"
_BLOCK = 2**20
_CHECKSUM = "model_sha256"


@dataclass(frozen=True)
class Origin:
    """Where a converted detector comes from.

    Attributes:
        name: of the published model, or of the config.
        source: file name of the checkpoint.
        sha256: of that file.
        weights: which of its weights, in words.
        layout: that its names are in.
        box_convention: that its boxes are in.
        keys: `verified` where all its names and shapes were compared with a list of the published
            ones, else `not verified`.
    """

    name: str
    source: str
    sha256: str
    weights: str
    layout: str
    box_convention: str
    keys: str


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_detector(out: Path, detector: nn.Module, spec: DetectorSpec, origin: Origin) -> None:
    """Writes `model.safetensors`, then `config.json` with the checksum of it.

    The two are replaced one after the other: after a kill in between the checksum is another's.
    """
    with atomic_path(out / WEIGHTS) as path:
        # Copies, because several names may share one parameter, which the format does not allow.
        save_file({k: t.clone().contiguous() for k, t in detector.state_dict().items()}, path)
    description = {
        "format": FORMAT, "family": FAMILY, **vars(origin),
        _CHECKSUM: sha256_of(out / WEIGHTS), "detector": spec.to_data(),
    }  # fmt: skip
    with atomic_text(out / DESCRIPTION) as file:
        json.dump(description, file, indent=1)
        file.write("\n")


def is_detector(description: dict[str, Any]) -> bool:
    """Whether a description is that of a detector folder."""
    return description.get("family") == FAMILY


def read_detector(folder: Path) -> tuple[Any, dict[str, Tensor]]:
    """What `write_detector` wrote: the data of a `DetectorSpec`, and weights.

    Raises:
        DrivetrError: absent, damaged, of another format, or weights that are not those described.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DrivetrError(f"{folder} has no {DESCRIPTION}; `drivetr convert` writes such folders")
    description = read_json(path)
    if description.get("format") != FORMAT or not is_detector(description):
        raise DrivetrError(
            f"{path}: found format {description.get('format')!r} and family"
            f" {description.get('family')!r}, expected {FORMAT} and {FAMILY!r};"
            " `drivetr convert` writes such files from checkpoints of 3D detectors"
        )
    weights = read_weights(folder / WEIGHTS)
    if description.get(_CHECKSUM) != sha256_of(folder / WEIGHTS):
        raise DrivetrError(
            f"{folder}: {WEIGHTS} is not the file that {DESCRIPTION} describes, because a"
            " conversion was cut off or one of the two was replaced; convert the checkpoint again"
        )
    return _with_tuples(description.get("detector")), weights


def _with_tuples(value: Any) -> Any:
    """Data in which sizes and ranges are tuples again, which JSON does not have.

    A list that describes something, such as transforms, stays one.
    """
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [_with_tuples(item) for item in value]
    return items if any(isinstance(item, dict | list) for item in items) else tuple(items)
