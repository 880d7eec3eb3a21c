"""One run in a work folder at a time."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivetr.errors import DrivetrError

LOCK_NAME = ".lock"


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds a folder's lock within the block; the kernel gives it back however the process ends.

    The file stays behind, which means nothing: what counts is the lock on it. It is a POSIX record
    lock, since one of `flock` would be shared by forked loader workers and outlive a killed run
    until they notice.

    Raises:
        DrivetrError: another process holds it.
    """
    with (folder / LOCK_NAME).open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise DrivetrError(
                f"{folder} is in use by another run ({file.read().strip() or 'just starting'});"
                " wait for its end, stop it, or name another --work-dir"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
