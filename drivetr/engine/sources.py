"""What a published file or folder holds, read without running any of its code."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.nn.weight_averages import ONLY
from drivetr.nn.weight_files import archive_members, read_weights, read_weights_told

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"
_SHARDS = "model.safetensors.index.json"
_MOST_JSON_BYTES = 2**24  # the largest published ones have some hundred kilobytes


@dataclass(frozen=True)
class Source:
    """What a published file or folder holds.

    Attributes:
        path: as the user gave it.
        weights: published name to tensor.
        config: content of a folder's `config.json`, None for a file.
        told: in words, which weights of the file these are.
    """

    path: Path
    weights: dict[str, Tensor]
    config: dict[str, Any] | None = None
    told: str = ONLY


def check_conversion(source: Path, out: Path) -> None:
    """Refuses what makes no sense to convert, before anything large is read.

    Raises:
        DrivetrError: the source is the output folder or a file in it that would be written over,
            or it was converted already.
    """
    written = (out, out / WEIGHTS, out / DESCRIPTION)
    if source.resolve() in [path.resolve() for path in written]:
        raise DrivetrError(
            f"--out {out}: {source} is the source, which would be written over; name another folder"
        )
    folder = source.parent if source.name == WEIGHTS else source
    described = folder / DESCRIPTION
    if described.is_file() and {"format", "family"} <= read_json(described).keys():
        raise DrivetrError(
            f"{folder} is a folder that drivetr convert wrote; give the original checkpoint"
        )


def read_source(path: Path, allow_torchscript: bool = False, averaged: bool = True) -> Source:
    """Reads a published model without running any of its code.

    Args:
        path: a `.safetensors`, `.pth`, `.pt`, `.bin` or `.npz` file, or a folder with `config.json`
            and `model.safetensors`, or the parts of it that `model.safetensors.index.json` names.
        allow_torchscript: also read TorchScript archives, which carry code that loading runs.
        averaged: of a file with two sets of weights the average over the training, else those that
            were trained.

    Raises:
        DrivetrError: absent, damaged, of another kind, or a TorchScript archive.
    """
    if path.is_dir():
        return _read_folder(path)
    if path.suffix != ".npz" and path.is_file() and _is_torchscript(path):
        return Source(path, _read_torchscript(path, allow_torchscript))
    weights, told = read_weights_told(path, averaged)
    return Source(path, weights, told=told)


def _read_folder(path: Path) -> Source:
    description, weights, shards = path / DESCRIPTION, path / WEIGHTS, path / _SHARDS
    parts = shards if shards.is_file() and not weights.is_file() else weights
    for file in (description, parts):
        if not file.is_file():
            raise DrivetrError(
                f"{path} has no {file.name}; expected a Hugging Face folder with {DESCRIPTION}"
                f" and {WEIGHTS}, or the path of a weight file"
            )
    config = read_json(description)
    return Source(path, _read_shards(parts) if parts == shards else read_weights(weights), config)


def _read_shards(index: Path) -> dict[str, Tensor]:
    """The tensors of all the files that an index names, which have to agree with it."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise DrivetrError(f"{index}: has no weight_map (name to file); fetch it again")
    weights: dict[str, Tensor] = {}
    for file in sorted({str(name) for name in places.values()}):
        if Path(file).name != file or Path(file).suffix != ".safetensors":
            raise DrivetrError(
                f"{index}: weight_map names {file!r}, expected a .safetensors file beside it"
            )
        part = read_weights(index.parent / file)
        named = {key for key, place in places.items() if place == file}
        if named != set(part):
            raise DrivetrError(
                f"{index}: says otherwise than {file} which tensors it holds, the first one is"
                f" {min(named ^ set(part))!r}; fetch both again"
            )
        weights |= part
    return weights


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small JSON file.

    Raises:
        DrivetrError: too large, not JSON, or not an object.
    """
    if path.stat().st_size > _MOST_JSON_BYTES:
        raise DrivetrError(f"{path}: is larger than {_MOST_JSON_BYTES >> 20} MiB; fetch it again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DrivetrError(f"{path}: is not valid JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise DrivetrError(f"{path}: found a {type(content).__name__}, expected an object")
    return content


def _is_torchscript(path: Path) -> bool:
    return any("/code/" in member.filename for member in archive_members(path))


def _read_torchscript(path: Path, allowed: bool) -> dict[str, Tensor]:
    if not allowed:
        raise DrivetrError(
            f"{path}: is a TorchScript archive, whose code runs when it is loaded; where you trust"
            " the file, give it to drivetr convert --allow-torchscript"
        )
    warnings.warn(f"loading {path} runs the TorchScript code that it carries", stacklevel=3)
    try:
        state: dict[str, Tensor] = torch.jit.load(str(path), map_location="cpu").state_dict()
    except Exception as error:  # garbage makes the reader stumble in any way
        reason = f"{type(error).__name__} {error}".split("\n")[0]
        raise DrivetrError(f"{path}: cannot be read ({reason}); fetch it again") from error
    return state
