"""A trained DETR to look into: from a checkpoint of `drivetr train` or a converted folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.looking import LoadedModel, Transform, read_sample
from drivetr.errors import DrivetrError
from drivetr.models.detr import DETR, Outputs
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.models.multi_view import MultiViewDetector
from drivetr.structures.detections2d import Detections2D
from drivetr.structures.images import ImageSample


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
        return read_sample(path, self.transforms)

    def detections(self, outputs: Outputs, size: tuple[int, int]) -> Detections2D:
        """One detection a query, in pixels of an image of height and width `size`."""
        sizes = torch.tensor([size], device=self.device)
        return BestClassPostprocess()(outputs, sizes)[0].to("cpu")

    def class_name(self, label: int) -> str:
        """Name of a label, or its number where there are no names."""
        return self.classes[label] if self.classes else f"class {label}"


def detr_of(loaded: LoadedModel, path: str | Path) -> LoadedDetr:
    """A loaded model as a DETR; `path` is named in the error where it is none.

    Images of a converted folder are resized and normalised as DETR was published.

    Raises:
        DrivetrError: it is no DETR.
    """
    published = (RandomResize((800,), longest=1333), Normalize())
    transforms = published if loaded.transforms is None else loaded.transforms
    return LoadedDetr(_checked(loaded.model, path), transforms, loaded.classes, loaded.device)


def detr_detector(path: str | Path, device: str | None = None) -> LoadedDetector:
    """A checkpoint's detector with its dataset, after a check that it is a DETR.

    Raises:
        DrivetrError: it cannot be read, or is no DETR.
    """
    loaded = load_detector(path, device)
    _checked(loaded.detector, path)
    return loaded


def _checked(model: nn.Module, path: str | Path) -> DETR:
    if isinstance(model, MultiViewDetector):
        raise DrivetrError(
            f"{path} holds a {type(model).__name__}, which looks at samples of a dataset: leave the"
            " image out and name --dataroot, --version, --split and --sample"
        )
    if not isinstance(model, DETR):
        raise DrivetrError(
            f"{path} holds a {type(model).__name__}, expected a DETR; name a checkpoint of a config"
            " in configs/detr, or a folder of `drivetr convert --model detr`"
        )
    return model
