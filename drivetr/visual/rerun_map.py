"""The map as Rerun draws it: a level rectangle with a picture of the drivable ground on it."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from drivetr.structures.ground import GroundMap
from drivetr.visual.palette import PAGE, ROAD
from drivetr.visual.rerun_paths import MAP
from drivetr.visual.rerun_sdk import rr

_BELOW_M = 0.05  # under the ground, so that what lies on it is drawn over it


def log_map(
    stream: rr.RecordingStream, ground: GroundMap | None, origin: Float[NDArray[np.float64], "3"]
) -> None:
    """Logs the map of a scene; without one that of the scene before it goes away.

    Args:
        stream: where to.
        ground: the map, on the plane z = 0 of the global frame.
        origin: the place in global where the scene's world has its origin.
    """
    if ground is None:
        stream.log(MAP, rr.Clear(recursive=False))
        return
    texture = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    height, width = ground.share.shape
    ones = np.ones((4, 1))
    pixels = np.hstack([texture * (width, height), 0 * ones, ones])
    corners = (pixels @ ground.global_from_pixel.T)[:, :3] - origin - (0, 0, _BELOW_M)
    stream.log(
        MAP,
        rr.Mesh3D(
            vertex_positions=corners,
            triangle_indices=[[0, 1, 2], [0, 2, 3]],
            vertex_texcoords=texture,
            albedo_texture=_picture(ground),
        ),
    )


def _picture(ground: GroundMap) -> NDArray[np.uint8]:
    """RGB (H, W, 3): the page's colour where there is no road."""
    share = ground.share[..., None] / 255
    return np.rint(np.array(PAGE) * (1 - share) + np.array(ROAD) * share).astype(np.uint8)
