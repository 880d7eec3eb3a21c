"""GridMask: squares of a random grid are painted over."""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from drivetr.data.transforms.draws import chance, integer
from drivetr.structures.frame import Frame


class GridMask:
    """Paints a regular grid of squares over all cameras of a frame, as in PETR's training.

    The period is drawn from 2 .. height - 1 pixels; of each period the first `ratio` is a stripe
    that stays, along rows and columns, and what is on neither stripe is painted: about a quarter of
    the image for a ratio of one half. Chen et al., "GridMask Data Augmentation", arXiv 2001.04086,
    in the mode and with the numbers PETR uses.

    Args:
        prob: probability that a frame is masked.
        ratio: width of a stripe in periods.
        fill_rgb: colour 0..255; the mean that the detector subtracts, so that what is painted is
            zero (within half a grey level) in its input, where PETR multiplies by zero.
    """

    def __init__(
        self,
        prob: float = 0.7,
        ratio: float = 0.5,
        fill_rgb: tuple[float, float, float] = (123.675, 116.28, 103.53),
    ) -> None:
        self.prob = prob
        self.ratio = ratio
        self.fill_rgb = fill_rgb

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with or without squares painted over."""
        if not chance(generator, self.prob):
            return frame
        height, width = frame.images.shape[-2:]
        period = integer(generator, 2, max(height, 3))
        stripe = min(max(int(period * self.ratio + 0.5), 1), period - 1)
        rows = _stripes(generator, height, period, stripe)
        columns = _stripes(generator, width, period, stripe)
        painted = ~(rows[:, None] | columns) & frame.cameras.valid[:, None, None, None]
        colour = torch.tensor(self.fill_rgb).round().to(torch.uint8)[:, None, None]
        return replace(frame, images=torch.where(painted, colour, frame.images))


def _stripes(
    generator: torch.Generator, length: int, period: int, stripe: int
) -> Bool[Tensor, "length"]:
    """Which pixels along an axis lie on a stripe; the grid starts anywhere."""
    phase = integer(generator, 0, period)
    return (torch.arange(length) + phase) % period < stripe
