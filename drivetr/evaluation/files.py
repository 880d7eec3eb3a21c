"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from drivetr.errors import DrivetrError


@contextmanager
def atomic_text(path: str | Path) -> Iterator[TextIO]:
    """Opens a text file that gets its name only when the block ends well.

    The text goes to a temporary file in the same folder (made where absent), is synced to disk and
    then renamed. An exception removes the temporary file and leaves an earlier `path` as it was.

    Raises:
        DrivetrError: the file cannot be created there.
    """
    path = Path(path)
    if path.is_dir():
        raise DrivetrError(f"{path} is a folder, but a file is to be written; give a file's name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise DrivetrError(
            f"{path} cannot be written ({error.strerror}); choose a folder that can be."
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's mask of file permissions, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
