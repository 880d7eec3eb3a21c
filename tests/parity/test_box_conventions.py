"""Box converters against recordings of mmdetection3d, both sides of 1.0, and of the devkit."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from drivetr.geometry.box_codes import BOX_CODES, boxes_from_code, code_from_boxes
from drivetr.geometry.boxes import (
    CENTER,
    SIZE,
    VELOCITY,
    BoxColumn,
    box_corners,
    box_yaw,
    make_boxes,
    transform_boxes,
)
from drivetr.geometry.mmdet3d_boxes import boxes_from_mmdet3d, mmdet3d_from_boxes
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes, nuscenes_from_boxes
from drivetr.geometry.rigid import rigid_from, rotation_about_z

TOLERANCE = 1e-5  # metres, radians, metres per second
VERSIONS = {"box_convention_old_tiny": "before_1.0", "box_convention_new_tiny": "since_1.0"}
CODES = {"box_convention_old_tiny": "petr", "box_convention_new_tiny": "streampetr"}
both_versions = pytest.mark.parametrize("case", VERSIONS)


KNOWN = {*VERSIONS, "box_convention_mmdet3d14_tiny"}


def load(golden_dir, case: str) -> dict[str, Tensor]:
    if not (golden_dir / f"{case}.safetensors").is_file():
        pytest.skip(f"{golden_dir} has no {case}")
    return {key: t.double() for key, t in load_file(golden_dir / f"{case}.safetensors").items()}


def nuscenes_boxes(tensors: dict[str, Tensor]) -> Tensor:
    yaw = tensors["input/nusc_yaw"]
    zero = torch.zeros_like(yaw)
    quaternion = torch.stack([(yaw / 2).cos(), zero, zero, (yaw / 2).sin()], dim=-1)
    return boxes_from_nuscenes(
        tensors["input/nusc_center"],
        tensors["input/nusc_wlh"],
        quaternion,
        tensors["input/nusc_velocity"],
        torch.eye(4, dtype=torch.float64),
    )


def assert_rows_equal(actual: Tensor, expected: Tensor, yaw: int = 6) -> None:
    """Rows of nine, whose column `yaw` is an angle that may differ by whole turns."""
    turns = (actual[:, yaw] - expected[:, yaw]) / (2 * math.pi)
    torch.testing.assert_close(turns, turns.round(), atol=TOLERANCE, rtol=0)
    keep = [column for column in range(actual.shape[1]) if column != yaw]
    torch.testing.assert_close(actual[:, keep], expected[:, keep], atol=TOLERANCE, rtol=0)


def assert_same_corner_sets(actual: Tensor, expected: Tensor) -> None:
    """Corners in any order; they are at least centimetres apart, so the pairing is one to one."""
    distance = torch.cdist(actual, expected)
    nearest = distance.argmin(dim=-1)
    assert (nearest.sort(dim=-1).values == torch.arange(8)).all()
    assert distance.min(dim=-1).values.max() < 4 * TOLERANCE


@both_versions
def test_devkit_corners(golden_dir, case):
    tensors = load(golden_dir, case)
    assert_same_corner_sets(box_corners(nuscenes_boxes(tensors)), tensors["input/nusc_corners"])


@both_versions
def test_mmdet3d_tensor(golden_dir, case):
    tensors = load(golden_dir, case)
    boxes = nuscenes_boxes(tensors)
    assert_rows_equal(mmdet3d_from_boxes(boxes, VERSIONS[case]), tensors["output/lidar_tensor"])
    back = boxes_from_mmdet3d(tensors["output/lidar_tensor"], VERSIONS[case])
    torch.testing.assert_close(back, boxes, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(
        back[:, CENTER], tensors["output/gravity_center"], atol=TOLERANCE, rtol=0
    )


@both_versions
def test_mmdet3d_corners(golden_dir, case):
    tensors = load(golden_dir, case)
    boxes = boxes_from_mmdet3d(tensors["output/lidar_tensor"], VERSIONS[case])
    assert_same_corner_sets(box_corners(boxes), tensors["output/corners"])


@both_versions
def test_head_code(golden_dir, case):
    tensors, code = load(golden_dir, case), BOX_CODES[CODES[case]]
    boxes = nuscenes_boxes(tensors)
    torch.testing.assert_close(
        code_from_boxes(boxes, code), tensors["output/code10"], atol=TOLERANCE, rtol=0
    )
    torch.testing.assert_close(
        boxes_from_code(tensors["output/code10"], code), boxes, atol=TOLERANCE, rtol=1e-6
    )


@both_versions
def test_decoded_code(golden_dir, case):
    tensors = load(golden_dir, case)
    decoded = tensors["output/decoded"]
    boxes = boxes_from_code(tensors["output/code10"], BOX_CODES[CODES[case]])
    as_mmdet3d = mmdet3d_from_boxes(boxes, VERSIONS[case])
    as_mmdet3d[:, CENTER] = boxes[:, CENTER]  # the decoder keeps the gravity centre
    assert_rows_equal(as_mmdet3d, decoded)


@both_versions
def test_submission(golden_dir, case):
    tensors = load(golden_dir, case)
    boxes = boxes_from_mmdet3d(tensors["output/lidar_tensor"], VERSIONS[case])
    center, size_wlh, quaternion, velocity = nuscenes_from_boxes(
        boxes, torch.eye(4, dtype=torch.float64)
    )
    for actual, name in [(center, "center"), (size_wlh, "wlh")]:
        torch.testing.assert_close(
            actual, tensors[f"output/nusc_out_{name}"], atol=TOLERANCE, rtol=0
        )
    torch.testing.assert_close(velocity, tensors["input/nusc_velocity"], atol=TOLERANCE, rtol=0)
    turns = 2 * torch.atan2(quaternion[:, 3], quaternion[:, 0]) - tensors["output/nusc_out_yaw"]
    turns = turns / (2 * math.pi)
    torch.testing.assert_close(turns, turns.round(), atol=TOLERANCE, rtol=0)


def linear(matrix: Tensor) -> Tensor:
    return rigid_from(matrix.double(), torch.zeros(3, dtype=torch.float64))


# mmdetection3d before 1.0 turned clockwise for a positive angle.
MOVES = {
    "flip_horizontal": {v: linear(torch.diag(torch.tensor([1, -1, 1]))) for v in VERSIONS.values()},
    "flip_vertical": {v: linear(torch.diag(torch.tensor([-1, 1, 1]))) for v in VERSIONS.values()},
    "rotate_0.3": {
        "before_1.0": linear(rotation_about_z(torch.tensor(-0.3, dtype=torch.float64))),
        "since_1.0": linear(rotation_about_z(torch.tensor(0.3, dtype=torch.float64))),
    },
    "scale_1.05": {v: linear(1.05 * torch.eye(3)) for v in VERSIONS.values()},
}


@both_versions
@pytest.mark.parametrize("move", MOVES)
def test_bev_augmentation(golden_dir, case, move):
    tensors, version = load(golden_dir, case), VERSIONS[case]
    moved = transform_boxes(MOVES[move][version], nuscenes_boxes(tensors))
    assert_rows_equal(mmdet3d_from_boxes(moved, version), tensors[f"output/{move}"])


@pytest.mark.parametrize("case", ["box_convention_mmdet3d14_tiny"])
@pytest.mark.parametrize("project", ["petr", "detr3d"])
def test_ports_of_mmdet3d(golden_dir, case, project):
    tensors, code = load(golden_dir, case), BOX_CODES[f"mmdet3d_{project}"]
    rows = tensors["input/boxes"]
    boxes = make_boxes(rows[:, CENTER], rows[:, SIZE], rows[:, 6], rows[:, 7:])
    raw = tensors[f"output/{project}_code10"]
    torch.testing.assert_close(code_from_boxes(boxes, code), raw, atol=TOLERANCE, rtol=0)
    decoded = boxes_from_code(raw, code)
    columns = [decoded[:, CENTER], decoded[:, SIZE], box_yaw(decoded)[:, None]]
    columns.append(decoded[:, VELOCITY])
    assert_rows_equal(torch.cat(columns, dim=1), tensors[f"output/{project}_decoded"])


@pytest.mark.parametrize("case", ["box_convention_mmdet3d14_tiny"])
def test_original_and_port_hold_the_same_boxes(golden_dir, case):
    tensors = load(golden_dir, case)
    original = boxes_from_code(tensors["input/old_code10"], BOX_CODES["petr"])
    for project in ("petr", "detr3d"):
        port = boxes_from_code(tensors[f"output/{project}_code10"], BOX_CODES[f"mmdet3d_{project}"])
        torch.testing.assert_close(port, original, atol=TOLERANCE, rtol=1e-6)
    converted = code_from_boxes(original, BOX_CODES["mmdet3d_detr3d"])
    torch.testing.assert_close(
        converted, tensors["output/converted_old_code10"], atol=TOLERANCE, rtol=0
    )


def test_no_recording_is_overlooked(golden_dir):
    assert {path.stem for path in golden_dir.glob("box_convention_*.json")} <= KNOWN


def test_height_is_where_the_bottom_is(golden_dir):
    """A converter that forgot the bottom would be off by half the height."""
    tensors = load(golden_dir, "box_convention_new_tiny")
    boxes = nuscenes_boxes(tensors)
    gap = boxes[:, BoxColumn.Z] - tensors["output/lidar_tensor"][:, BoxColumn.Z]
    assert (gap > 0.2).all()
