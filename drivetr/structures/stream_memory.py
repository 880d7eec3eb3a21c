"""What a detector in time carries from one frame to the next."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drivetr.geometry.rigid import transform_points


@dataclass(frozen=True)
class StreamMemory:
    """M object queries of earlier frames in each of B lanes, newest first.

    Between frames places are global and `age_s` counts from time zero (minus the timestamp), so
    that nothing has to be touched until the next frame is known. `moved` takes all of it into the
    frame and the time of the present, and back. An empty row has `frame_from_lidar` of zeros.

    Attributes:
        content: what the last decoder layer made of the queries.
        reference: float64 centres in metres.
        age_s: float64 seconds.
        frame_from_lidar: float64 pose of the reference frame in which each query was found.
        velocity: m/s along the axes of that reference frame.
        ids: number of the object, the same as long as one query goes on from another; -1 for none.
        next_id: the first number that is still free.
    """

    content: Float[Tensor, "B M C"]
    reference: Float[Tensor, "B M 3"]
    age_s: Float[Tensor, "B M"]
    frame_from_lidar: Float[Tensor, "B M 4 4"]
    velocity: Float[Tensor, "B M 2"]
    ids: Int[Tensor, "B M"]
    next_id: Int[Tensor, "B"]

    @staticmethod
    def empty(
        batch: int, length: int, embed_dim: int, device: torch.device | str = "cpu"
    ) -> "StreamMemory":
        """A memory of empty rows."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(batch, length, *shape, dtype=torch.float64, device=device)

        return StreamMemory(
            content=zeros(embed_dim).float(),
            reference=zeros(3),
            age_s=zeros(),
            frame_from_lidar=zeros(4, 4),
            velocity=zeros(2).float(),
            ids=zeros().long() - 1,
            next_id=torch.zeros(batch, dtype=torch.int64, device=device),
        )

    def moved(
        self,
        to_from_frame: Float[Tensor, "B 4 4"],
        seconds: Float[Tensor, "B"],
        dtype: torch.dtype = torch.float64,
    ) -> "StreamMemory":
        """The same queries told in another frame, so many seconds later.

        Args:
            to_from_frame: float64 pose of the present frame in the other.
            seconds: float64.
            dtype: of the arithmetic of places and poses.
        """
        pose = to_from_frame.to(dtype)
        return replace(
            self,
            reference=transform_points(pose, self.reference.to(dtype)).double(),
            frame_from_lidar=(pose[:, None] @ self.frame_from_lidar.to(dtype)).double(),
            age_s=self.age_s + seconds[:, None],
        )

    @property
    def present_velocity(self) -> Float[Tensor, "B M 2"]:
        """Velocity in m/s along the axes in which `reference` is told."""
        turn = self.frame_from_lidar[..., :2, :2].to(self.velocity)
        return (turn @ self.velocity[..., None])[..., 0]

    def to(self, device: torch.device | str) -> "StreamMemory":
        """The same memory on another device."""
        return StreamMemory(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def detach(self) -> "StreamMemory":
        """The same memory without gradients."""
        return StreamMemory(**{f.name: getattr(self, f.name).detach() for f in fields(self)})
