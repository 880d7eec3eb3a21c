"""A trained model to look into, and an image as it takes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from drivetr.data.decode import decode_image_file
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.build import Builder
from drivetr.engine.convert import from_pretrained
from drivetr.engine.devices import choose_device
from drivetr.errors import DrivetrError
from drivetr.models.query_attention import multi_view_part
from drivetr.structures.images import ImageSample

Transform = Callable[[ImageSample, torch.Generator], ImageSample]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode and what its checkpoint tells of its images.

    Attributes:
        model: on `device`.
        transforms: those of its test, which end in `Normalize`; None where nobody told them.
        classes: names in the order of the labels; none where nobody told them.
        device: where it runs.
    """

    model: nn.Module
    transforms: Sequence[Transform] | None
    classes: tuple[str, ...]
    device: torch.device


def load_model(path: str | Path, device: str | None = None) -> LoadedModel:
    """Loads a checkpoint of `drivetr train`, or a folder that `drivetr convert` wrote.

    Args:
        path: of either.
        device: name of the device, None for the best there is.

    Raises:
        DrivetrError: it cannot be read.
    """
    loaded = from_pretrained(path) if Path(path).is_dir() else load_detector(path, device)
    if isinstance(loaded, nn.Module):
        chosen = choose_device(device)
        return LoadedModel(loaded.to(chosen), None, (), chosen)
    node: Any = loaded.spec.test_data.get("transforms", ())
    built = Builder(loaded.spec.source).build(node, "test_data.transforms")
    return LoadedModel(loaded.detector, built, loaded.classes, loaded.device)


def load_around(path: str | Path, device: str | None = None) -> LoadedDetector:
    """Loads a checkpoint, or a folder with a converted 3D detector, that looks around a car.

    Args:
        path: of either.
        device: name of the device, None for the best there is.

    Raises:
        DrivetrError: it cannot be read, or is no such detector.
    """
    loaded = from_pretrained(path) if Path(path).is_dir() else load_detector(path, device)
    model = loaded.detector if isinstance(loaded, LoadedDetector) else loaded
    if not isinstance(loaded, LoadedDetector) or multi_view_part(model) is None:
        raise DrivetrError(
            f"{path} holds a {type(model).__name__}, which does not look at the cameras around a"
            " car; name an IMAGE for a DETR or a ViT, or another checkpoint"
        )
    chosen = choose_device(device)
    return replace(loaded, detector=model.to(chosen), device=chosen)


def read_sample(path: Path, transforms: Sequence[Transform]) -> ImageSample:
    """An image file after the transforms; `original_size` is that of the file.

    Raises:
        DrivetrError: the file is missing, damaged or no image.
    """
    pixels = decode_image_file(path)
    sample = ImageSample(path.name, 0, pixels, (pixels.shape[1], pixels.shape[2]))
    for transform in transforms:
        sample = transform(sample, torch.Generator().manual_seed(0))
    return sample
