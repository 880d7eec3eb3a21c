"""Weight files of others, read without running any of their code."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.files import require_local
from drivetr.nn.weight_averages import chosen_weights

_ZIP_START = b"PK\x03\x04"
# Weights hardly shrink. An archive that unpacks to more than this is there to fill the memory.
_MOST_EXPANSION, _SMALL_BYTES = 50, 2**26


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads a state dict from a .safetensors, .npz or PyTorch file, averaged where it has both.

    Raises:
        DrivetrError: as `read_weights_told`.
    """
    return read_weights_told(path)[0]


def read_weights_told(path: str | Path, averaged: bool = True) -> tuple[dict[str, Tensor], str]:
    """Reads a state dict from a .safetensors, .npz or PyTorch file.

    A dictionary that holds the state dict as `state_dict` or `model` is unwrapped. Of a file with
    two sets of weights (`drivetr.nn.weight_averages`) one is taken.

    Args:
        path: of the file.
        averaged: which one: the average over the training, or the weights as they were trained.

    Returns:
        name to tensor, and in words which set of weights that is.

    Raises:
        DrivetrError: if the file is absent, damaged, holds objects other than plain data, would
            unpack to far more than its size, or is no state dict.
    """
    path = Path(path)
    require_local(path)
    if not path.is_file():
        raise DrivetrError(f"{path}: there is no such weight file; download it or mend the path")
    check_archive(path)
    read = {".safetensors": _read_safetensors, ".npz": _read_npz}.get(path.suffix, _read_torch)
    content, told = chosen_weights(read(path), averaged)
    if not isinstance(content, Mapping) or not content:
        raise DrivetrError(
            f"{path}: found {type(content).__name__}, expected a state dict (name to tensor)"
        )
    return {str(key): _plain(path, key, value) for key, value in content.items()}, told


def _plain(path: Path, key: object, value: object) -> Tensor:
    """The tensor, if it is one whose numbers are all in the file."""
    if not isinstance(value, Tensor):
        raise DrivetrError(
            f"{path}: entry {key!r} is a {type(value).__name__}, expected a tensor;"
            " give a file that holds a state dict"
        )
    dense = value.layout is torch.strided and not (value.is_meta or value.is_quantized)
    if not dense or value.nbytes > value.untyped_storage().nbytes():
        raise DrivetrError(
            f"{path}: entry {key!r} of shape {list(value.shape)} is not a plain tensor whose"
            " numbers are all in the file; save it as such"
        )
    return value


def archive_members(path: Path) -> list[zipfile.ZipInfo]:
    """What a zip archive holds, as PyTorch and numpy write; nothing for a file of another kind.

    Raises:
        DrivetrError: it begins like an archive, but its list of contents cannot be read; other
            readers may be less strict, so nobody would have checked what they read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except Exception as error:  # of many kinds, for a file from anywhere
        with path.open("rb") as file:
            if file.read(len(_ZIP_START)) != _ZIP_START:
                return []
        raise DrivetrError(f"{path}: not a whole archive ({error}); fetch it again") from error


def check_archive(path: Path) -> None:
    """Refuses a zip archive that would fill the memory.

    Raises:
        DrivetrError: it would unpack to far more than its size, or its contents cannot be listed.
    """
    unpacked = sum(member.file_size for member in archive_members(path))
    if unpacked > max(_SMALL_BYTES, _MOST_EXPANSION * path.stat().st_size):
        raise DrivetrError(
            f"{path}: would unpack to {unpacked / 2**30:.1f} GiB, more than {_MOST_EXPANSION} times"
            " its size, which weights never do; fetch it again from a source that you trust"
        )


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DrivetrError(f"{path}: not a safetensors file ({error}); fetch it again") from error


def _read_npz(path: Path) -> object:
    try:
        with zipfile.ZipFile(path):  # numpy takes files of other kinds too
            arrays = np.load(path, allow_pickle=False)
        with arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except Exception as error:  # garbage makes the reader stumble in any way
        reason = f"{type(error).__name__} {error}".split("\n")[0]
        raise DrivetrError(
            f"{path}: is no archive of plain arrays ({reason}); fetch it again"
        ) from error


def _read_torch(path: Path) -> object:
    with path.open("rb") as file:
        if file.read(1) in (b"{", b"["):
            raise DrivetrError(
                f"{path}: is a JSON file, expected weights, such as .pth, .safetensors or .npz"
            )
    # mmcv writes learning rates and losses into `meta` as numpy scalars: harmless data.
    scalar: Any = np.float64(0).__reduce__()[0]
    harmless: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        np.dtype,
        *(type(np.dtype(name)) for name in ("float64", "float32", "int64")),
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # refused all the same
            content: object = torch.load(path, map_location="cpu", weights_only=True)
        return content
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"pickled objects ({named[1]})" if named else "something else than pickled tensors"
        raise DrivetrError(
            f"{path}: holds {what}, which drivetr never runs; where you trust the file, load it"
            " with the program that wrote it and save its state dict alone, best as .safetensors"
        ) from error
    except Exception as error:  # garbage makes the reader stumble in any way, KeyError included
        reason = f"{type(error).__name__} {error}".split("\n")[0]
        raise DrivetrError(
            f"{path}: not a whole PyTorch file ({reason}); fetch it again"
        ) from error
