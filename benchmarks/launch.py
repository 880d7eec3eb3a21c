"""Starts functions and `drivetr` commands in processes forked from one that imported all of it.

Importing torch takes seconds; where runs are started by the hundred, that would be most of the
time. The forked processes have done nothing else before.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "drivetr.cli.main",
        "drivetr.engine.api",
        "drivetr.engine.train",
        # What mmengine imports when a training begins.
        "matplotlib.backends.backend_agg",
        "matplotlib.figure",
        "torch.utils.tensorboard",
    ]
)


class Job:
    """One function in one or several processes that can form a process group on this machine.

    Args:
        function: importable by name.
        arguments: of every process.
        processes: how many; more than one find RANK and so on in their environment, as of torchrun.
        log: file for what they say, None for where the caller speaks.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        processes: int = 1,
        log: Path | None = None,
    ) -> None:
        environment = {} if processes == 1 else _group(processes)
        self.processes: list[ForkServerProcess] = []
        for rank in range(processes):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if environment else {}
            process = SERVER.Process(
                target=_begin, args=({**environment, **own}, log, function, arguments)
            )
            process.start()
            self.processes.append(process)

    def is_alive(self) -> bool:
        """Whether any process runs."""
        return any(process.is_alive() for process in self.processes)

    def send(self, number: signal.Signals, rank: int = 0) -> None:
        """Sends a signal to one process."""
        pid = self.processes[rank].pid
        assert pid is not None
        os.kill(pid, number)

    def wait(self, seconds: float = 300.0) -> list[int | None]:
        """The exit statuses, negative for a signal.

        Raises:
            TimeoutError: not all processes have ended after so many seconds; they are killed.
        """
        end = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
        if self.is_alive():
            for process in self.processes:
                process.kill()
            raise TimeoutError(f"not over after {seconds} s")
        return [process.exitcode for process in self.processes]

    def kill_when(self, seen: Callable[[], object], rank: int = 0) -> bool:
        """SIGKILL of one process as soon as `seen()` is true.

        Returns:
            whether it was still running then.
        """
        while not seen():
            if not self.processes[rank].is_alive():
                return False
            time.sleep(0.0005)
        self.send(signal.SIGKILL, rank)
        self.processes[rank].join()
        return self.processes[rank].exitcode == -signal.SIGKILL


def drivetr(arguments: Sequence[str], processes: int = 1, log: Path | None = None) -> Job:
    """Starts a `drivetr` command; several processes get `--launcher pytorch`."""
    launcher = [] if processes == 1 else ["--launcher", "pytorch"]
    return Job(_command, [[*arguments, *launcher]], processes, log)


def _command(arguments: Sequence[str]) -> None:
    from drivetr.cli.main import main

    sys.exit(main(arguments))


def _begin(
    environment: dict[str, str],
    log: Path | None,
    function: Callable[..., Any],
    arguments: Sequence[Any],
) -> None:
    os.environ.update(environment)
    if log is not None:
        with log.open("a") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
    function(*arguments)


def _group(processes: int) -> dict[str, str]:
    """Where so many processes meet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
