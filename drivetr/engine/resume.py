"""Which checkpoint a run goes on from."""

from pathlib import Path
from typing import Any

from drivetr.engine.checkpoint import (
    iteration_of,
    latest_checkpoint,
    list_checkpoints,
    read_checkpoint,
)
from drivetr.errors import DrivetrError


def find_resumed(work_dir: Path, resume: str | None, notes: list[str]) -> dict[str, Any] | None:
    """The content of the checkpoint to go on from; None for a fresh run.

    Args:
        work_dir: folder of the run.
        resume: None for a fresh run, "auto" for the newest usable checkpoint in the folder, if
            any, or a path.
        notes: what the run's log should say is added to them.

    Raises:
        DrivetrError: the checkpoint cannot be read, or the folder holds another run's.
    """
    if resume is None:
        if list_checkpoints(work_dir):
            raise DrivetrError(
                f"{work_dir} holds checkpoints of an earlier run; go on with --resume, or"
                " name another --work-dir"
            )
        return None
    if resume != "auto":
        notes.append(f"Resuming from {resume}")
        content = read_checkpoint(resume)
        _check_none_is_newer(work_dir, resume, content["iteration"])
        return content
    found = latest_checkpoint(work_dir)
    if found is None:
        notes.append(f"Nothing to resume in {work_dir}, starting afresh")
        return None
    path, content, damaged = found
    notes.extend(f"{message}; falling back to an earlier one" for message in damaged)
    notes.append(f"Resuming from {path} after iteration {content['iteration']}")
    return content


def _check_none_is_newer(work_dir: Path, resume: str, iteration: int) -> None:
    """Refuses to mix two runs: a later `--resume` would take the older one's newest checkpoint."""
    newer = [path for path in list_checkpoints(work_dir) if iteration_of(path) > iteration]
    if newer:
        raise DrivetrError(
            f"{work_dir} holds {newer[0].name}, which is newer than {resume}; remove the newer"
            " checkpoints, or name another --work-dir"
        )
