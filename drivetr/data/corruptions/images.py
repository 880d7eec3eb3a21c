"""Corruptions that change the pixels of each camera on its own."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from drivetr.data.corruptions.blur import motion_blur
from drivetr.data.corruptions.colours import Image, brightness, color_quant, low_light
from drivetr.data.corruptions.dirt import lens_dirt
from drivetr.data.corruptions.weather import fog, snow
from drivetr.data.sampler import seed_from
from drivetr.data.transforms.draws import chance, integer
from drivetr.structures.frame import PAST, Frame

ImageCorruption = Callable[[Image, int, np.random.Generator], Image]

IMAGE_CORRUPTIONS: dict[str, ImageCorruption] = {
    "motion_blur": motion_blur,
    "color_quant": color_quant,
    "brightness": brightness,
    "low_light": low_light,
    "fog": fog,
    "snow": snow,
    "lens_dirt": lens_dirt,
}


class CorruptImages:
    """Corrupts all images of a frame, always in the same way.

    What is random depends on the sample's token, the camera and the level, and for dirt, which
    stays on a lens, on the scene instead of the token; never on the order in which frames come. An
    image of the past is corrupted too.

    Args:
        name: of `IMAGE_CORRUPTIONS`.
        level: of the corruption's own scale.
    """

    def __init__(self, name: str, level: int) -> None:
        self.name = name
        self.level = level

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The corrupted frame; the generator is not used."""
        seeds = []
        for camera in frame.camera_names:
            stays = (frame.scene, camera.removesuffix(PAST))
            place = stays if self.name == "lens_dirt" else (frame.token, camera, self.level)
            seeds.append(seed_from(self.name, *place))
        return corrupt_images(frame, self.name, self.level, seeds)


class RandomCorruption:
    """Corrupts frames of a training, each in one way out of several.

    Corruptions that are left out stay unseen, so that a test with them tells how much of the
    robustness carries over.

    Args:
        levels: level to draw from, by the name of an entry of `IMAGE_CORRUPTIONS`; levels of
            `drivetr.data.corruptions.catalogue` are those of the protocol.
        prob: probability that a frame is corrupted.
    """

    def __init__(self, levels: dict[str, tuple[int, ...]], prob: float = 0.5) -> None:
        unknown = sorted(set(levels) - set(IMAGE_CORRUPTIONS))
        if unknown or not levels or not all(levels.values()):
            raise ValueError(
                f"levels is {levels}, expected some of {', '.join(IMAGE_CORRUPTIONS)}, each with"
                " its levels"
            )
        self.levels = levels
        self.prob = prob

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame, corrupted or as it was."""
        corrupted = chance(generator, self.prob)
        names = list(self.levels)
        name = names[integer(generator, 0, len(names))]
        levels = self.levels[name]
        level = levels[integer(generator, 0, len(levels))]
        seeds = torch.randint(2**62, (len(frame.camera_names),), generator=generator).tolist()
        return corrupt_images(frame, name, level, seeds) if corrupted else frame


def corrupt_images(frame: Frame, name: str, level: int, seeds: list[int]) -> Frame:
    """A frame whose cameras show a corrupted image, but for those that delivered none.

    Args:
        frame: is not changed.
        name: of `IMAGE_CORRUPTIONS`.
        level: of its own scale.
        seeds: one a camera.
    """
    images = frame.images.clone()
    sizes, valid = frame.cameras.image_size.tolist(), frame.cameras.valid.tolist()
    for n, (height, width) in enumerate(sizes):
        if valid[n]:
            part = frame.images[n, :, :height, :width].permute(1, 2, 0).contiguous().numpy()
            changed = IMAGE_CORRUPTIONS[name](part, level, np.random.default_rng(seeds[n]))
            images[n, :, :height, :width] = torch.from_numpy(changed).permute(2, 0, 1)
    return replace(frame, images=images)
