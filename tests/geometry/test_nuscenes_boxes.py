import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from nuscenes import NuScenes
from nuscenes.eval.common.utils import quaternion_yaw
from nuscenes.utils.data_classes import Box
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion

from drivetr.geometry.boxes import CENTER, HEADING, SIZE, VELOCITY, box_corners, box_yaw
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes, nuscenes_from_boxes
from drivetr.geometry.rigid import invert_rigid

rows = st.tuples(
    st.floats(0, 2500), st.floats(0, 2500), st.floats(-5, 60),
    *[st.floats(0.1, 20)] * 3, st.floats(-math.pi, math.pi), *[st.floats(-20, 20)] * 2,
)  # fmt: skip
tilts = st.floats(-0.1, 0.1)  # roads and roofs, in radians
poses = st.tuples(st.floats(-math.pi, math.pi), tilts, tilts)


def pose_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    rotation = (
        Quaternion(axis=[0, 0, 1], angle=yaw)
        * Quaternion(axis=[0, 1, 0], angle=pitch)
        * Quaternion(axis=[1, 0, 0], angle=roll)
    )
    matrix = rotation.transformation_matrix
    matrix[:3, 3] = [1000.0, 900.0, 1.8]
    return matrix


def annotation(row) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    quaternion = Quaternion(axis=[0, 0, 1], angle=row[6]).elements
    columns = row[:3], row[3:6], quaternion, row[7:]
    return tuple(np.array([column], dtype=np.float64) for column in columns)


def lidar_from(global_from_lidar: np.ndarray) -> torch.Tensor:
    return invert_rigid(torch.from_numpy(global_from_lidar))


@given(rows, poses)
def test_there_and_back(row, pose):
    global_from_lidar, columns = pose_matrix(*pose), annotation(row)
    boxes = boxes_from_nuscenes(*columns, lidar_from(global_from_lidar))
    assert boxes.dtype == torch.float64
    center, size_wlh, quaternion, velocity = nuscenes_from_boxes(boxes, global_from_lidar)
    np.testing.assert_allclose(center.numpy(), columns[0], atol=1e-8)
    np.testing.assert_allclose(size_wlh.numpy(), columns[1])
    np.testing.assert_allclose(velocity.numpy(), columns[3], atol=1e-9)
    assert float(quaternion[0, 0]) >= 0
    difference = quaternion_yaw(Quaternion(quaternion[0].numpy())) - row[6]
    assert abs(math.remainder(difference, 2 * math.pi)) < 1e-9


@given(rows, st.floats(-math.pi, math.pi))
def test_equals_the_devkit_where_the_lidar_is_level(row, yaw):
    """The devkit's way into the lidar frame: translate, rotate back; corners as a set."""
    global_from_lidar = pose_matrix(yaw, 0, 0)
    box = Box(
        list(row[:3]),
        list(row[3:6]),
        Quaternion(axis=[0, 0, 1], angle=row[6]),
        velocity=(*row[7:], 0.0),
    )
    box.translate(-global_from_lidar[:3, 3])
    box.rotate(Quaternion(axis=[0, 0, 1], angle=yaw).inverse)
    boxes = boxes_from_nuscenes(*annotation(row), lidar_from(global_from_lidar))
    np.testing.assert_allclose(boxes[0, CENTER].numpy(), box.center, atol=1e-8)
    np.testing.assert_allclose(boxes[0, SIZE].numpy(), box.wlh[[1, 0, 2]])
    np.testing.assert_allclose(boxes[0, VELOCITY].numpy(), box.velocity[:2], atol=1e-9)
    difference = float(box_yaw(boxes)) - quaternion_yaw(box.orientation)
    assert abs(math.remainder(difference, 2 * math.pi)) < 1e-9
    distance = torch.cdist(box_corners(boxes)[0], torch.from_numpy(box.corners().T.copy()))
    assert distance.min(dim=1).values.max() < 1e-4
    assert distance.min(dim=0).values.max() < 1e-4


@given(rows, poses)
def test_heading_and_velocity_are_horizontal_parts_in_a_tilted_lidar(row, pose):
    global_from_lidar = pose_matrix(*pose)
    boxes = boxes_from_nuscenes(*annotation(row), lidar_from(global_from_lidar))
    rotation = Quaternion(matrix=global_from_lidar[:3, :3], atol=1e-6, rtol=1e-6).inverse
    forward = rotation.rotate(np.array([math.cos(row[6]), math.sin(row[6]), 0.0]))
    yaw = math.atan2(forward[1], forward[0])
    assert abs(math.remainder(float(box_yaw(boxes)) - yaw, 2 * math.pi)) < 1e-9
    velocity = rotation.rotate(np.array([*row[7:], 0.0]))
    np.testing.assert_allclose(boxes[0, VELOCITY].numpy(), velocity[:2], atol=1e-9)


def test_velocity_may_have_three_columns_or_be_unknown():
    center, size, quaternion, velocity = annotation((1, 2, 3, 4, 5, 6, 0.3, 7, 8))
    eye = np.eye(4)
    three = np.c_[velocity, [0.5]]
    expected = boxes_from_nuscenes(center, size, quaternion, velocity, eye)
    torch.testing.assert_close(boxes_from_nuscenes(center, size, quaternion, three, eye), expected)
    unknown = boxes_from_nuscenes(center, size, quaternion, np.full((1, 3), np.nan), eye)
    assert unknown[:, VELOCITY].isnan().all()
    torch.testing.assert_close(unknown[:, :8], expected[:, :8])
    assert nuscenes_from_boxes(unknown, eye)[3].isnan().all()


def test_no_boxes():
    empty = [np.zeros((0, width)) for width in (3, 3, 4, 2)]
    boxes = boxes_from_nuscenes(*empty, np.eye(4))
    assert boxes.shape == (0, 10)
    shapes = [tuple(part.shape) for part in nuscenes_from_boxes(boxes, np.eye(4))]
    assert shapes == [(0, 3), (0, 3), (0, 4), (0, 2)]


def test_read_only_arrays_are_neither_shared_nor_warned_about(recwarn):
    columns = annotation((1, 2, 3, 4, 5, 6, 0.3, 7, 8))
    for column in columns:
        column.flags.writeable = False
    boxes = boxes_from_nuscenes(*columns, np.eye(4))
    boxes.zero_()
    assert columns[0].tolist() == [[1, 2, 3]]
    assert not recwarn.list


def test_wrong_shape_is_refused():
    center, size, _, velocity = annotation((1, 2, 3, 4, 5, 6, 0.3, 7, 8))
    with pytest.raises(TypeCheckError, match="quaternion_wxyz"):
        boxes_from_nuscenes(center, size, np.zeros((1, 3)), velocity, np.eye(4))


def test_real_annotations_equal_the_devkit_s_boxes_in_the_lidar_frame(nuscenes_real):
    """Real lidars are tilted, so this is the whole chain: global, ego, lidar."""
    nusc = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
    for sample in nusc.sample:
        token = sample["data"]["LIDAR_TOP"]
        _, expected, _ = nusc.get_sample_data(token)
        global_from_lidar = lidar_pose(nusc, token)
        annotations = [nusc.get("sample_annotation", token) for token in sample["anns"]]
        columns = [
            np.array([annotation[key] for annotation in annotations], dtype=np.float64)
            for key in ("translation", "size", "rotation")
        ]
        velocity = np.array([nusc.box_velocity(token) for token in sample["anns"]])
        boxes = boxes_from_nuscenes(*columns, velocity, lidar_from(global_from_lidar))
        for box, row in zip(expected, boxes, strict=True):
            np.testing.assert_allclose(row[CENTER].numpy(), box.center, atol=1e-8)
            np.testing.assert_allclose(row[SIZE].numpy(), box.wlh[[1, 0, 2]])
            forward = box.rotation_matrix[:2, 0] / np.linalg.norm(box.rotation_matrix[:2, 0])
            np.testing.assert_allclose(row[HEADING].numpy(), forward, atol=1e-8)
        center, size, quaternion, velocity_again = nuscenes_from_boxes(boxes, global_from_lidar)
        np.testing.assert_allclose(center.numpy(), columns[0], atol=1e-8)
        np.testing.assert_allclose(size.numpy(), columns[1])
        same = np.abs((quaternion.numpy() * columns[2]).sum(axis=1))  # q and -q are one rotation
        np.testing.assert_allclose(same, 1, atol=1e-10)
        np.testing.assert_allclose(velocity_again.numpy(), velocity[:, :2], atol=1e-9)


def lidar_pose(nusc: NuScenes, token: str) -> np.ndarray:
    """`global_from_lidar` of a sample_data record, by the devkit's own helper."""
    record = nusc.get("sample_data", token)
    entries = [
        nusc.get("ego_pose", record["ego_pose_token"]),
        nusc.get("calibrated_sensor", record["calibrated_sensor_token"]),
    ]
    global_from_ego, ego_from_lidar = (
        transform_matrix(entry["translation"], Quaternion(entry["rotation"])) for entry in entries
    )
    return global_from_ego @ ego_from_lidar
