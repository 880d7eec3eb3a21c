"""Annotations of a nuScenes sample as targets of the detection task."""

import logging

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from drivetr.data.nuscenes.categories import DETECTION_CLASS_OF
from drivetr.data.nuscenes.records import Annotations
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import Targets

_logger = logging.getLogger(__name__)
_LABEL_OF = {
    category: DETECTION_CLASSES.index(name)
    for category, name in DETECTION_CLASS_OF.items()
    if name in DETECTION_CLASSES
}


class TargetBuilder:
    """Makes targets from annotations and counts those that no box can be made of.

    Args:
        min_points: lidar and radar points a box needs to be a target; 1 is mmdetection3d's
            `use_valid_flag`, 0 keeps all.

    Attributes:
        num_unusable: annotations left out because their size is not positive or a number is
            missing.
    """

    def __init__(self, min_points: int) -> None:
        self.min_points = min_points
        self.num_unusable = 0

    def build(self, annotations: Annotations, lidar_from_global: Float[Tensor, "4 4"]) -> Targets:
        """Targets in the reference frame; categories outside the ten classes are left out.

        Boxes are float64 and a velocity that the tables do not give is NaN.
        """
        labels = np.array(
            [_LABEL_OF.get(name, -1) for name in annotations.category], dtype=np.int64
        )
        points = np.asarray(annotations.num_lidar_pts) + np.asarray(annotations.num_radar_pts)
        usable = _usable(annotations)
        self._count((labels >= 0) & ~usable, annotations)
        keep = np.flatnonzero((labels >= 0) & usable & (points >= self.min_points))
        boxes = boxes_from_nuscenes(
            annotations.center_global[keep],
            annotations.size_wlh[keep],
            annotations.quaternion_wxyz[keep],
            annotations.velocity_global[keep],
            lidar_from_global,
        )
        return Targets(
            boxes=boxes,
            labels=torch.from_numpy(labels[keep]),
            num_points=_int64(points[keep]),
            visibility=_int64(annotations.visibility[keep]),
            instance=_int64(annotations.instance[keep]),
        )

    def _count(self, unusable: NDArray[np.bool_], annotations: Annotations) -> None:
        if unusable.any() and self.num_unusable == 0:
            first = int(np.flatnonzero(unusable)[0])
            _logger.warning(
                "sample_annotation.json: annotation %s has size %s, centre %s and rotation %s; such"
                " boxes are left out, which is told only once",
                annotations.token[first],
                np.asarray(annotations.size_wlh[first]).tolist(),
                np.asarray(annotations.center_global[first]).tolist(),
                np.asarray(annotations.quaternion_wxyz[first]).tolist(),
            )
        self.num_unusable += int(unusable.sum())


def _usable(annotations: Annotations) -> NDArray[np.bool_]:
    """Which annotations have a positive size, a place and a direction."""
    size = np.asarray(annotations.size_wlh)
    quaternion = np.asarray(annotations.quaternion_wxyz)
    sound = [np.isfinite(x).all(axis=1) for x in (annotations.center_global, size, quaternion)]
    sound += [(size > 0).all(axis=1), (quaternion != 0).any(axis=1)]
    usable: NDArray[np.bool_] = np.stack(sound).all(axis=0)
    return usable


def _int64(values: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.asarray(values).astype(np.int64))
