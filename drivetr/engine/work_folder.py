"""The folder of a run: taken at the start, and told how the run came about."""

import json
import shlex
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from drivetr.engine.checkpoint import remove_leftovers
from drivetr.engine.config import RunConfig
from drivetr.engine.lock import locked_folder
from drivetr.errors import DrivetrError
from drivetr.files import atomic_text


def take_folder(work_dir: Path, stack: ExitStack) -> None:
    """Makes the run's folder, locks it, and removes what a killed run left unfinished.

    Args:
        work_dir: of the run.
        stack: keeps the lock until it is closed.

    Raises:
        DrivetrError: it cannot be written, or another run has it.
    """
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked_folder(work_dir))
        remove_leftovers(work_dir)
    except OSError as error:
        raise DrivetrError(
            f"--work-dir {work_dir} cannot be written ({error.strerror}); name another"
        ) from error


def record_start(folder: Path, config: RunConfig, meta: dict[str, Any]) -> None:
    """Writes down how this start of the run came about, as `run.json`.

    Args:
        folder: of this start's logs.
        config: of the run.
        meta: further facts, as plain data.
    """
    record = {
        "command": shlex.join(sys.argv),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "config_text": config.file.read_text(encoding="utf-8"),
        **meta,
    }
    with atomic_text(folder / "run.json") as file:
        json.dump(record, file, indent=2)
