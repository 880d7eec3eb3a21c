"""COCO images with their boxes, ready for transforms and a detector."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.ops import box_convert

from drivetr.data.coco.annotations import CocoImage, annotation_file, read_annotations
from drivetr.data.coco.images import CocoImageLoader
from drivetr.data.sampler import DrawKey, index_and_draws
from drivetr.errors import DrivetrError
from drivetr.structures.images import ImageSample, collate_images
from drivetr.structures.targets2d import Targets2D

Transform = Callable[[ImageSample, torch.Generator], ImageSample]
LabelKind = Literal["compact", "category_id"]

_NO_CATEGORY = "N/A"  # what DETR's authors call the numbers that COCO left out


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
        labels: "compact" numbers the categories 0, 1, ... in the order of their COCO numbers, which
            have gaps; "category_id" takes these numbers as they are, as DETR's published weights do
            (91 labels for 80 classes; those of the gaps are never used).

    Attributes:
        classes: names in the order of the labels, "N/A" for a number without a category.
        category_ids: COCO's number of each label, None for a number without a category.
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
        labels: LabelKind = "compact",
    ) -> None:
        if labels not in get_args(LabelKind) or (first is not None and first < 1):
            raise ValueError(
                f"labels {labels!r} and first {first!r}, expected 'compact' or 'category_id' and a"
                " number of images"
            )
        annotations = read_annotations(annotation_file(Path(dataroot), version, split))
        if not annotations.images:
            raise DrivetrError(f"{annotations.path}: has no images")
        self.images = annotations.images[:first]
        self.folder = split
        self.transforms = tuple(transforms)
        self.with_targets = with_targets
        names = dict(zip(annotations.category_ids, annotations.classes, strict=True))
        numbers = sorted(names) if labels == "compact" else range(max(names, default=-1) + 1)
        self.classes = tuple(names.get(number, _NO_CATEGORY) for number in numbers)
        self.category_ids = tuple(number if number in names else None for number in numbers)
        # Label of each row of the annotations' own, compact labels.
        self.label_of = np.array([self.category_ids.index(n) for n in annotations.category_ids])
        self.image_ids = [image.id for image in self.images]
        self.image_loader = CocoImageLoader(Path(dataroot), len(self.images))
        self.image_loader.require([self._path(image) for image in self.images])

    def _path(self, image: CocoImage) -> str:
        return f"{self.folder}/{image.filename}"

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, key: int | DrawKey) -> ImageSample:
        """An image with its transforms, all chance from the key (`index_and_draws`)."""
        index, generator = index_and_draws(key)
        sample = self._sample(self.images[index])
        for transform in self.transforms:
            sample = transform(sample, generator)
        if sample.targets is None:
            return sample
        boxes = sample.targets.boxes.float()
        return replace(sample, targets=replace(sample.targets, boxes=boxes))

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
            targets=self._targets(image) if self.with_targets else None,
        )

    def _targets(self, image: CocoImage) -> Targets2D:
        """Boxes in float64, so that transforms cut them exactly."""
        keep = ~image.crowd
        scale = np.array([image.width, image.height, image.width, image.height])
        corners = torch.from_numpy(image.boxes[keep] / scale)
        labels = torch.from_numpy(self.label_of[image.labels[keep]])
        return Targets2D(box_convert(corners, "xyxy", "cxcywh"), labels)
