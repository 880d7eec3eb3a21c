"""Cameras that go dark in training, so that a detector survives it on the road."""

from dataclasses import replace

import torch

from drivetr.data.transforms.draws import chance, integer
from drivetr.structures.frame import PAST, Frame


class CameraDrop:
    """Blackens random cameras of a frame; at least one is left.

    A camera loses its image of the past too.

    Args:
        prob: probability that a frame loses cameras.
        max_cameras: it loses 1 .. this many, all numbers equally likely.
        told: the detector is told which images are missing (they are not `valid`, and it does not
            look at them); else it has to see for itself that they are black.
    """

    def __init__(self, prob: float = 0.1, max_cameras: int = 1, told: bool = True) -> None:
        self.prob = prob
        self.max_cameras = max_cameras
        self.told = told

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
        cameras = replace(frame.cameras, valid=valid) if self.told else frame.cameras
        return replace(frame, images=images, cameras=cameras)
