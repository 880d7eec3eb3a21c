"""Cameras that go dark in training, so that a detector survives it on the road."""

from dataclasses import replace

import torch

from drivetr.data.transforms.draws import chance, integer
from drivetr.structures.frame import PAST, Frame


class CameraDrop:
    """Blackens random cameras of a frame and marks them invalid; at least one is left.

    A camera loses its image of the past too.

    Args:
        prob: probability that a frame loses cameras.
        max_cameras: it loses 1 .. this many, all numbers equally likely.
    """

    def __init__(self, prob: float = 0.1, max_cameras: int = 1) -> None:
        self.prob = prob
        self.max_cameras = max_cameras

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with fewer valid cameras, or as it was."""
        owners = [name.removesuffix(PAST) for name in frame.camera_names]
        seen = zip(owners, frame.cameras.valid.tolist(), strict=True)
        working = list(dict.fromkeys(owner for owner, valid in seen if valid))
        dropped = chance(generator, self.prob)
        count = min(integer(generator, 1, self.max_cameras + 1), len(working) - 1)
        order = torch.randperm(len(working), generator=generator)
        if not dropped or count < 1:
            return frame
        dark = {working[i] for i in order[:count].tolist()}
        valid = frame.cameras.valid & torch.tensor([owner not in dark for owner in owners])
        images = frame.images * valid[:, None, None, None]
        return replace(frame, images=images, cameras=replace(frame.cameras, valid=valid))
