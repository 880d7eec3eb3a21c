"""A small made-up frame for the tests of drawing: cameras around a car, boxes around it."""

import numpy as np
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_about_z
from drivetr.structures.cameras import Cameras
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Targets
from drivetr.visual.frames import ReplayFrame

# Columns: where the camera's right, down and forward point in ego (x forward, y left, z up).
EGO_FROM_OPTICAL = torch.tensor(
    [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64
)


def camera_matrix(azimuth_deg: float, size: tuple[int, int], focal: float) -> torch.Tensor:
    """`img_from_ego` of a camera 1.5 m above the origin; azimuth 0 is forward, 90 is left."""
    rotation = rotation_about_z(torch.tensor(np.deg2rad(azimuth_deg))) @ EGO_FROM_OPTICAL
    ego_from_cam = rigid_from(rotation, torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64))
    intrinsic = torch.eye(4, dtype=torch.float64)
    intrinsic[0, 0] = intrinsic[1, 1] = focal
    intrinsic[0, 2], intrinsic[1, 2] = size[1] / 2, size[0] / 2
    return intrinsic @ invert_rigid(ego_from_cam)


def targets(boxes: torch.Tensor, labels: list[int]) -> Targets:
    """Targets that the lidar hit."""
    count = len(labels)
    return Targets(
        boxes=boxes,
        labels=torch.tensor(labels, dtype=torch.long),
        num_points=torch.full((count,), 9),
        visibility=torch.full((count,), 4),
        instance=torch.arange(count),
    )


def sample_frame(
    azimuths: tuple[float, ...] = (0.0, -55.0, 55.0, 180.0, 110.0, -110.0),
    size: tuple[int, int] = (96, 256),
    **changes: object,
) -> ReplayFrame:
    """Grey images, a car ahead, one to the left, and a prediction; the reference frame is ego."""
    boxes = make_boxes(
        torch.tensor([[15.0, 0.0, 0.8], [2.0, 10.0, 0.8]], dtype=torch.float64),
        torch.tensor([[4.0, 2.0, 1.6]] * 2, dtype=torch.float64),
        torch.tensor([0.0, 1.0], dtype=torch.float64),
        torch.tensor([[5.0, 0.0], [torch.nan, torch.nan]], dtype=torch.float64),
    )
    count = len(azimuths)
    fields: dict[str, object] = {
        "images": tuple(np.full((*size, 3), 90, dtype=np.uint8) for _ in azimuths),
        "cameras": Cameras(
            img_from_lidar=torch.stack([camera_matrix(a, size, size[1] * 0.7) for a in azimuths]),
            image_size=torch.tensor([size] * count),
            pad_size=size,
            valid=torch.ones(count, dtype=torch.bool),
        ),
        "camera_names": tuple(f"CAM_{i}" for i in range(count)),
        "ego_from_lidar": torch.eye(4, dtype=torch.float64),
        "truth": targets(boxes, [0, 0]),
        "predictions": {"petr": Detections(boxes[:1], torch.tensor([0.8]), torch.tensor([0]))},
        "scene": "scene-0001",
        "score_threshold": 0.3,
    }
    return ReplayFrame(**(fields | changes))
