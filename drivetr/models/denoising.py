"""Query denoising: ground truth with noise, to be repaired beside the matched queries.

DN-DETR (arXiv:2203.01305) in the form of PETRv2 (arXiv:2206.01256, petrv2_dnhead.py): the centre is
shifted by up to half the object's size; what is shifted too far is to be called background.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from drivetr.geometry.boxes import CENTER, SIZE
from drivetr.nn.ranges import Range3D, unit_from_metres
from drivetr.structures.frame import Targets


@dataclass(frozen=True)
class NoisedQueries:
    """D = groups * G queries that start near an object.

    Attributes:
        reference: starting points in units of the detection range.
        labels: the class to answer; the number of classes stands for background.
        boxes: the true box.
        valid: False for rows that only fill up a sample with fewer objects.
        group_size: G, queries a group; groups do not see each other.
        positive_share: expected share of starting points that count as their object.
    """

    reference: Float[Tensor, "B D 3"]
    labels: Int[Tensor, "B D"]
    boxes: Float[Tensor, "B D 10"]
    valid: Bool[Tensor, "B D"]
    group_size: int
    positive_share: float

    def attention_mask(self, queries: int, past: int = 0) -> Bool[Tensor, "1 1 Q S"]:
        """Who may look at whom among noised queries followed by matched ones.

        Matched queries never see noised ones, which know the truth; a noised one sees its own group
        and the matched ones. Everybody sees the keys of the past.

        Args:
            queries: noised and matched ones together.
            past: further keys S - Q of the self-attention.
        """
        count = self.reference.shape[1]
        group = torch.full((queries + past,), -1, device=self.reference.device)
        group[:count] = torch.arange(count, device=group.device) // max(self.group_size, 1)
        return ((group[:queries, None] == group) | (group == -1))[None, None]


class QueryDenoising:
    """Draws noised queries from the ground truth of a batch.

    Args:
        num_classes: K, also the label of background.
        span: the detection range.
        groups: copies of every object.
        noise_scale: largest shift along each axis of the frame, in units of half the object's
            size.
        split: length of the drawn shift, before `noise_scale`, beyond which the answer is
            background; at most 1, as `positive_share` is a ball's part of the cube of shifts.
    """

    def __init__(
        self,
        num_classes: int,
        span: Range3D,
        groups: int = 10,
        noise_scale: float = 1.0,
        split: float = 0.75,
    ) -> None:
        if not 0 < split <= 1:
            raise ValueError(f"split is {split}, expected more than 0 and at most 1")
        self.num_classes = num_classes
        self.span = span
        self.groups = groups
        self.noise_scale = noise_scale
        self.split = split

    def __call__(self, targets: list[Targets]) -> NoisedQueries:
        """Noised queries of every sample, filled up to the largest one."""
        boxes = pad_sequence([t.boxes for t in targets], batch_first=True)  # B G 10
        labels = pad_sequence([t.labels for t in targets], batch_first=True)
        counts = torch.tensor([len(t) for t in targets], device=labels.device)
        valid = torch.arange(boxes.shape[1], device=labels.device) < counts[:, None]
        boxes, labels, valid = (
            x.repeat(1, self.groups, *[1] * (x.ndim - 2)) for x in (boxes, labels, valid)
        )
        shift = torch.rand_like(boxes[..., CENTER]) * 2 - 1
        centres = boxes[..., CENTER] + shift * boxes[..., SIZE] / 2 * self.noise_scale
        far = shift.norm(dim=-1) > self.split
        return NoisedQueries(
            reference=unit_from_metres(centres, self.span).clamp(0, 1),
            labels=labels.masked_fill(far, self.num_classes),
            boxes=boxes,
            valid=valid,
            group_size=boxes.shape[1] // self.groups,
            positive_share=torch.pi / 6 * self.split**3,
        )
