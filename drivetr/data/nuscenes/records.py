"""What the index tells about one sample: plain numpy, in nuScenes' own conventions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CameraRecord:
    """One image of one camera.

    Attributes:
        channel: name of the camera.
        filename: relative to the dataroot; open it through `drivetr.data.paths.resolve_inside`.
        timestamp_us: time of the exposure.
        height: of the image in pixels, as the table gives it.
        width: of the image in pixels, as the table gives it.
        intrinsic: (3, 3) float64, pixels.
        global_from_ego: (4, 4) float64 at the camera's own time.
        ego_from_cam: (4, 4) float64.
    """

    channel: str
    filename: str
    timestamp_us: int
    height: int
    width: int
    intrinsic: NDArray[np.float64]
    global_from_ego: NDArray[np.float64]
    ego_from_cam: NDArray[np.float64]


@dataclass(frozen=True)
class Annotations:
    """G boxes of one sample, in the global frame.

    Attributes:
        token: of each annotation.
        center_global: (G, 3) metres.
        size_wlh: (G, 3) width, length, height in metres.
        quaternion_wxyz: (G, 4) global_from_box.
        velocity_global: (G, 3) m/s, NaN where unknown; equal to the devkit's `box_velocity`.
        category: nuScenes category of each box.
        attribute: nuScenes attribute of each box, '' for none.
        visibility: (G,) level 1..4, 0 where unknown.
        num_lidar_pts: (G,) lidar points inside.
        num_radar_pts: (G,) radar points inside.
        instance: (G,) number of the object, the same through a scene.
        instance_token: of each object.
    """

    token: list[str]
    center_global: NDArray[np.float64]
    size_wlh: NDArray[np.float64]
    quaternion_wxyz: NDArray[np.float64]
    velocity_global: NDArray[np.float64]
    category: list[str]
    attribute: list[str]
    visibility: NDArray[np.int64]
    num_lidar_pts: NDArray[np.int64]
    num_radar_pts: NDArray[np.int64]
    instance: NDArray[np.int64]
    instance_token: list[str]

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.token)


@dataclass(frozen=True)
class SampleRecord:
    """One keyframe: where the car was, what its cameras saw, what stood around.

    Attributes:
        token: of the sample.
        scene_name: name of its scene.
        scene_row: row of its scene in `NuScenesIndex.scenes()`.
        timestamp_us: time of the sample.
        prev_row: row of the sample before, -1 for none.
        next_row: row of the sample after, -1 for none.
        continues: whether it follows `prev_row` in the same scene within 0.6 s; a temporal memory
            starts afresh where it does not.
        lidar_path: file of the LIDAR_TOP keyframe relative to the dataroot, None without a lidar.
        global_from_ego: (4, 4) float64, at the time of the lidar keyframe; without a lidar, at
            that of the keyframe image nearest to the sample's time.
        ego_from_lidar: (4, 4) float64, the identity without a lidar.
        cameras: those that have a keyframe, in the order of `NuScenesIndex.camera_names`.
        annotations: ground truth, of length 0 where there is none.
    """

    token: str
    scene_name: str
    scene_row: int
    timestamp_us: int
    prev_row: int
    next_row: int
    continues: bool
    lidar_path: str | None
    global_from_ego: NDArray[np.float64]
    ego_from_lidar: NDArray[np.float64]
    cameras: tuple[CameraRecord, ...]
    annotations: Annotations


@dataclass(frozen=True)
class SceneRecord:
    """One scene.

    Attributes:
        name: such as scene-0061.
        token: of the scene.
        description: free text.
        location: where its log was recorded.
        first_row: row of its first sample.
        num_samples: how many rows follow from there.
    """

    name: str
    token: str
    description: str
    location: str
    first_row: int
    num_samples: int
