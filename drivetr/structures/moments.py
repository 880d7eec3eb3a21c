"""When and where the frames of a batch were taken."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Time and place of B frames, and whether each goes on from the one before in its lane.

    Attributes:
        global_from_lidar: float64 pose of the reference frame; affine where the frame was
            augmented.
        timestamp_s: float64 seconds; only differences within a scene mean something.
        continues: the memory of the lane's last frame belongs to the same scene and is recent;
            False makes a model with a memory start afresh.
    """

    global_from_lidar: Float[Tensor, "B 4 4"]
    timestamp_s: Float[Tensor, "B"]
    continues: Bool[Tensor, "B"]

    def __post_init__(self) -> None:
        """Checks what would silently cost precision: single seconds of Unix time need 64 bits."""
        for name in ("global_from_lidar", "timestamp_s"):
            kind = getattr(self, name).dtype
            if kind != torch.float64:
                raise ValueError(f"Moments: {name} is {kind}, expected torch.float64")

    @property
    def lidar_from_global(self) -> Float[Tensor, "B 4 4"]:
        """The inverse pose."""
        inverse: Tensor = torch.linalg.inv(self.global_from_lidar)
        return inverse

    def to(self, device: torch.device | str) -> "Moments":
        """The same moments on another device."""
        return Moments(
            self.global_from_lidar.to(device),
            self.timestamp_s.to(device),
            self.continues.to(device),
        )
