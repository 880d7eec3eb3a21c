"""The frames that a run learns from, checked against what the model expects of them."""

from typing import Any

from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.checks import difference_of_classes
from drivetr.engine.config import RunConfig
from drivetr.engine.gather import once_first_is_done
from drivetr.engine.loaders import TrainLoaderSettings, build_dataset
from drivetr.engine.training import has_memory
from drivetr.errors import DrivetrError


def open_training_frames(config: RunConfig, builder: Builder) -> tuple[Any, TrainLoaderSettings]:
    """The training split and how it is loaded.

    The first process builds the index where it is absent; others wait.

    Raises:
        DrivetrError: the split is empty or has other classes than the config, or a key is wrong.
    """

    def opened() -> tuple[Any, TrainLoaderSettings]:
        return build_dataset(config.train_data, "train_data", builder, TrainLoaderSettings)

    dataset, loading = once_first_is_done(opened)
    if len(dataset) == 0:
        split = config.train_data.get("split")
        raise DrivetrError(
            f"{config.file}: the split {split} of train_data has no samples; name one that has"
        )
    _check_classes(config, dataset)
    return dataset, loading


def sequences_in_order(
    config: RunConfig, detector: nn.Module, dataset: Any, loading: TrainLoaderSettings
) -> list[range] | None:
    """The sequences that the training goes through in order; None where it shuffles frames.

    Raises:
        DrivetrError: the detector has a memory and the frames are shuffled, or the dataset has no
            sequences.
    """
    if has_memory(detector) and not loading.streaming:
        raise DrivetrError(
            f"{config.file}: {type(detector).__name__} has a memory and wants frames in the"
            " order of time, but train_data shuffles them; set streaming=True there"
        )
    try:
        return loading.sequences(dataset)
    except ValueError as error:
        raise DrivetrError(f"{config.file}: train_data: {error}") from error


def _check_classes(config: RunConfig, dataset: Any) -> None:
    """Refuses labels that mean something else than the config says, or nothing."""
    difference = difference_of_classes(getattr(dataset, "classes", config.classes), config.classes)
    if difference is not None:
        raise DrivetrError(
            f"{config.file}: {difference}; set the config's `classes`, and num_classes of model and"
            " criterion"
        )
