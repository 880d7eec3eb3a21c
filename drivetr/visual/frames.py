"""What one picture of a replay shows."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from drivetr.structures.cameras import Cameras
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Targets
from drivetr.structures.ground import GroundMap


@dataclass(frozen=True)
class ReplayFrame:
    """One moment of a drive with everything that is drawn of it.

    Attributes:
        images: RGB (H, W, 3), of any sizes, one a camera; None where it is missing.
        cameras: calibration in pixels of these images, without a batch dimension.
        camera_names: channels in the order of the images.
        ego_from_lidar: where the reference frame sits on the car; the view from above is in ego.
        truth: ground truth in the reference frame; None where there is none.
        predictions: by a name that the legend shows, in the reference frame.
        points: lidar points in the reference frame, in metres.
        ground: the map around the car; None where there is none.
        ego_from_global: places `ground` under the car; None only without it.
        path: positions of the car through the scene in the reference frame, in metres.
        path_index: the entry of `path` where the car is now.
        classes: what the labels of truth and predictions mean.
        scene: name of the scene.
        subtitle: place, weather, or what else is known of the scene.
        time_s: seconds since the scene began.
        number: of this frame in the scene, from 1.
        count: frames in the scene.
        score_threshold: the predictions with a lower score were left out; None if there are none.
        note: what the reader has to know, such as that results are missing for this frame.
    """

    images: tuple[NDArray[np.uint8] | None, ...]
    cameras: Cameras
    camera_names: tuple[str, ...]
    ego_from_lidar: Float[Tensor, "4 4"]
    truth: Targets | None = None
    predictions: dict[str, Detections] = field(default_factory=dict)
    points: Float[Tensor, "P 3"] | None = None
    ground: GroundMap | None = None
    ego_from_global: Float[Tensor, "4 4"] | None = None
    path: Float[Tensor, "T 3"] | None = None
    path_index: int = 0
    classes: tuple[str, ...] = DETECTION_CLASSES
    scene: str = ""
    subtitle: str = ""
    time_s: float = 0.0
    number: int = 1
    count: int = 1
    score_threshold: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Checks that the cameras' fields agree."""
        if not len(self.images) == len(self.camera_names) == len(self.cameras.valid):
            raise ValueError(
                f"ReplayFrame: {len(self.images)} images, {len(self.camera_names)} names and"
                f" {len(self.cameras.valid)} cameras do not agree"
            )
        if self.ground is not None and self.ego_from_global is None:
            raise ValueError("ReplayFrame: ground without ego_from_global has no place")
