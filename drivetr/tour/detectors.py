"""Small detectors that the tour trains itself, in the form that checkpoints load as."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.loaders import batches, loader_for_training
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import outputs_of
from drivetr.errors import DrivetrError
from drivetr.structures.batch import ModelBatch
from drivetr.tour.fit import fit
from drivetr.tour.part import Settings

SOURCE = "the tour's own training"


def train_detector(
    spec: DetectorSpec,
    criterion: Any,
    dataset: tuple[Path, str, str],
    recipe: tuple[int, float],
    settings: Settings,
) -> LoadedDetector:
    """A detector with weights of the seed, trained on the CPU.

    Args:
        spec: what to build; its transforms of the test are those of the training too.
        criterion: outputs and truth to weighted losses.
        dataset: dataroot, version and split to learn from.
        recipe: usual number of steps, and highest learning rate.
        settings: of the tour.
    """
    torch.manual_seed(settings.seed)
    detector, postprocess = spec.build_detector()
    loaded = LoadedDetector(detector, postprocess, spec, torch.device("cpu"))
    opened, loading = loaded.open(*dataset)
    loader = loader_for_training(opened, loading, settings.seed, loaded.device)

    def loss(batch: ModelBatch) -> Tensor:
        return sum(
            criterion(outputs_of(detector, batch), *batch.truth).values(), start=torch.zeros(())
        )

    steps, lr = recipe
    fit(detector, loss, batches(loader), settings.steps(steps), lr, type(detector).__name__)
    return loaded


def checkpoint_of(path: Path, option: str, kind: type, classes: tuple[str, ...]) -> LoadedDetector:
    """A trained detector instead of the tour's own.

    Raises:
        DrivetrError: it cannot be read, is of another kind, or knows other classes.
    """
    loaded = load_detector(path, "cpu")
    if not isinstance(loaded.detector, kind):
        raise DrivetrError(
            f"{option} {path} holds a {type(loaded.detector).__name__}, expected a {kind.__name__}"
        )
    if loaded.classes != classes:
        raise DrivetrError(
            f"{option} {path} knows the classes {', '.join(loaded.classes)}, expected"
            f" {', '.join(classes)}"
        )
    return loaded
