"""What the processes of a run tell each other; with one process nothing is sent.

All functions are collective calls: every process has to come, in the same order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from drivetr.errors import DrivetrError

_T = TypeVar("_T")


def rank_and_size() -> tuple[int, int]:
    """The number of this process and how many there are; (0, 1) without a process group."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gathered(mine: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Named tensors of all processes, on the CPU and in the order of their ranks.

    Every process has to come with the same names, shapes and types.
    """
    held = {name: value.detach().cpu() for name, value in mine.items()}
    if not distributed.is_initialized():
        return [held]
    ranks: list[dict[str, Tensor]] = [{} for _ in range(distributed.get_world_size())]
    for name, value in held.items():
        sent = value.reshape(-1).view(torch.uint8)  # gloo does not carry every type
        received = [torch.empty_like(sent) for _ in ranks]
        distributed.all_gather(received, sent)
        for rank, data in zip(ranks, received, strict=True):
            rank[name] = data.view(value.dtype).reshape(value.shape)
    return ranks


def of_all_processes(mine: _T) -> list[_T]:
    """A plain object of every process, in the order of their ranks."""
    if not distributed.is_initialized():
        return [mine]
    received: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(received, mine)
    return received


def to_first_process(mine: _T) -> list[_T]:
    """As `of_all_processes` in the first process; an empty list in the others."""
    if not distributed.is_initialized():
        return [mine]
    rank, size = rank_and_size()
    received: list[Any] | None = [None] * size if rank == 0 else None
    distributed.gather_object(mine, received)
    return received or []


def largest(number: int) -> int:
    """The largest of the numbers that the processes come with."""
    if not distributed.is_initialized():
        return number
    held = torch.tensor(number)
    distributed.all_reduce(held, distributed.ReduceOp.MAX)
    return int(held)


def by_first_process(action: Callable[[], _T]) -> _T:
    """What `action` returns in the first process, which alone carries it out.

    Raises:
        DrivetrError: in every process, where the first one met it.
    """
    if not distributed.is_initialized():
        return action()
    told: list[Any] = [None, None]
    if distributed.get_rank() == 0:
        try:
            told[0] = action()
        except DrivetrError as error:
            told[1] = str(error)
    distributed.broadcast_object_list(told, src=0)
    if told[1] is not None:
        raise DrivetrError(told[1])
    result: _T = told[0]
    return result


def once_first_is_done(action: Callable[[], _T]) -> _T:
    """What `action` returns in this process; the others begin when the first one has done it.

    Raises:
        DrivetrError: in every process, where the first one met it.
    """
    done: list[_T] = []
    by_first_process(lambda: done.append(action()))
    return done[0] if done else action()


@contextmanager
def lost_processes_told() -> Iterator[None]:
    """Within the block, the end of another process of the run is told in a sentence.

    Raises:
        DrivetrError: this process waits for one that is gone.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        raise DrivetrError(
            f"process {distributed.get_rank()} lost another process of the run, which failed or was"
            " killed; look at what that one said, and go on with --resume"
        ) from error
