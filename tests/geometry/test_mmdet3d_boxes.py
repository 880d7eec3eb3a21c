import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from drivetr.geometry.boxes import box_corners, make_boxes
from drivetr.geometry.mmdet3d_boxes import boxes_from_mmdet3d, mmdet3d_from_boxes

F64 = torch.float64
VERSIONS = ["before_1.0", "since_1.0"]
versions = pytest.mark.parametrize("version", VERSIONS)
rows = st.tuples(
    *[st.floats(-60, 60)] * 3, *[st.floats(0.1, 20)] * 3, st.floats(-9, 9), *[st.floats(-9, 9)] * 2
)


def boxes_of(row) -> torch.Tensor:
    values = torch.tensor([row], dtype=F64)
    return make_boxes(values[:, :3], values[:, 3:6], values[:, 6], values[:, 7:])


@versions
@given(row=rows)
def test_there_and_back(version, row):
    boxes = boxes_of(row)
    foreign = mmdet3d_from_boxes(boxes, version)
    assert (-math.pi <= foreign[:, 6]).all()
    assert (foreign[:, 6] <= math.pi).all()
    torch.testing.assert_close(boxes_from_mmdet3d(foreign, version), boxes, atol=1e-9, rtol=0)


@versions
@given(row=rows)
def test_corners_equal_the_version_s_own_formula(version, row):
    """mmdetection3d turned clockwise with dx = width before 1.0, as boxes are turned since then."""
    boxes = boxes_of(row)
    x, y, bottom, dx, dy, dz, yaw = mmdet3d_from_boxes(boxes, version)[0, :7].tolist()
    turn = -yaw if version == "before_1.0" else yaw
    expected = [
        (
            x + i * dx / 2 * math.cos(turn) - j * dy / 2 * math.sin(turn),
            y + i * dx / 2 * math.sin(turn) + j * dy / 2 * math.cos(turn),
            bottom + k * dz,
        )
        for i in (-1, 1)
        for j in (-1, 1)
        for k in (0, 1)
    ]
    distance = torch.cdist(box_corners(boxes)[0], torch.tensor(expected, dtype=F64))
    assert distance.min(dim=1).values.max() < 1e-5
    assert distance.min(dim=0).values.max() < 1e-5


@versions
def test_input_is_left_alone(version):
    boxes = boxes_of((1, 2, 3, 4, 2, 1.5, 0.3, 5, 6))
    before = boxes.clone()
    foreign = mmdet3d_from_boxes(boxes, version)
    foreign_before = foreign.clone()
    boxes_from_mmdet3d(foreign, version)
    assert torch.equal(boxes, before)
    assert torch.equal(foreign, foreign_before)


@versions
@pytest.mark.parametrize("lead", [(0,), (2, 3)])
def test_shapes(version, lead):
    assert boxes_from_mmdet3d(torch.ones(*lead, 9), version).shape == (*lead, 10)
    assert mmdet3d_from_boxes(torch.ones(*lead, 10), version).shape == (*lead, 9)


def test_the_versions_disagree():
    boxes = boxes_of((1, 2, 3, 4, 2, 1.5, 0.3, 5, 6))
    old, new = (mmdet3d_from_boxes(boxes, version)[0] for version in VERSIONS)
    assert old[:3].tolist() == new[:3].tolist() == [1, 2, 2.25]
    assert old[3:6].tolist() == [2, 4, 1.5]
    assert new[3:6].tolist() == [4, 2, 1.5]
    assert float(old[6]) == pytest.approx(-0.3 - math.pi / 2)


def test_unknown_version_is_refused():
    with pytest.raises(TypeCheckError, match="version"):
        boxes_from_mmdet3d(torch.ones(1, 9), "1.0")
