"""A trained DETR to look into: from a checkpoint of `drivetr train` or a converted folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from drivetr.data.decode import decode_image_file
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.build import Builder
from drivetr.engine.convert import from_pretrained
from drivetr.engine.devices import choose_device
from drivetr.errors import DrivetrError
from drivetr.models.detr import DETR, Outputs
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.structures.detections2d import Detections2D
from drivetr.structures.images import ImageSample

Transform = Callable[[ImageSample, torch.Generator], ImageSample]


@dataclass(frozen=True)
class LoadedDetr:
    """A DETR in evaluation mode, and how an image becomes its input.

    Attributes:
        model: on `device`.
        transforms: those of its test; they end in `Normalize`.
        classes: names in the order of the labels; none where nobody told them.
        device: where it runs.
    """

    model: DETR
    transforms: Sequence[Transform]
    classes: tuple[str, ...]
    device: torch.device

    def read(self, path: Path) -> ImageSample:
        """An image file as the model takes it; `original_size` is that of the file.

        Raises:
            DrivetrError: the file is missing, damaged or no image.
        """
        pixels = decode_image_file(path)
        sample = ImageSample(path.name, 0, pixels, (pixels.shape[1], pixels.shape[2]))
        for transform in self.transforms:
            sample = transform(sample, torch.Generator().manual_seed(0))
        return sample

    def detections(self, outputs: Outputs, size: tuple[int, int]) -> Detections2D:
        """One detection a query, in pixels of an image of height and width `size`."""
        sizes = torch.tensor([size], device=self.device)
        return BestClassPostprocess()(outputs, sizes)[0].to("cpu")

    def class_name(self, label: int) -> str:
        """Name of a label, or its number where there are no names."""
        return self.classes[label] if self.classes else f"class {label}"


def load_detr(path: str | Path, device: str | None = None) -> LoadedDetr:
    """Loads a DETR.

    Args:
        path: a checkpoint, or a folder that `drivetr convert` wrote, whose images are resized and
            normalised as DETR was published.
        device: name of the device, None for the best there is.

    Raises:
        DrivetrError: it cannot be read, or is no DETR.
    """
    if Path(path).is_dir():
        model = _checked(from_pretrained(path), path)
        transforms = (RandomResize((800,), longest=1333), Normalize())
        chosen = choose_device(device)
        return LoadedDetr(model.to(chosen), transforms, (), chosen)
    loaded = detr_detector(path, device)
    node: Any = loaded.spec.test_data.get("transforms", ())
    built = Builder(loaded.spec.source).build(node, "test_data.transforms")
    return LoadedDetr(loaded.detector, built, loaded.classes, loaded.device)  # type: ignore[arg-type]


def detr_detector(path: str | Path, device: str | None = None) -> LoadedDetector:
    """A checkpoint's detector with its dataset, after a check that it is a DETR.

    Raises:
        DrivetrError: it cannot be read, or is no DETR.
    """
    loaded = load_detector(path, device)
    _checked(loaded.detector, path)
    return loaded


def _checked(model: nn.Module, path: str | Path) -> DETR:
    if not isinstance(model, DETR):
        raise DrivetrError(
            f"{path} holds a {type(model).__name__}, expected a DETR; name a checkpoint of a config"
            " in configs/detr, or a folder of `drivetr convert --model detr`"
        )
    return model
