"""One image with its objects, and a batch of images of different sizes."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from drivetr.structures.targets2d import Targets2D


@dataclass(frozen=True)
class ImageSample:
    """An image as the dataset gives it and transforms pass it on.

    Attributes:
        name: of the file, for messages.
        id: the dataset's number of the image.
        image: RGB 0..255, or normalised floats after `Normalize`.
        original_size: height and width in pixels as the image lies on disk.
        targets: its objects, absent where the split has no ground truth.
    """

    name: str
    id: int
    image: Shaped[Tensor, "3 H W"]
    original_size: tuple[int, int]
    targets: Targets2D | None = None


@dataclass(frozen=True)
class ImageBatch:
    """Images side by side, padded at the right and at the bottom to a common size.

    Attributes:
        images: normalised, zero on padding.
        padding_mask: True on padding.
        original_sizes: height and width of each image on disk, which detections are told in.
        targets: one entry an image; empty where the split has no ground truth.
        samples: the samples without their pixels.
    """

    images: Float[Tensor, "B 3 H W"]
    padding_mask: Bool[Tensor, "B H W"]
    original_sizes: Int[Tensor, "B 2"]
    targets: list[Targets2D] = field(default_factory=list)
    samples: list[ImageSample] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """What the model is called with."""
        return self.images, self.padding_mask

    @property
    def truth(self) -> tuple[list[Targets2D]]:
        """What the criterion gets after the outputs."""
        return (self.targets,)

    @property
    def sizes(self) -> tuple[Tensor]:
        """What the postprocess gets after the outputs."""
        return (self.original_sizes,)

    @property
    def names(self) -> list[str]:
        """What messages call the images."""
        return [sample.name for sample in self.samples]

    def to(self, device: torch.device | str) -> "ImageBatch":
        """The same batch with all tensors on another device."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            padding_mask=self.padding_mask.to(device, non_blocking=True),
            original_sizes=self.original_sizes.to(device),
            targets=[target.to(device) for target in self.targets],
        )


def collate_images(samples: list[ImageSample]) -> ImageBatch:
    """Pads images to the largest height and width among them and stacks them.

    Raises:
        ValueError: an image is not normalised, only some have ground truth, or there are none.
    """
    if not all(sample.image.is_floating_point() for sample in samples):
        raise ValueError("an image is not normalised; let Normalize be the last transform")
    if len({sample.targets is None for sample in samples}) != 1:
        raise ValueError("cannot batch images with ground truth and images without, or no images")
    height, width = (max(s.image.shape[axis] for s in samples) for axis in (1, 2))
    images, masks = [], []
    for sample in samples:
        rows, columns = sample.image.shape[1:]
        border = (0, width - columns, 0, height - rows)
        images.append(pad(sample.image, border))
        masks.append(pad(torch.zeros(rows, columns, dtype=torch.bool), border, value=True))
    return ImageBatch(
        images=torch.stack(images),
        padding_mask=torch.stack(masks),
        original_sizes=torch.tensor([sample.original_size for sample in samples]),
        targets=[sample.targets for sample in samples if sample.targets is not None],
        samples=[replace(sample, image=sample.image[:, :0, :0]) for sample in samples],
    )
