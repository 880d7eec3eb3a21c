"""Images beside texts, one by one and as a batch."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor


@dataclass(frozen=True)
class ImageText:
    """An image with what is said of it.

    Attributes:
        name: for messages.
        image: RGB 0..255.
        label: index of its class, -1 for none.
        caption: the text; empty where the image is to be classified.
        tokens: of the caption.
        facts: numbers for what is known of the image.
        told: the same for what the caption tells of it; 0 for what it leaves out.
    """

    name: str
    image: UInt8[Tensor, "3 S S"]
    label: int
    caption: str
    tokens: Int[Tensor, "T"]
    facts: Int[Tensor, "F"]
    told: Int[Tensor, "F"]


@dataclass(frozen=True)
class ImageTextBatch:
    """Images and texts: as many of both where they are pairs, else any number of each.

    Attributes:
        images: normalised.
        tokens: of the texts.
        facts: of each image.
        told: by the caption of each image.
        samples: what the images were made of, without their pixels.
    """

    images: Float[Tensor, "B 3 S S"]
    tokens: Int[Tensor, "A T"]
    facts: Int[Tensor, "B F"]
    told: Int[Tensor, "B F"]
    samples: list[ImageText] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """What the model is called with."""
        return self.images, self.tokens

    @property
    def truth(self) -> tuple[Tensor, Tensor]:
        """What the criterion gets after the outputs."""
        return self.facts, self.told

    @property
    def sizes(self) -> tuple[()]:
        """What the postprocess gets after the outputs: nothing."""
        return ()

    @property
    def targets(self) -> list[int]:
        """The class of each image."""
        return [sample.label for sample in self.samples]

    @property
    def names(self) -> list[str]:
        """What messages call the images."""
        return [sample.name for sample in self.samples]

    def to(self, device: torch.device | str) -> "ImageTextBatch":
        """The same batch with its tensors on another device."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            tokens=self.tokens.to(device, non_blocking=True),
            facts=self.facts.to(device, non_blocking=True),
            told=self.told.to(device, non_blocking=True),
        )
