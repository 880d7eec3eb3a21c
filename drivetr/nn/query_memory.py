"""StreamPETR's memory of object queries (arXiv:2303.11926, sections 3.2 and 3.3)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.boxes import CENTER, VELOCITY
from drivetr.nn.modulated_norm import ModulatedNorm
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, metres_from_unit
from drivetr.nn.sine_position import sine_octaves, sine_of_scalars
from drivetr.structures.moments import Moments
from drivetr.structures.stream_memory import StreamMemory

_OCTAVES = 6
_MOTION = 2 + 1 + 12  # velocity, seconds, the upper three rows of a pose
MOTION_DIM = 2 * _OCTAVES * _MOTION


class QueryMemory(nn.Module):
    """Recalls the queries of earlier frames, tells how each has moved since, and keeps the best.

    It holds no state: the memory is a value that `recall` takes and `remember` gives.

    Args:
        span: the detection range that pseudo reference points are fractions of.
        embed_dim: width C of the queries.
        length: queries M that are kept.
        num_propagated: of these so many of the last frame become queries again. A lane that starts
            afresh begins with as many at fixed random places.
        num_pushed: queries of a frame that are remembered, by their best class score.
        single_precision: places and poses are moved through global coordinates in 32 bits, which
            is 0.1 mm off a kilometre from the map's origin and then 32 times as much in the finest
            octave. The published code does so; new trainings need not.
        tell_positions: motion and age join the positions of queries too, as published; off for
            detectors whose positions are bare points.
    """

    def __init__(
        self,
        span: Range3D,
        embed_dim: int = 256,
        length: int = 1024,
        num_propagated: int = 256,
        num_pushed: int = 256,
        single_precision: bool = False,
        tell_positions: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= num_propagated <= num_pushed <= length:
            raise ValueError(
                f"num_propagated is {num_propagated}, num_pushed {num_pushed} and length {length};"
                " expected 0 <= num_propagated <= num_pushed <= length"
            )
        self.span = span
        self.embed_dim = embed_dim
        self.length = length
        self.num_propagated = num_propagated
        self.num_pushed = num_pushed
        self.dtype = torch.float32 if single_precision else torch.float64
        # Random and not trained, as published.
        self.pseudo_reference_points = nn.Parameter(
            torch.rand(num_propagated, 3), requires_grad=False
        )
        self.pose_content = ModulatedNorm(MOTION_DIM, embed_dim)
        self.pose_position = ModulatedNorm(MOTION_DIM, embed_dim) if tell_positions else None
        self.time_embedding = nn.Sequential(
            *([nn.Linear(embed_dim, embed_dim), nn.LayerNorm(embed_dim)] if tell_positions else [])
        )

    def recall(self, memory: StreamMemory | None, moments: Moments) -> StreamMemory:
        """The memory in the reference frame and at the time of the present.

        Lanes that do not continue start afresh: empty rows, the first of them at the pseudo
        reference points and as if found just now.
        """
        fresh = self._fresh(moments)
        if memory is None:
            return fresh
        recalled = memory.moved(moments.lidar_from_global, moments.timestamp_s, self.dtype)

        def chosen(old: Tensor, new: Tensor) -> Tensor:
            return torch.where(moments.continues.view(-1, *[1] * (old.ndim - 1)), old, new)

        return StreamMemory(
            content=chosen(recalled.content, fresh.content),
            reference=chosen(recalled.reference, fresh.reference),
            age_s=chosen(recalled.age_s, fresh.age_s),
            frame_from_lidar=chosen(recalled.frame_from_lidar, fresh.frame_from_lidar),
            velocity=chosen(recalled.velocity, fresh.velocity),
            ids=chosen(recalled.ids, fresh.ids),
            next_id=memory.next_id,
        )

    def _fresh(self, moments: Moments) -> StreamMemory:
        batch, device = len(moments.continues), moments.continues.device
        memory = StreamMemory.empty(batch, self.length, self.embed_dim, device)
        points = metres_from_unit(self.pseudo_reference_points, self.span)
        memory.reference[:, : self.num_propagated] = points.double()
        identity = torch.eye(4, dtype=torch.float64, device=device)
        memory.frame_from_lidar[:, : self.num_propagated] = identity
        return memory

    def motion(self, recalled: StreamMemory) -> Float[Tensor, "B M {MOTION_DIM}"]:
        """What the norms are modulated by: velocity, age and pose of each query's own frame."""
        pose = recalled.frame_from_lidar[..., :3, :].flatten(-2)
        parts = [recalled.velocity.double(), recalled.age_s[..., None], pose]
        return sine_octaves(torch.cat(parts, dim=-1).float(), _OCTAVES)

    def standing(self, count: int, recalled: StreamMemory) -> Float[Tensor, "B Q {MOTION_DIM}"]:
        """The `motion` of queries that begin in the present frame."""
        identity = torch.eye(4, device=recalled.content.device)[:3].flatten()
        still = torch.cat([identity.new_zeros(_MOTION - len(identity)), identity])
        return sine_octaves(still, _OCTAVES).expand(len(recalled.content), count, -1)

    def placed(
        self,
        position: Position,
        motion: Float[Tensor, "B T {MOTION_DIM}"],
        age_s: Float[Tensor, "B T"],
    ) -> Position:
        """Positions that also tell motion and age."""
        if self.pose_position is None:
            return position
        if position.added is None:
            raise ValueError("QueryMemory(tell_positions=True) needs positions that are added")
        time: Tensor = self.time_embedding(sine_of_scalars(age_s, self.embed_dim).to(motion))
        return Position(self.pose_position(position.added, motion) + time, position.points)

    @torch.no_grad()
    def remember(
        self, recalled: StreamMemory, outputs: dict[str, Any], moments: Moments
    ) -> StreamMemory:
        """The memory after a frame, told globally: its best queries, then the recalled ones.

        Lanes in which no camera saw anything only grow older.

        Args:
            recalled: what `recall` gave for this frame.
            outputs: of `MultiViewDetector.decode`, with `ids` (B,Q).
            moments: of this frame.
        """
        scores = outputs["pred_logits"].sigmoid().amax(-1)
        best = scores.topk(self.num_pushed, dim=1).indices
        batch = torch.arange(len(best), device=best.device)[:, None]
        boxes = outputs["pred_boxes"][batch, best]
        blind = outputs["blind"]

        def pushed(new: Tensor, old: Tensor) -> Tensor:
            rows = torch.cat([new.to(old), old], dim=1)[:, : self.length]
            return torch.where(blind.view(-1, *[1] * (old.ndim - 1)), old, rows)

        identity = torch.eye(4, device=best.device).expand(*best.shape, -1, -1)
        memory = StreamMemory(
            content=pushed(outputs["queries"][batch, best], recalled.content),
            reference=pushed(boxes[..., CENTER], recalled.reference),
            age_s=pushed(torch.zeros_like(scores[batch, best]), recalled.age_s),
            frame_from_lidar=pushed(identity, recalled.frame_from_lidar),
            velocity=pushed(boxes[..., VELOCITY], recalled.velocity),
            ids=pushed(outputs["ids"][batch, best], recalled.ids),
            next_id=recalled.next_id + scores.shape[1],
        )
        return memory.moved(moments.global_from_lidar, -moments.timestamp_s, self.dtype)
