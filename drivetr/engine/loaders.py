"""Data loaders from the config: an endless stream for training, one pass in order for testing."""

import inspect
import multiprocessing
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch.utils.data import Dataset

from drivetr.data.lane_sampler import LaneSampler, split_evenly
from drivetr.data.sampler import DrawKey, StreamSampler
from drivetr.engine.build import Builder
from drivetr.engine.checks import at_least
from drivetr.engine.gather import rank_and_size
from drivetr.engine.stopping import ignore_stop_signals
from drivetr.engine.watched_loader import WatchedLoader, end_workers
from drivetr.errors import DrivetrError
from drivetr.structures.batch import ModelBatch


@dataclass(frozen=True)
class LoaderSettings:
    """The entries of `train_data` and `test_data` that are not the dataset's.

    Attributes:
        batch_size: frames in a batch of one process.
        num_workers: loader processes; 0 loads in the training process.
        worker_timeout_s: longest wait for a batch of theirs before the run gives up.
    """

    batch_size: int = 1
    num_workers: int = 2
    worker_timeout_s: int = 600

    def __post_init__(self) -> None:
        """Checks the ranges."""
        at_least(self, batch_size=1, num_workers=0, worker_timeout_s=1)


@dataclass(frozen=True)
class TrainLoaderSettings(LoaderSettings):
    """Those of `train_data`, which also tell in what order the frames come.

    Attributes:
        streaming: every place in the batch shows frames in the order of time, for models with a
            memory; else they are shuffled one by one.
        sequences_per_scene: with `streaming`, parts into which each unbroken run of a scene is cut;
            every part is a sequence of its own.
        turns: with `streaming`, batches of lanes that take turns, each with a memory of its own.
            With one, steps that follow each other show nearly the same frames, from which a short
            training learns less.
    """

    streaming: bool = False
    sequences_per_scene: int = 2
    turns: int = 1

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        at_least(self, sequences_per_scene=1, turns=1)
        for name in ("sequences_per_scene", "turns"):
            if not self.streaming and getattr(self, name) != getattr(TrainLoaderSettings, name):
                raise ValueError(f"{name} is for streaming=True only; leave it out")

    def sequences(self, dataset: Any) -> list[range] | None:
        """The sequences that lanes are made of, or None where frames are shuffled.

        Raises:
            ValueError: the samples of the dataset have no order in time.
        """
        if not self.streaming:
            return None
        if not hasattr(dataset, "sequences"):
            raise ValueError(
                f"streaming=True needs frames in the order of time, which {type(dataset).__name__}"
                " does not have; leave it out"
            )
        return split_evenly(dataset.sequences(), self.sequences_per_scene)


_Settings = TypeVar("_Settings", bound=LoaderSettings)


def build_dataset(
    node: dict[str, Any], where: str, builder: Builder, kind: type[_Settings]
) -> tuple[Any, _Settings]:
    """The dataset that `train_data` or `test_data` describes, and how to load it.

    A class that takes an `index` gets (dataroot, version); nuScenes' is built where it is absent.
    Others get the names that they take.

    Args:
        node: the entry of the config.
        where: its name.
        builder: of the config.
        kind: of the settings that come back.
    """
    names = {field.name for field in fields(kind)}
    own = {key: value for key, value in node.items() if key in names}
    rest = {key: value for key, value in node.items() if key not in own}
    settings: _Settings = builder.call(kind, own, where)
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
    dataset: Any,
    settings: LoaderSettings,
    seed: int,
    device: torch.device,
    sequences: list[range] | None = None,
    turns: int = 1,
) -> WatchedLoader:
    """An endless loader of batches whose order depends on seed and iteration alone.

    Its sampler is a `StreamSampler` of shuffled frames, or where sequences are given a
    `LaneSampler` with so many turns; `start_at` places it before the iterator is made.
    """
    rank, world_size = rank_and_size()
    places = {
        "batch_size": settings.batch_size,
        "seed": seed,
        "rank": rank,
        "world_size": world_size,
    }
    return WatchedLoader(
        NamedSamples(dataset),
        batch_size=settings.batch_size,
        sampler=StreamSampler(len(dataset), **places)
        if sequences is None
        else LaneSampler(sequences, **places, turns=turns),
        **_workers(settings),
        collate_fn=dataset.collate,
        pin_memory=device.type == "cuda",
        # Its own generator, so that making an iterator does not draw from the global one.
        generator=torch.Generator().manual_seed(seed),
    )


def loader_for_testing(
    dataset: Any,
    settings: LoaderSettings,
    device: torch.device,
    places: list[list[int]] | None = None,
) -> WatchedLoader:
    """A loader of batches, each of the samples at given places of the dataset.

    Without `places` it gives every sample once, in the order of the dataset.
    """
    if places is None:
        places = in_order(len(dataset), settings.batch_size)
    return WatchedLoader(
        NamedSamples(dataset),
        batch_sampler=places,
        **_workers(settings),
        collate_fn=dataset.collate,
        pin_memory=device.type == "cuda",
    )


def in_order(samples: int, batch_size: int) -> list[list[int]]:
    """The places of so many samples, cut into batches."""
    return [
        list(range(start, min(start + batch_size, samples)))
        for start in range(0, samples, batch_size)
    ]


def _workers(settings: LoaderSettings) -> dict[str, Any]:
    """What a loader is told of its processes."""
    return {
        "num_workers": settings.num_workers,
        "patience_s": settings.worker_timeout_s,
        "worker_init_fn": ignore_stop_signals,
    }


class NamedSamples(Dataset[Any]):
    """A dataset whose errors name the sample that could not be loaded."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: int | DrawKey) -> Any:
        """The sample.

        Raises:
            DrivetrError: whatever kept it from being loaded, a bug as well: a worker process hands
                on no more than a text.
        """
        try:
            return self.dataset[key]
        except Exception as error:
            index = key.index if isinstance(key, DrawKey) else key
            kind = "" if isinstance(error, DrivetrError) else f"{type(error).__name__}: "
            raise DrivetrError(
                f"sample {self._name(index)} cannot be loaded: {kind}{error}"
            ) from error

    def _name(self, index: int) -> str:
        """The token of a sample where the dataset has tokens, else its place."""
        tokens = getattr(self.dataset, "tokens", None)
        return f"number {index}" if tokens is None else str(tokens[index])


def batches(loader: Iterable[Any]) -> Generator[ModelBatch, None, None]:
    """The batches of a loader; a worker's `DrivetrError` arrives without the worker's traceback."""
    try:
        yield from loader
    except DrivetrError as error:
        message = str(error)
        if "Original Traceback" not in message:
            raise
        raise DrivetrError(message.rpartition("DrivetrError: ")[2].strip()) from error


@contextmanager
def dead_workers_told() -> Iterator[None]:
    """Within the block, the end of a loader's worker is a user's error, with what to do about it.

    PyTorch tells of it wherever the main thread happens to be, not only where it waits for a batch.
    No worker outlives the block, however it ends.
    """
    earlier = multiprocessing.active_children()
    try:
        yield
    except RuntimeError as error:
        what = str(error).partition("\n")[0].strip().rstrip(".")
        if not what.startswith("DataLoader"):
            raise
        raise DrivetrError(f"{what}; {_remedy(what)}") from error
    finally:
        end_workers(spared=earlier)


def _remedy(what: str) -> str:
    """What helps against the end of a worker of which PyTorch says `what`."""
    if "timed out" in what:
        return "look whether the disk answers, or raise worker_timeout_s of train_data or test_data"
    if "Bus error" in what:
        return "shared memory is full: enlarge /dev/shm (docker: --shm-size), or lower num_workers"
    return (
        "if it was not you, the system ran out of memory (see `dmesg`): lower num_workers or"
        " batch_size"
    )
