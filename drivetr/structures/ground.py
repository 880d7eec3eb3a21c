"""The road around a drive, as a map has it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray


@dataclass(frozen=True)
class GroundMap:
    """Where the map has drivable ground, seen from above.

    Attributes:
        share: how much of each pixel is drivable, 0..255; row 0 has the largest y.
        pixel_m: side of a pixel in metres.
        corner: x and y in the global frame of the outer corner of the first pixel, which has the
            smallest x and the largest y.
    """

    share: UInt8[NDArray[np.uint8], "H W"]
    pixel_m: float
    corner: tuple[float, float]

    @property
    def global_from_pixel(self) -> Float[NDArray[np.float64], "4 4"]:
        """Takes (column, row, 0, 1), counted from the outer corner, to the ground at z = 0."""
        matrix: NDArray[np.float64] = np.diag([self.pixel_m, -self.pixel_m, 1.0, 1.0])
        matrix[:2, 3] = self.corner
        return matrix
