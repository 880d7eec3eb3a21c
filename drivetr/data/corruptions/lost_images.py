"""Cameras and frames that are black, of which the detector is not told (RoboBEV)."""

from dataclasses import replace

import numpy as np
import torch

from drivetr.data.sampler import generator_from, seed_from
from drivetr.data.transforms.draws import chance
from drivetr.structures.frame import PAST, Frame


class CameraCrash:
    """Some cameras are black through a whole scene.

    RoboBEV draws the cameras once for a whole split, with replacement; here they differ from each
    other and from scene to scene, so that each camera of a split is missed somewhere.

    Args:
        share: of the cameras, rounded to whole ones; one at least is black, and one is not.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame without the images; the generator is not used."""
        owners = [name.removesuffix(PAST) for name in frame.camera_names]
        cameras = list(dict.fromkeys(owners))
        count = max(min(round(self.share * len(cameras)), len(cameras) - 1), 1)
        draws = np.random.default_rng(seed_from("camera_crash", frame.scene))
        dark = {cameras[n] for n in draws.permutation(len(cameras))[:count]}
        return blackened(frame, [owner in dark for owner in owners])


class FrameLost:
    """Every image is black by chance, for itself.

    Args:
        probability: of an image.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame without some images; the generator is not used."""
        places = (seed_from("frame_lost", frame.token, name) for name in frame.camera_names)
        return blackened(frame, [chance(generator_from(s), self.probability) for s in places])


def blackened(frame: Frame, dark: list[bool]) -> Frame:
    """A frame with zeros in place of some images, which stay valid.

    Args:
        frame: is not changed.
        dark: one a camera.
    """
    kept = ~torch.tensor(dark)
    return replace(frame, images=frame.images * kept[:, None, None, None])
