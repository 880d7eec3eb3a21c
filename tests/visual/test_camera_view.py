"""Boxes on images: the right pixels, nothing where nothing is."""

import numpy as np
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.visual.camera_view import draw_camera, draw_seen, look_at
from drivetr.visual.drawables import drawables
from drivetr.visual.palette import CLASS_COLOURS
from tests.visual.scenery import camera_matrix, sample_frame, targets

SIZE = (400, 600)


def _boxes(center: list[float], size: list[float], yaw: float = 0.0) -> list:
    box = make_boxes(
        torch.tensor([center], dtype=torch.float64),
        torch.tensor([size], dtype=torch.float64),
        torch.tensor([yaw], dtype=torch.float64),
    )
    return drawables(sample_frame(truth=targets(box, [0]), predictions={}))


def _camera(azimuth: float) -> np.ndarray:
    return camera_matrix(azimuth, SIZE, 300.0).numpy()


class TestLookAt:
    def test_bounds_by_hand(self) -> None:
        # Faces at 10 and 14 m, 2 m wide, from 0.5 m below to 0.5 m above the camera (1.5 m high):
        # the near one spans 300 +- 300 * 1 / 10 columns and 200 +- 300 * 0.5 / 10 rows.
        seen = look_at(_boxes([12.0, 0.0, 1.5], [4.0, 2.0, 1.0]), _camera(0.0), *SIZE)
        np.testing.assert_allclose(seen[0].bounds, [270, 185, 330, 215])
        assert seen[0].depth == 12.0
        # The car heads away: its front is the far face, 2 * 300 / 14 px wide.
        width = np.ptp(seen[0].front[:, 0])
        np.testing.assert_allclose(width, 600 / 14)

    def test_behind_and_beside_is_nothing(self) -> None:
        assert look_at(_boxes([12.0, 0.0, 1.5], [4.0, 2.0, 1.0]), _camera(180.0), *SIZE) == []
        assert look_at(_boxes([0.0, 8.0, 1.5], [4.0, 2.0, 1.0]), _camera(0.0), *SIZE) == []

    def test_beside_and_partly_ahead_stays_on_its_side(self) -> None:
        # A bus to the left whose front is ahead of the camera and whose tail is behind it.
        seen = look_at(_boxes([0.0, 3.0, 1.5], [12.0, 2.0, 2.0]), _camera(0.0), *SIZE)
        left, _, right, _ = seen[0].bounds
        assert left <= 0.0
        assert right <= 300 - 300 * 2 / 6 + 1e-6

    def test_around_the_camera_is_finite(self) -> None:
        seen = look_at(_boxes([0.0, 0.0, 1.5], [8.0, 4.0, 3.0]), _camera(0.0), *SIZE)
        assert np.isfinite(seen[0].segments).all()

    def test_far_ones_come_first(self) -> None:
        boxes = _boxes([12.0, 0.0, 1.5], [4.0, 2.0, 1.0]) + _boxes([30, 0, 1.5], [4.0, 2.0, 1.0])
        assert [s.depth for s in look_at(boxes, _camera(0.0), *SIZE)] == [30.0, 12.0]


def test_drawn_pixels_lie_along_the_edges() -> None:
    canvas = np.zeros((*SIZE, 3), dtype=np.uint8)
    seen = look_at(_boxes([12.0, 0.0, 1.5], [4.0, 2.0, 1.0]), _camera(0.0), *SIZE)
    draw_seen(canvas, seen, hairline=1.0)
    rows, columns = np.nonzero((canvas == CLASS_COLOURS["car"]).all(axis=2))
    np.testing.assert_allclose(
        [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], [270, 185, 330, 215], atol=2
    )


class TestDrawCamera:
    def test_image_keeps_its_aspect(self) -> None:
        image = np.full((100, 100, 3), 200, dtype=np.uint8)
        panel = draw_camera(image, _camera(0.0), [], (90, 160), "FRONT", 10)
        bright = (panel == 200).all(axis=2)
        assert panel.shape == (90, 160, 3)
        assert bright[60, 36:124].all()
        assert not bright[:, :34].any()
        assert not bright[:, 126:].any()

    def test_missing_image(self) -> None:
        panel = draw_camera(None, _camera(0.0), [], (90, 160), "FRONT", 10)
        assert panel.shape == (90, 160, 3)
        assert panel.std() > 0
