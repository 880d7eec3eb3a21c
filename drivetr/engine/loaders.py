"""Data loaders from the config: an endless stream for training, one pass in order for testing."""

import inspect
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed
from torch.utils.data import DataLoader

from drivetr.data.sampler import StreamSampler
from drivetr.engine.build import Builder
from drivetr.engine.checks import at_least
from drivetr.errors import DrivetrError
from drivetr.structures.batch import ModelBatch


@dataclass(frozen=True)
class LoaderSettings:
    """The entries of `train_data` and `test_data` that are not the dataset's.

    Attributes:
        batch_size: frames in a batch of one process.
        num_workers: loader processes; 0 loads in the training process.
    """

    batch_size: int = 1
    num_workers: int = 2

    def __post_init__(self) -> None:
        """Checks the ranges."""
        at_least(self, batch_size=1, num_workers=0)


def build_dataset(node: dict[str, Any], where: str, builder: Builder) -> tuple[Any, LoaderSettings]:
    """The dataset that `train_data` or `test_data` describes, and how to load it.

    A class that takes an `index` gets (dataroot, version); nuScenes' is built where it is absent.
    Others get the names that they take.
    """
    own = {key: value for key, value in node.items() if key in LoaderSettings.__annotations__}
    rest = {key: value for key, value in node.items() if key not in own}
    settings: LoaderSettings = builder.call(LoaderSettings, own, where)
    if rest.get("type") is None:
        raise DrivetrError(f"{builder.source}: {where} needs 'type'")
    cls = rest.pop("type")
    taken = inspect.signature(cls).parameters
    for key in ("dataroot", "version"):
        if rest.get(key) is None and ("index" in taken or key in taken):
            raise DrivetrError(f"{builder.source}: {where} needs {key!r}")
    if "index" in taken:
        rest["index"] = (rest.pop("dataroot"), rest.pop("version"))
    return builder.call(cls, rest, where), settings


def loader_for_training(
    dataset: Any, settings: LoaderSettings, seed: int, device: torch.device
) -> "DataLoader[Any]":
    """An endless loader of shuffled batches whose order depends on seed and iteration alone.

    Its sampler is a `StreamSampler`; `start_at` places it before the iterator is made.
    """
    in_parallel = distributed.is_initialized()
    sampler = StreamSampler(
        num_samples=len(dataset),
        batch_size=settings.batch_size,
        seed=seed,
        rank=distributed.get_rank() if in_parallel else 0,
        world_size=distributed.get_world_size() if in_parallel else 1,
    )
    return DataLoader(
        dataset,
        batch_size=settings.batch_size,
        sampler=sampler,
        num_workers=settings.num_workers,
        collate_fn=dataset.collate,
        pin_memory=device.type == "cuda",
        # Its own generator, so that making an iterator does not draw from the global one.
        generator=torch.Generator().manual_seed(seed),
    )


def loader_for_testing(
    dataset: Any, settings: LoaderSettings, device: torch.device
) -> "DataLoader[Any]":
    """A loader of every frame once, in the order of the dataset."""
    return DataLoader(
        dataset,
        batch_size=settings.batch_size,
        num_workers=settings.num_workers,
        collate_fn=dataset.collate,
        pin_memory=device.type == "cuda",
    )


def batches(loader: Iterable[Any]) -> Generator[ModelBatch, None, None]:
    """The batches of a loader; a worker's `DrivetrError` arrives without the worker's traceback."""
    try:
        yield from loader
    except DrivetrError as error:
        message = str(error)
        if "Original Traceback" not in message:
            raise
        raise DrivetrError(message.rpartition("DrivetrError: ")[2].strip()) from error
