"""A data loader that gives up on worker processes which no longer answer."""

import multiprocessing
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any

from torch.utils.data import DataLoader


class WatchedLoader(DataLoader[Any]):
    """Ends its workers where they let it wait too long for a batch.

    PyTorch's own timeout sees only that no batch was announced. A batch's memory is handed over by
    the worker after that, and where one is stopped in between (by SIGSTOP, a debugger, a frozen
    container), the loading process waits for it without end.
    """

    def __init__(self, *args: Any, patience_s: float, **kwargs: Any) -> None:
        """Takes DataLoader's arguments, but for `timeout`.

        Args:
            *args: of DataLoader.
            patience_s: longest wait for a batch.
            **kwargs: of DataLoader.
        """
        super().__init__(*args, **kwargs)
        self.patience_s = patience_s

    def __iter__(self) -> Any:
        """The batches; the workers have started when this returns.

        Raises (while iterating):
            RuntimeError: there was no batch in time; the workers are dead.
        """
        if self.num_workers == 0:
            return super().__iter__()
        earlier = multiprocessing.active_children()
        batches = super().__iter__()
        return self._watched(batches, _without(multiprocessing.active_children(), earlier))

    def _watched(
        self, batches: Iterator[Any], workers: list[BaseProcess]
    ) -> Generator[Any, None, None]:
        """The batches, each of which arrives in time."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            # The loading process, wherever it waits, hears of their death.
            for worker in workers:
                worker.kill()

        while True:
            timer = threading.Timer(self.patience_s, give_up)
            timer.daemon = True
            timer.start()
            try:
                batch = next(batches)
            except StopIteration:
                return
            except Exception as error:
                if not late.is_set():
                    raise
                raise RuntimeError(
                    f"DataLoader timed out after {self.patience_s} seconds"
                ) from error
            finally:
                timer.cancel()
            yield batch


def end_workers(spared: list[BaseProcess]) -> None:
    """Ends this process's loader workers: it would wait for a stalled one at its own end.

    Args:
        spared: children that are none, or not the caller's.
    """
    for child in _without(multiprocessing.active_children(), spared):
        if child.daemon:
            with suppress(RuntimeError):  # PyTorch tells of its death as of the first one's
                child.kill()
                child.join()


def _without(children: list[BaseProcess], others: list[BaseProcess]) -> list[BaseProcess]:
    return [child for child in children if child not in others]
