"""What tests do in processes apart (`benchmarks.launch.Job`): offline, on a mount, serving."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drivetr.cli.main import main

NOT_ALLOWED = 77  # status of a process that may not have a network or mounts of its own
_NEW_USER, _NEW_NETWORK, _NEW_MOUNTS = 0x10000000, 0x40000000, 0x00020000  # of <sched.h>


def run_all(commands: Sequence[Sequence[str]]) -> None:
    """Runs `drivetr` commands up to the first that fails."""
    for command in commands:
        if status := main(command):
            sys.exit(status)


def run_offline(command: Sequence[str]) -> None:
    """Runs a command where there is no network."""
    _unshare(_NEW_NETWORK)
    with socket.socket() as probe:
        assert probe.connect_ex(("192.0.2.1", 80)) != 0, "there is a network"
    run_all([command])


def run_on_read_only(folder: Path, commands: Sequence[Sequence[str]]) -> None:
    """Runs commands where a folder is mounted read-only."""
    _unshare(_NEW_MOUNTS)
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if subprocess.run(mount).returncode:
        sys.exit(NOT_ALLOWED)
    try:
        (folder / "x").touch()
    except OSError:
        run_all(commands)
    else:
        sys.exit("the mount is writable")


def serve(command: Sequence[str], scratch: Path) -> None:
    """Runs a command that serves until Ctrl-C, whose temporary files go into a folder."""
    tempfile.tempdir = str(scratch)
    # What runs in the background of a shell starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_all([command])


def _unshare(what: int) -> None:
    """Gives this process something of its own, and the rights of root in it alone."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None).unshare(_NEW_USER | what):
        sys.exit(NOT_ALLOWED)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
