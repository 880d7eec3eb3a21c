"""What a detector found in one frame."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Detections:
    """M boxes of one frame, in its reference frame (lidar, or ego where a rig has none).

    Attributes:
        boxes: in the convention of `drivetr.geometry.boxes`.
        scores: confidence in 0..1.
        labels: index into the detector's classes.
        ids: number of the object that a query was carried along for, the same through a scene;
            several boxes of one query share it. None where a detector carries no queries.
        queries: which of the model's queries gave each box; None for boxes of no query.
    """

    boxes: Float[Tensor, "M 10"]
    scores: Float[Tensor, "M"]
    labels: Int[Tensor, "M"]
    ids: Int[Tensor, "M"] | None = None
    queries: Int[Tensor, "M"] | None = None

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.scores)

    def __getitem__(self, keep: Tensor | slice) -> "Detections":
        """The boxes chosen by a mask, indices or a slice."""
        ids = None if self.ids is None else self.ids[keep]
        queries = None if self.queries is None else self.queries[keep]
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep], ids, queries)

    def to(self, device: torch.device | str) -> "Detections":
        """The same detections on another device."""
        return replace(
            self,
            boxes=self.boxes.to(device),
            scores=self.scores.to(device),
            labels=self.labels.to(device),
            ids=None if self.ids is None else self.ids.to(device),
            queries=None if self.queries is None else self.queries.to(device),
        )
