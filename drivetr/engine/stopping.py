"""A run that is told to stop by a signal ends its step, saves and leaves."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from drivetr.engine.gather import largest

# What `kill`, torchrun, docker and schedulers send before SIGKILL, and what `sbatch --signal=USR1`
# sends before the end of the job's time.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StopSignals:
    """Within the block, remembers the last stop signal instead of ending the process at once.

    In a thread other than the main one, where Python allows no handlers, signals keep their effect.
    """

    def __init__(self) -> None:
        self._received = 0
        self._earlier: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._earlier = {s: signal.signal(s, self._remember) for s in STOP_SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received = number

    def agreed(self) -> str | None:
        """Name of the signal that any process of the run received, or None; a collective call.

        All processes have to hear of it at the end of the same step: a checkpoint needs them all.
        """
        number = largest(self._received)
        return signal.Signals(number).name if number else None


def ignore_stop_signals(worker: int) -> None:
    """For a loader's worker, which ends with its parent and not before.

    Ctrl-C and schedulers signal the whole process group: a worker that died of it would end the run
    before it has saved.
    """
    for number in (*STOP_SIGNALS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
