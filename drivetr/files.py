"""Files that appear whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from drivetr.errors import DrivetrError


def unfinished_path(path: Path) -> Path:
    """Where `atomic_path` keeps a file until it is whole, and a killed process leaves it."""
    return path.with_name(f".{path.stem}.tmp{path.suffix}")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` that takes its name when the block ends well.

    The folder is made if it is absent. The temporary file keeps the suffix, is synced to disk
    before it is renamed, and is removed when the block raises; an earlier `path` then stays as it
    was. A process that is killed leaves it behind under a name that the next attempt overwrites.

    Raises:
        DrivetrError: the file cannot be written there.
    """
    path = Path(path)
    if path.is_dir():
        raise DrivetrError(f"{path} is a folder, but a file is to be written; give a file's name")
    temporary = unfinished_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        _remove(temporary)
        reason = error.strerror or str(error)
        raise DrivetrError(
            f"{path} cannot be written ({reason}); choose a folder that can be"
        ) from error
    except BaseException:
        _remove(temporary)
        raise


def require_writable(path: str | Path, ending: str = "") -> None:
    """Looks whether a file can probably be written, before long work that ends with it.

    Args:
        path: of the file.
        ending: that its name has to have, such as .png; none where it is empty.

    Raises:
        DrivetrError: it is a folder, the nearest folder that exists cannot be written to, or its
            name ends otherwise.
    """
    path = Path(path)
    if not path.name.lower().endswith(ending):
        raise DrivetrError(f"{path}: expected a name that ends in {ending}")
    if path.is_dir():
        raise DrivetrError(f"{path} is a folder, but a file is to be written; give a file's name")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        reason = "is read-only" if folder.is_dir() else "is a file"
        raise DrivetrError(
            f"{path} cannot be written ({folder} {reason}); choose a folder that can be"
        )


def require_local(path: str | Path) -> None:
    """Refuses the address of a remote store, which would be looked for on the disk.

    Raises:
        DrivetrError: it is one, such as s3://bucket/nuscenes.
    """
    # A `Path` of an address has lost one of its slashes.
    address = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)", str(path))
    if address is not None and not Path(path).exists():
        raise DrivetrError(
            f"{address[1]}://{address[2]} is an address, but drivetr reads local files and folders"
            " only; copy it to a disk or mount it, and give that path"
        )


def _sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with suppress(OSError):  # the error that led here is the one to tell
        path.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: str | Path) -> Iterator[TextIO]:
    """Opens a UTF-8 text file that gets its name when the block ends well (`atomic_path`)."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield file
        file.flush()
