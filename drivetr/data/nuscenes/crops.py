"""Pictures of single objects, cut out of the images of a nuScenes dataset, with texts."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.functional import InterpolationMode, hflip, resized_crop

from drivetr.data.captions import caption, class_prompts, draw_template, fact_codes
from drivetr.data.clip_images import normalised, square_window
from drivetr.data.image_loader import ImageLoader
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.data.nuscenes.objects import seen_objects
from drivetr.data.nuscenes.surroundings import empty_windows, objects_in_front
from drivetr.data.sampler import DrawKey, index_and_draws
from drivetr.data.tokenizer import CONTEXT_LENGTH, Tokenizer
from drivetr.errors import DrivetrError
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.pairs import ImageText, ImageTextBatch

_LABELS = {name: label for label, name in enumerate(DETECTION_CLASSES)}
_LEAST_WINDOW = 0.7  # of a crop's side, in training
_LIGHT = 0.2  # largest change of brightness in training, as a share


@dataclass(frozen=True)
class CropRule:
    """Which objects become pictures, and of which size.

    Attributes:
        size: side of the square pictures in pixels.
        margin: share of the object's longer side that is shown around it.
        min_side: pixels that the longer side of the object needs in the camera's image.
        min_visibility: nuScenes level 1..4 that it needs.
        min_in_view: share of the object's bounds that has to be within the image.
        surroundings: there are also pictures of objects in front of others, and of places where
            there is nothing; for training.
    """

    size: int = 48
    margin: float = 0.15
    min_side: float = 16.0
    min_visibility: int = 2
    min_in_view: float = 0.5
    surroundings: bool = False


class ObjectCrops:
    """The pictures of a split's objects; each is cut once and then kept in memory.

    Args:
        index: of the dataset, or (dataroot, version).
        split: name of the split.
        rule: which objects, and of which size.

    Raises:
        DrivetrError: no such split, or one without objects.
    """

    def __init__(
        self, index: NuScenesIndex | tuple[str | Path, str], split: str, rule: CropRule
    ) -> None:
        self.index = open_index(*index) if isinstance(index, tuple) else index
        rows = self.index.samples_of_split(split)
        self.rule = rule
        needs = (rule.min_side, rule.min_visibility, rule.min_in_view)
        self.objects = seen_objects(self.index, rows, *needs)
        if rule.surroundings:
            everything = seen_objects(self.index, rows)
            self.objects += [*objects_in_front(self.objects), *empty_windows(everything)]
        if not self.objects:
            raise DrivetrError(
                f"{self.index.dataroot} {self.index.version}: split {split!r} has no object of the"
                f" ten classes that is at least {rule.min_side:g} pixels large and of visibility"
                f" {rule.min_visibility} or more, and at least {rule.min_in_view:.0%} in view"
            )
        self.image_loader = ImageLoader(self.index.dataroot, len(rows))
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.objects)

    def picture(self, number: int) -> UInt8[Tensor, "3 S S"]:
        """The object of that number."""
        if number not in self._kept:
            seen = self.objects[number]
            camera = seen.camera
            image = self.image_loader.load(camera.filename, camera.height, camera.width)
            if image is None:
                raise ValueError("a strict image loader gave no image")
            rule = self.rule
            self._kept[number] = square_window(image, seen.bounds, rule.size, rule.margin)
        return self._kept[number]


class _CropDataset(Dataset[ImageText]):
    """What both datasets of crops have."""

    classes = DETECTION_CLASSES

    def __init__(
        self,
        index: NuScenesIndex | tuple[str | Path, str],
        split: str,
        rule: CropRule,
        context_length: int = CONTEXT_LENGTH,
        vocabulary: str | None = None,
    ) -> None:
        """Finds the objects.

        Args:
            index: of the dataset, or (dataroot, version).
            split: name of the split.
            rule: which objects, and of which size.
            context_length: of the model's text tower.
            vocabulary: file of the tokenizer; None for that of the installed package.
        """
        self.tokenizer = Tokenizer(vocabulary, context_length)
        self.crops = ObjectCrops(index, split, rule)

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.crops)


class CaptionedCrops(_CropDataset):
    """Objects with a sentence about each, for contrastive training.

    The generator of a sample draws its sentence, a window of its picture, how bright it is and
    whether it is mirrored.
    """

    def __getitem__(self, key: int | DrawKey) -> ImageText:
        """An object with a sentence, all chance from the key (`index_and_draws`)."""
        index, generator = index_and_draws(key)
        seen = self.crops.objects[index]
        template = draw_template(generator)
        text = caption(seen.facts, template)
        return ImageText(
            name=seen.token,
            image=_varied(self.crops.picture(index), generator),
            label=_LABELS.get(seen.facts.name, -1),
            caption=text,
            tokens=self.tokenizer([text])[0],
            facts=fact_codes(seen.facts),
            told=fact_codes(seen.facts, template),
        )

    @staticmethod
    def collate(samples: list[ImageText]) -> ImageTextBatch:
        """Pairs of images and texts."""
        return _batch(samples, torch.stack([sample.tokens for sample in samples]))


class PromptedCrops(_CropDataset):
    """Objects to be classified by prompts: every batch brings the prompts of all classes."""

    def __getitem__(self, key: int) -> ImageText:
        """An object without a sentence; nothing is drawn."""
        seen = self.crops.objects[key]
        label = _LABELS[seen.facts.name]
        nothing = torch.zeros(0, dtype=torch.int64)
        facts = fact_codes(seen.facts)
        picture = self.crops.picture(key)
        return ImageText(seen.token, picture, label, "", nothing, facts, torch.zeros_like(facts))

    def collate(self, samples: list[ImageText]) -> ImageTextBatch:
        """Images, and the prompts of all classes."""
        return _batch(samples, self.tokenizer(class_prompts(self.classes)))


def _varied(picture: UInt8[Tensor, "3 S S"], generator: torch.Generator) -> UInt8[Tensor, "3 S S"]:
    """A window of the picture at the picture's size, lighter or darker, mirrored half the time."""
    size = picture.shape[-1]
    scale, row, column, light, mirror = torch.rand(5, generator=generator).tolist()
    side = round(size * (_LEAST_WINDOW + scale * (1 - _LEAST_WINDOW)))
    room = size - side
    window: Tensor = resized_crop(
        picture, round(row * room), round(column * room), side, side, [size, size],
        InterpolationMode.BILINEAR, antialias=True,
    )  # fmt: skip
    brighter = (window * (1 + _LIGHT * (2 * light - 1))).clamp(max=255).to(torch.uint8)
    return hflip(brighter) if mirror < 0.5 else brighter


def _batch(samples: list[ImageText], tokens: Tensor) -> ImageTextBatch:
    images = normalised(torch.stack([sample.image for sample in samples]))
    facts, told = (torch.stack([getattr(s, key) for s in samples]) for key in ("facts", "told"))
    bare = [replace(sample, image=sample.image[:, :0, :0]) for sample in samples]
    return ImageTextBatch(images, tokens, facts, told, bare)
