"""COCO images with their boxes, ready for transforms and a detector."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.ops import box_convert

from drivetr.data.coco.annotations import CocoImage, annotation_file, read_annotations
from drivetr.data.image_loader import ImageLoader
from drivetr.data.sampler import DrawKey, generator_from, seed_from
from drivetr.errors import DrivetrError
from drivetr.structures.images import ImageSample, collate_images
from drivetr.structures.targets2d import Targets2D

Transform = Callable[[ImageSample, torch.Generator], ImageSample]


class CocoDataset(Dataset[ImageSample]):
    """The images of a split, in the order of their numbers.

    Regions of many objects (`iscrowd`) are no targets, as in DETR; the evaluator knows them.

    Args:
        dataroot: folder with `annotations/` and a folder of images for each split.
        version: year of the dataset, such as "2017".
        split: such as "train2017"; it ends in the version.
        transforms: applied one after the other; all chance comes from the generator they are given.
        with_targets: give ground truth.
        first: only so many images, those with the smallest numbers; None for all.

    Attributes:
        classes: names in the order of the labels.
        category_ids: COCO's number of each label.
        image_ids: COCO's number of each image.
    """

    collate = staticmethod(collate_images)

    def __init__(
        self,
        dataroot: str | Path,
        version: str,
        split: str,
        transforms: Sequence[Transform] = (),
        with_targets: bool = True,
        first: int | None = None,
    ) -> None:
        annotations = read_annotations(annotation_file(Path(dataroot), version, split))
        if not annotations.images:
            raise DrivetrError(f"{annotations.path}: has no images")
        self.images = annotations.images[:first]
        self.folder = split
        self.transforms = tuple(transforms)
        self.with_targets = with_targets
        self.classes = annotations.classes
        self.category_ids = annotations.category_ids
        self.image_ids = [image.id for image in self.images]
        self.image_loader = ImageLoader(Path(dataroot), len(self.images))
        self.image_loader.require([self._path(image) for image in self.images])

    def _path(self, image: CocoImage) -> str:
        return f"{self.folder}/{image.filename}"

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, key: int | DrawKey) -> ImageSample:
        """An image with its transforms.

        Args:
            key: from `StreamSampler`, which brings the random draws of its place in the stream; or
                a plain index, which always gives the same draws.
        """
        if not isinstance(key, DrawKey):
            key = DrawKey(key, seed_from("plain", key))
        sample = self._sample(self.images[key.index])
        generator = generator_from(key.seed)
        for transform in self.transforms:
            sample = transform(sample, generator)
        return sample

    def _sample(self, image: CocoImage) -> ImageSample:
        size = (image.height, image.width)
        pixels = self.image_loader.load(self._path(image), *size)
        if pixels is None:
            raise ValueError("a strict image loader gave no image")
        return ImageSample(
            name=self._path(image),
            id=image.id,
            image=pixels,
            original_size=size,
            targets=_targets(image) if self.with_targets else None,
        )


def _targets(image: CocoImage) -> Targets2D:
    keep = ~image.crowd
    scale = np.array([image.width, image.height, image.width, image.height])
    corners = torch.from_numpy(image.boxes[keep] / scale).float()
    return Targets2D(box_convert(corners, "xyxy", "cxcywh"), torch.from_numpy(image.labels[keep]))
