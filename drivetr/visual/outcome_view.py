"""One camera and the view from above with boxes coloured by outcome: found, missed, false."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.structures.cameras import Cameras
from drivetr.visual.bev import draw_bev
from drivetr.visual.camera_view import draw_camera
from drivetr.visual.drawables import Drawable
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.palette import OUTCOME_COLOURS, TRUTH, BoxStyle
from drivetr.visual.text import Canvas

# The colours of the replay, which pictures of a report open.
OUTCOME_STYLES = {
    "found": BoxStyle(TRUTH, 0.8, 0.0, 0.0),
    "hit": BoxStyle(OUTCOME_COLOURS["hit"], 1.6, 0.2, 0.35),
    "missed": BoxStyle(OUTCOME_COLOURS["missed"], 1.8, 0.2, 0.4),
    "false": BoxStyle(OUTCOME_COLOURS["false"], 1.3, 0.12, 0.2),
}
OUTCOME_WORDS = (
    "White: objects that were found; green: predictions that hit; yellow: missed objects; orange:"
    " false predictions."
)
_FONT = 11
_ASPECT = 0.34  # least height of the picture as a share of its width


def outcome_box(
    box: NDArray[np.float64], corners: NDArray[np.float64], outcome: str, text: str, score: float
) -> Drawable:
    """A box in the look of its outcome.

    Args:
        box: (10,) in ego.
        corners: (8, 3) in ego.
        outcome: one of `OUTCOME_STYLES`.
        text: beside it.
        score: of a prediction; 1 for truth.
    """
    return Drawable(box, corners, OUTCOME_STYLES[outcome], text, score)


def draw_outcomes(
    image: Canvas | None,
    img_from_ego: NDArray[np.float64],
    boxes: Sequence[Drawable],
    title: str,
    range_m: float,
    width: int = 640,
) -> Canvas:
    """A camera with the view from above beside it.

    Args:
        image: RGB; None draws a placeholder.
        img_from_ego: (4, 4) projection in pixels of `image`.
        boxes: in ego, in the order in which they are drawn.
        title: name of the camera.
        range_m: metres that the view from above reaches.
        width: of the whole in pixels.
    """
    aspect = 0.5 if image is None else image.shape[0] / image.shape[1]
    height = max(round(width * aspect / (1 + aspect)), round(width * _ASPECT))
    camera = draw_camera(image, img_from_ego, boxes, (height, width - height), title, _FONT)
    no_cameras = Cameras(
        img_from_lidar=torch.zeros(0, 4, 4, dtype=torch.float64),
        image_size=torch.zeros(0, 2, dtype=torch.long),
        pad_size=(1, 1),
        valid=torch.zeros(0, dtype=torch.bool),
    )
    ground = ReplayFrame((), no_cameras, (), ego_from_lidar=torch.eye(4, dtype=torch.float64))
    above = draw_bev(ground, boxes, (height, height), range_m, _FONT)
    return np.concatenate([camera, above], axis=1)
