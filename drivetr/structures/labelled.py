"""One image with one label, and a batch of such images of one size."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class LabelledImage:
    """An image as the dataset gives it and transforms pass it on.

    Attributes:
        name: for messages.
        id: the dataset's number of the image.
        image: RGB 0..255, or normalised floats after `Normalize`.
        label: which class it shows.
    """

    name: str
    id: int
    image: Shaped[Tensor, "3 H W"]
    label: int


@dataclass(frozen=True)
class LabelledBatch:
    """Images side by side.

    Attributes:
        images: normalised.
        labels: class of each.
        samples: the samples without their pixels.
    """

    images: Float[Tensor, "B 3 H W"]
    labels: Int[Tensor, " B"]
    samples: list[LabelledImage]

    @property
    def inputs(self) -> tuple[Tensor]:
        """What the model is called with."""
        return (self.images,)

    @property
    def truth(self) -> tuple[Tensor]:
        """What the criterion gets after the outputs."""
        return (self.labels,)

    @property
    def sizes(self) -> tuple[()]:
        """What the postprocess gets after the outputs: nothing."""
        return ()

    @property
    def targets(self) -> list[Tensor]:
        """The label of each image."""
        return list(self.labels)

    @property
    def names(self) -> list[str]:
        """What messages call the images."""
        return [sample.name for sample in self.samples]

    def to(self, device: torch.device | str) -> "LabelledBatch":
        """The same batch on another device."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
        )


def collate_labelled(samples: list[LabelledImage]) -> LabelledBatch:
    """Stacks images of one size.

    Raises:
        ValueError: an image is not normalised, or sizes differ.
    """
    if not all(sample.image.is_floating_point() for sample in samples):
        raise ValueError("an image is not normalised; let Normalize be the last transform")
    if len({sample.image.shape for sample in samples}) != 1:
        raise ValueError("cannot batch images of several sizes, or no images; resize them first")
    return LabelledBatch(
        images=torch.stack([sample.image for sample in samples]),
        labels=torch.tensor([sample.label for sample in samples]),
        samples=[replace(sample, image=sample.image[:, :0, :0]) for sample in samples],
    )
