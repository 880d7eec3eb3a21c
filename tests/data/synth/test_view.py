"""Pictures and written calibration agree, in drivetr's own pixel convention."""

import numpy as np
import pytest
import torch

from drivetr.data.synth.raster import Buffers, Faces, draw
from drivetr.data.synth.rig import Camera, nuscenes_rig
from drivetr.data.synth.view import OVERSAMPLING, View, make_view
from drivetr.geometry.camera import img_from_cam, project_points

DEPTH = 6.0


def middle_of_a_drawn_board(camera: Camera, view: View, place: np.ndarray) -> np.ndarray:
    """(u, v) of the middle of a square that faces the camera, in pixels of the written picture."""
    corners = np.array([(-0.8, 0.8), (0.8, 0.8), (0.8, -0.8), (-0.8, -0.8)]) + place
    board = np.column_stack([corners, np.full(4, DEPTH)])[None]
    faces = Faces(board, np.full((1, 3), 200.0), np.array([-1]), np.array([0]), np.ones(1))
    shape = (camera.height * OVERSAMPLING, camera.width * OVERSAMPLING)
    buffers = Buffers(
        np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    )
    draw(buffers, faces, np.eye(4), view.intrinsic, ())
    rows, columns = np.nonzero(buffers.face == 0)
    return (np.array([columns.mean(), rows.mean()]) + 0.5) / OVERSAMPLING


@pytest.mark.parametrize("number", [0, 3])
def test_a_board_is_drawn_where_it_projects(number: int) -> None:
    camera = nuscenes_rig(96, 256).cameras[number]
    view = make_view(camera)
    places = np.random.default_rng(0).uniform((-1.2, 0.0), (1.2, 0.8), (60, 2))
    drawn = np.array([middle_of_a_drawn_board(camera, view, place) for place in places])
    points = torch.from_numpy(np.column_stack([places, np.full(len(places), DEPTH)]))
    projected = project_points(img_from_cam(torch.from_numpy(camera.intrinsic)), points)[0].numpy()
    difference = drawn - projected
    # Whole drawn pixels are a quarter off at worst, and not to one side.
    assert np.abs(difference).max() < 0.3
    assert difference.mean(axis=0) == pytest.approx([0, 0], abs=0.06)
