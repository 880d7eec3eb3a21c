"""A choice between two chains of transforms."""

from collections.abc import Callable, Sequence

import torch

from drivetr.data.transforms.draws import chance
from drivetr.structures.images import ImageSample

ImageTransform = Callable[[ImageSample, torch.Generator], ImageSample]


class Either:
    """Applies one of two chains (DETR's RandomSelect).

    Args:
        first: transforms, one after the other.
        second: the others.
        probability: of the first chain.
    """

    def __init__(
        self,
        first: Sequence[ImageTransform],
        second: Sequence[ImageTransform],
        probability: float = 0.5,
    ) -> None:
        self.first = tuple(first)
        self.second = tuple(second)
        self.probability = probability

    def __call__(self, sample: ImageSample, generator: torch.Generator) -> ImageSample:
        """The sample after the chain that chance names."""
        chain = self.first if chance(generator, self.probability) else self.second
        for transform in chain:
            sample = transform(sample, generator)
        return sample
