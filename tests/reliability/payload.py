"""Pickles that run a command, and the proof whether it ran."""

import os
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch


class Payload:
    """An object whose unpickling runs a command.

    Args:
        marker: file that the command makes.
    """

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch '{self.marker}'",)


def armed(marker: Path) -> Payload:
    """A payload that has been seen to work."""
    payload = Payload(marker)
    pickle.loads(pickle.dumps(payload))
    assert marker.exists(), "the payload is none"
    marker.unlink()
    return payload


def write_pickle(file: IO[bytes], content: object) -> None:
    """A bare pickle, as of info files and of results of mmdetection3d."""
    pickle.dump(content, file)


def write_torch(file: IO[bytes], content: object) -> None:
    """An archive as PyTorch writes it."""
    torch.save(content, file)


def write_old_torch(file: IO[bytes], content: object) -> None:
    """As PyTorch wrote before 1.6, without an archive."""
    torch.save(content, file, _use_new_zipfile_serialization=False)


def write_npz(file: IO[bytes], content: object) -> None:
    """An array of objects in numpy's archive."""
    np.savez(file, a=np.array([content], dtype=object))
