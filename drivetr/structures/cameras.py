"""The calibrated cameras of a frame or of a batch of frames."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

PRESENT_S = 0.15  # age up to which an image shows objects where they are now


@dataclass(frozen=True)
class Cameras:
    """N cameras around the car, for one frame or with a leading batch dimension B.

    Attributes:
        img_from_lidar: float64, takes a point of the reference frame (lidar, or ego where a rig has
            none) to (u * depth, v * depth, depth, 1) in pixels of the network's input.
        image_size: (height, width) in pixels of the part of each input that shows an image.
        pad_size: (height, width) in pixels of the network's input; the rest is padding, at the
            right and at the bottom.
        valid: False where a camera delivered nothing; its image is zeros and is not attended to.
        age_s: float64, seconds from the exposure to the moment of the reference frame; larger is
            older. None where nobody told.
    """

    img_from_lidar: Float[Tensor, "*B N 4 4"]
    image_size: Int[Tensor, "*B N 2"]
    pad_size: tuple[int, int]
    valid: Bool[Tensor, "*B N"]
    age_s: Float[Tensor, "*B N"] | None = None

    def __post_init__(self) -> None:
        """Checks that the fields agree in their leading dimensions."""
        lead = self.valid.shape
        if self.img_from_lidar.shape != (*lead, 4, 4) or self.image_size.shape != (*lead, 2):
            raise ValueError(
                f"Cameras: valid {tuple(lead)} does not fit img_from_lidar"
                f" {tuple(self.img_from_lidar.shape)} or image_size {tuple(self.image_size.shape)}"
            )

    @property
    def lidar_from_img(self) -> Float[Tensor, "*B N 4 4"]:
        """The inverse projection, computed in float64 (float32 is off by 2e-5 in PETR's logits)."""
        inverse: Tensor = torch.linalg.inv(self.img_from_lidar.double())
        return inverse

    @property
    def present(self) -> Bool[Tensor, "*B N"]:
        """True for images of the reference moment, as against those of the past and absent ones."""
        return self.valid if self.age_s is None else self.valid & (self.age_s.abs() <= PRESENT_S)

    def to(self, device: torch.device | str) -> "Cameras":
        """The same cameras on another device."""
        return replace(
            self,
            img_from_lidar=self.img_from_lidar.to(device),
            image_size=self.image_size.to(device),
            valid=self.valid.to(device),
            age_s=None if self.age_s is None else self.age_s.to(device),
        )

    @staticmethod
    def stack(cameras: "list[Cameras]") -> "Cameras":
        """A batch of cameras from those of single frames; all must share the pad size."""
        sizes = {c.pad_size for c in cameras}
        if len(sizes) != 1:
            raise ValueError(f"cannot batch frames of different input sizes {sorted(sizes)}")
        ages = [c.age_s for c in cameras if c.age_s is not None]
        return Cameras(
            img_from_lidar=torch.stack([c.img_from_lidar for c in cameras]),
            image_size=torch.stack([c.image_size for c in cameras]),
            pad_size=cameras[0].pad_size,
            valid=torch.stack([c.valid for c in cameras]),
            age_s=torch.stack(ages) if len(ages) == len(cameras) else None,
        )
