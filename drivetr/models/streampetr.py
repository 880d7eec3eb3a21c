"""StreamPETR: object-centric temporal modelling (arXiv:2303.11926)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.models.denoising import NoisedQueries
from drivetr.models.focal_head import FocalHead
from drivetr.models.multi_view import MultiViewDetector, Outputs, QueryStart
from drivetr.models.velocity import Remembered
from drivetr.nn.decoder import PastKeys
from drivetr.nn.position import Position
from drivetr.nn.query_memory import QueryMemory
from drivetr.nn.ranges import unit_from_metres
from drivetr.structures.cameras import Cameras
from drivetr.structures.moments import Moments
from drivetr.structures.stream_memory import StreamMemory


class StreamPETR(nn.Module):
    """PETR whose best queries go on into the next frame.

    Queries of earlier frames are moved by the car's own motion, told how old they are, and join the
    decoder: the newest as queries beside the learned ones, all others as keys of the
    self-attention.

    Args:
        detector: what looks at one moment.
        memory: recalls and keeps queries.
        alignment: tells image features through which lens they were seen: `SpatialAlignment`, or
            `CameraAlignment` for a detector that looks at a pyramid (RepDETR3D).
        focal: auxiliary 2D head on the image features, used in training only.
        move_on: remembered queries start where their velocity has taken them since, and not where
            they were seen, as published.
    """

    streams = True  # wants frames in order, and its memory back

    def __init__(
        self,
        detector: MultiViewDetector,
        memory: QueryMemory,
        alignment: nn.Module | None = None,
        focal: FocalHead | None = None,
        move_on: bool = False,
    ) -> None:
        super().__init__()
        self.detector = detector
        self.memory = memory
        self.alignment = alignment
        self.focal = focal
        self.move_on = move_on

    def forward(
        self,
        images: Tensor,
        cameras: Cameras,
        moments: Moments,
        memory: StreamMemory | None = None,
        noised: NoisedQueries | None = None,
    ) -> tuple[Outputs, StreamMemory]:
        """Detects the objects around the car, knowing what it detected before.

        Args:
            images: (B,N,3,H,W) RGB in 0..255, the next frame of B lanes.
            cameras: calibration, padding and validity of the images.
            moments: when and where, and which lanes go on.
            memory: what the last call gave; None before the first frame.
            noised: in training, ground truth with noise that the decoder is to repair.

        Returns:
            outputs of `MultiViewDetector.decode` over the learned queries and then the propagated
            ones, with `ids` (B,Q), numbers that queries keep from frame to frame, and in training
            what the auxiliary head says as `focal`; and the memory for the next frame.
        """
        features = self.detector.image_features(images, cameras)
        return self.detect(features, cameras, moments, memory, noised)

    def detect(
        self,
        features: Any,
        cameras: Cameras,
        moments: Moments,
        memory: StreamMemory | None = None,
        noised: NoisedQueries | None = None,
    ) -> tuple[Outputs, StreamMemory]:
        """The same from image features on."""
        aligned = features if self.alignment is None else self.alignment(features, cameras)
        tokens = self.detector.encode(aligned, cameras)
        recalled = self.memory.recall(memory, moments)
        start = self.start(recalled, noised)
        outputs = self.detector.decode(tokens, start, noised)
        outputs["ids"] = self.numbered(recalled, outputs["pred_logits"].shape[1])
        if self.focal is not None and self.training:
            outputs["focal"] = self.focal(features, cameras)
        return outputs, self.memory.remember(recalled, outputs, moments)

    def start(self, recalled: StreamMemory, noised: NoisedQueries | None = None) -> QueryStart:
        """Noised, learned and propagated queries, and the rest of the memory as past keys."""
        own = self.detector.start(len(recalled.content), noised)
        places = unit_from_metres(self.places(recalled), self.detector.span).to(own.reference)
        reference = torch.cat([own.reference, places], dim=1)
        standing = self.memory.standing(own.content.shape[1], recalled)
        motion = torch.cat([standing, self.memory.motion(recalled)], dim=1)
        age = torch.cat([recalled.age_s.new_zeros(standing.shape[:2]), recalled.age_s], dim=1)
        # What own queries know of themselves is not normed away; the published ones know nothing.
        learned = own.content + self.memory.pose_content(torch.zeros_like(own.content), standing)
        kept = self.memory.pose_content(recalled.content, motion[:, own.content.shape[1] :])
        content = torch.cat([learned, kept], dim=1)
        count = own.content.shape[1] + self.memory.num_propagated

        def encode(points: Tensor, rows: slice = slice(0, count)) -> Position:
            return self.memory.placed(own.encode(points), motion[:, rows], age[:, rows])

        rest = slice(count, None)
        past = PastKeys(content[:, rest], encode(reference[:, rest], rest))
        known = self.remembered(recalled)
        return QueryStart(content[:, :count], reference[:, :count], encode, past, known)

    def places(self, recalled: StreamMemory) -> Float[Tensor, "B M 3"]:
        """Where remembered queries start, in metres."""
        if not self.move_on:
            return recalled.reference
        way = recalled.present_velocity * recalled.age_s[..., None]
        return recalled.reference + F.pad(way, (0, 1))

    def remembered(self, recalled: StreamMemory) -> Remembered | None:
        """What the head may know of earlier frames, if it asks."""
        if self.detector.head.velocity is None:
            return None
        return Remembered(
            content=recalled.content,
            place=recalled.reference[..., :2].float(),
            velocity=recalled.present_velocity,
            age_s=recalled.age_s.float(),
            known=recalled.ids >= 0,
        )

    def numbered(self, recalled: StreamMemory, count: int) -> Tensor:
        """Numbers (B,Q) of the queries: those of the propagated ones go on, all others are new."""
        fresh = recalled.next_id[:, None] + torch.arange(count, device=recalled.ids.device)
        inherited = recalled.ids[:, : self.memory.num_propagated]
        new = fresh[:, count - inherited.shape[1] :]
        fresh[:, count - inherited.shape[1] :] = torch.where(inherited < 0, new, inherited)
        return fresh
