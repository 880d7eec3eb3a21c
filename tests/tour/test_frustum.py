"""Points and encodings of frusta follow the calibration."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivetr.data.synth.rig import nuscenes_rig
from drivetr.geometry.camera import project_points
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.tour.frustum import SIZE, cameras_of, look


@pytest.fixture
def encoding():
    torch.manual_seed(0)
    return FrustumPositionEncoding(embed_dim=32).eval()


@pytest.fixture
def cameras():
    return cameras_of(nuscenes_rig(*SIZE))


def test_the_asked_cell_is_like_itself_and_two_cameras_see_the_place(encoding, cameras):
    data = look(encoding, cameras)
    column, row = data["cells"][data["asked"]]
    assert data["likeness"][data["asked"], row, column] == pytest.approx(1, abs=1e-5)
    assert data["likeness"].max() <= 1 + 1e-5
    assert sum(cell is not None for cell in data["cells"]) == 2


def test_points_project_back_onto_their_row(encoding, cameras):
    points = look(encoding, cameras)["points"][0]  # columns depths 2: of the first camera
    middle = torch.cat([points, torch.full_like(points[..., :1], 1.5)], dim=-1)
    uv, depth = project_points(cameras.img_from_lidar[0, 0].float(), middle.flatten(0, 1))
    rays = uv[:, 0].unflatten(0, points.shape[:2])
    assert (depth > 0).all()
    # All points of a column stand behind the same pixel column: cameras look level.
    np.testing.assert_allclose(rays, rays[:, :1].expand_as(rays), atol=0.05)


def test_another_calibration_gives_other_data(encoding, cameras):
    moved = cameras.img_from_lidar.clone()
    moved[0, 1, :2] *= 1.1
    before, after = look(encoding, cameras), look(encoding, replace(cameras, img_from_lidar=moved))
    changed = (before["points"] != after["points"]).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, False, False]
    assert not torch.equal(before["likeness"], after["likeness"])


def test_another_weight_gives_another_likeness(encoding, cameras):
    before = look(encoding, cameras)["likeness"]
    with torch.no_grad():
        encoding.position_encoder[0].weight[0] += 1
    assert not torch.equal(look(encoding, cameras)["likeness"], before)
