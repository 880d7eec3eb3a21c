"""Cameras that go dark in training, so that a detector survives it on the road."""

from dataclasses import replace

import torch

from drivetr.data.transforms.draws import chance, integer
from drivetr.structures.frame import Frame


class CameraDrop:
    """Blackens random cameras of a frame and marks them invalid; at least one is left.

    Args:
        prob: probability that a frame loses cameras.
        max_cameras: it loses 1 .. this many, all numbers equally likely.
    """

    def __init__(self, prob: float = 0.1, max_cameras: int = 1) -> None:
        self.prob = prob
        self.max_cameras = max_cameras

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with fewer valid cameras, or as it was."""
        working = frame.cameras.valid.nonzero()[:, 0]
        dropped = chance(generator, self.prob)
        count = min(integer(generator, 1, self.max_cameras + 1), len(working) - 1)
        order = torch.randperm(len(working), generator=generator)
        if not dropped or count < 1:
            return frame
        valid = frame.cameras.valid.clone()
        valid[working[order[:count]]] = False
        images = frame.images * valid[:, None, None, None]
        return replace(frame, images=images, cameras=replace(frame.cameras, valid=valid))
