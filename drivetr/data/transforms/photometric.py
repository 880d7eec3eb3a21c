"""Random brightness, contrast, saturation and hue."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.transforms.draws import chance, uniform
from drivetr.structures.frame import Frame

# Luma and chroma axes of the NTSC standard; turning the two chroma axes turns the hue.
_YIQ_FROM_RGB = torch.tensor(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]],
    dtype=torch.float64,
)


class PhotometricDistortion:
    """Distorts the colours of each camera on its own, each of four ways with probability 1/2.

    Strengths are those of DETR3D and SSD (`PhotoMetricDistortionMultiViewImage`). There saturation
    and hue change in HSV with clipping between the steps; here both are linear in YIQ, so all four
    are one 3x3 matrix and one shift a camera, applied in one pass and clipped once.

    Args:
        brightness: largest shift, in grey levels of 0..255.
        contrast_range: factors on all channels.
        saturation_range: factors on the chroma.
        hue_deg: largest rotation of the hue in degrees.
    """

    def __init__(
        self,
        brightness: float = 32.0,
        contrast_range: tuple[float, float] = (0.5, 1.5),
        saturation_range: tuple[float, float] = (0.5, 1.5),
        hue_deg: float = 18.0,
    ) -> None:
        self.brightness = brightness
        self.contrast_range = contrast_range
        self.saturation_range = saturation_range
        self.hue_deg = hue_deg

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame in other colours; cameras that delivered nothing stay black."""
        images = torch.empty_like(frame.images)
        for n in range(len(images)):
            matrix, shift = self.draw(generator)
            if not frame.cameras.valid[n]:
                images[n] = frame.images[n]
                continue
            pixels = frame.images[n].permute(1, 2, 0).float()  # H W 3
            pixels = (pixels @ matrix.T.float()).add_(shift).round_().clamp_(0, 255)
            images[n] = pixels.to(torch.uint8).permute(2, 0, 1)
        return replace(frame, images=images)

    def draw(self, generator: torch.Generator) -> tuple[Float[Tensor, "3 3"], float]:
        """Matrix on RGB and shift in grey levels of one camera."""
        brightness = self._maybe(generator, -self.brightness, self.brightness, 0.0)
        contrast = self._maybe(generator, *self.contrast_range, 1.0)
        saturation = self._maybe(generator, *self.saturation_range, 1.0)
        hue = math.radians(self._maybe(generator, -self.hue_deg, self.hue_deg, 0.0))
        sin, cos = saturation * math.sin(hue), saturation * math.cos(hue)
        turn = torch.tensor([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], dtype=torch.float64)
        matrix = contrast * torch.linalg.inv(_YIQ_FROM_RGB) @ turn @ _YIQ_FROM_RGB
        return matrix, contrast * brightness

    @staticmethod
    def _maybe(generator: torch.Generator, low: float, high: float, neutral: float) -> float:
        value = uniform(generator, low, high)
        return value if chance(generator, 0.5) else neutral
