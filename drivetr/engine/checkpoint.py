"""Checkpoint files: written whole or not at all, read without running code, found again.

A checkpoint is a dict of plain data and tensors:

    format      version of this layout
    iteration   optimizer steps done
    spec        what rebuilds the detector, see `drivetr.engine.spec`
    model       state dict of `DetectorTraining`: keys start with detector., criterion., denoising.
    ema         the same keys, averaged; or None
    optimizer   state of the optimizer and of the loss scaler, all tensors whole
    rng         state of the random generators, one entry a process
    memory      what the detector remembers of its lanes' last frames, likewise; empty without one
    recovery    how often the run met a step that was not finite, see `drivetr.engine.nan_policy`
    log         values of the last iterations that the log averages over
    meta        seed, versions, number of processes, config as data
"""

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from drivetr.engine.checks import at_least
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, require_local, unfinished_path
from drivetr.nn.weight_files import check_archive

FORMAT = 1
LAST = "last.pth"


@dataclass(frozen=True)
class CheckpointSettings:
    """How often a checkpoint is written, and how many stay.

    Attributes:
        interval: iterations between two; the last iteration is always saved.
        keep: newest ones that are not removed.
        on_write_error: "stop" ends a run that cannot write one, for a full disk as an example;
            "continue" does without this one and tries again at the next, but for the last one.
    """

    interval: int = 1000
    keep: int = 2
    on_write_error: str = "stop"

    def __post_init__(self) -> None:
        """Checks the ranges."""
        at_least(self, interval=1, keep=1)
        if self.on_write_error not in ("stop", "continue"):
            raise ValueError(
                f"on_write_error is {self.on_write_error!r}, expected 'stop' or 'continue'"
            )


def checkpoint_path(folder: Path, iteration: int) -> Path:
    """Where the checkpoint after so many optimizer steps lies."""
    return folder / f"iter_{iteration}.pth"


def save_checkpoint(state: dict[str, Any], folder: Path, keep: int) -> Path:
    """Writes a checkpoint, links `last.pth` to it and removes all but the last `keep`."""
    path = checkpoint_path(folder, state["iteration"])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        _write({"format": FORMAT, **state}, file)
    link = unfinished_path(folder / LAST)
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    os.replace(link, folder / LAST)
    for old in list_checkpoints(folder)[keep:]:
        if old != path:
            old.unlink(missing_ok=True)
    return path


def refuse_not_finite(state: dict[str, Any]) -> None:
    """Looks through the weights of a checkpoint and their average before it is written.

    Raises:
        DrivetrError: one is NaN or infinite.
    """
    for part in ("model", "ema"):
        for name, value in (state[part] or {}).items():
            if value.is_floating_point() and not value.isfinite().all():
                raise DrivetrError(
                    f"{name} is not finite in {part} after iteration {state['iteration']}, not"
                    " saved; go on from the last checkpoint with --resume and a lower optimizer.lr"
                )


def _write(state: dict[str, Any], file: BinaryIO) -> None:
    """Writes a checkpoint's content; a full disk is an OSError, which torch hides behind its own.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def iteration_of(path: Path) -> int:
    """The number of optimizer steps that `checkpoint_path` put into a name; -1 for other names."""
    digits = path.stem.removeprefix("iter_")
    return int(digits) if digits.isdigit() else -1


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the one with the most iterations first."""
    found = [path for path in folder.glob("iter_*.pth") if iteration_of(path) >= 0]
    return sorted(found, key=iteration_of, reverse=True)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint after checking that the file is whole.

    Raises:
        DrivetrError: no such file, damaged, not plain data, or not written by drivetr.
    """
    path = Path(path)
    require_local(path)
    if not path.is_file():
        raise DrivetrError(f"checkpoint {path} does not exist")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except PermissionError:
        raise
    except Exception as error:  # of many kinds, for a file from anywhere
        raise DrivetrError(
            f"checkpoint {path} is cut off, or no checkpoint of drivetr train (those are zip"
            " archives); give another one, or the folder into which drivetr convert brought it"
        ) from error
    if damaged is not None:
        raise DrivetrError(f"checkpoint {path} is damaged ({damaged}); give another one")
    check_archive(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, for a file from anywhere
        # Torch's own message says how to run the file's code all the same.
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = type(error).__name__ if named is None else f"objects of {named[1]}"
        raise _foreign(path, f" ({what} in it: not plain data, refused)") from error
    if not isinstance(state, dict) or "format" not in state or "spec" not in state:
        raise _foreign(path)
    if state["format"] != FORMAT:
        raise DrivetrError(
            f"checkpoint {path} has format {state['format']}, this drivetr reads {FORMAT}"
        )
    return state


def _foreign(path: Path, found: str = "") -> DrivetrError:
    """The error for a file that another program wrote."""
    return DrivetrError(
        f"{path} is no checkpoint of drivetr train{found}; convert it first: drivetr convert"
        f" {path} --model NAME --out DIR, with --box-convention C for a 3D detector, and give the"
        " folder DIR"
    )


def latest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any], list[str]] | None:
    """The newest usable checkpoint of a work folder.

    Returns:
        its path, its content and one sentence for each newer one that was damaged; None where the
        folder holds no checkpoint at all.

    Raises:
        DrivetrError: there are checkpoints but none is usable.
    """
    damaged: list[str] = []
    for path in list_checkpoints(folder):
        try:
            return path, read_checkpoint(path), damaged
        except DrivetrError as error:
            damaged.append(str(error))
    if damaged:
        raise DrivetrError(f"{folder}: no usable checkpoint: {'; '.join(damaged)}")
    return None


def unfinished_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints that are being written, or whose writing was cut off."""
    return list(folder.glob(unfinished_path(Path("iter_*.pth")).name))


def remove_leftovers(folder: Path) -> None:
    """Removes what a process killed during a write left behind."""
    for path in [*unfinished_checkpoints(folder), unfinished_path(folder / LAST)]:
        path.unlink(missing_ok=True)
