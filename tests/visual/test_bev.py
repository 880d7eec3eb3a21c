"""Places on the view from above against numbers by hand."""

import numpy as np
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_about_z
from drivetr.structures.ground import GroundMap
from drivetr.visual.bev import BevScale, draw_bev, ring_step
from drivetr.visual.drawables import drawables
from drivetr.visual.palette import PANEL, ROAD
from tests.visual.scenery import sample_frame, targets


class TestBevScale:
    def test_pixels_by_hand(self) -> None:
        scale = BevScale(height=400, width=400, range_m=50.0)  # 4 px a metre
        places = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [-25.0, -12.5], [50.0, 50.0]])
        expected = [[200, 200], [200, 160], [160, 200], [250, 300], [0, 0]]
        np.testing.assert_allclose(scale.pixels(places), expected)

    def test_the_shorter_side_sets_the_scale(self) -> None:
        assert BevScale(height=300, width=600, range_m=30.0).px_per_m == 5.0


def test_ring_step_is_round_and_gives_few_rings() -> None:
    assert [ring_step(r) for r in (5.0, 12.0, 25.0, 30.0, 50.0, 100.0)] == [1, 5, 5, 10, 10, 20]


def test_the_map_lies_where_it_is_in_the_world() -> None:
    """A street 5 to 13 m ahead and 2 to 12 m to the left of a car that heads north (+y)."""
    at = rigid_from(
        rotation_about_z(torch.tensor(np.pi / 2, dtype=torch.float64)),
        torch.tensor([600.0, 1600.0, 3.0], dtype=torch.float64),
    )
    street = GroundMap(np.full((20, 25), 255, np.uint8), 0.4, (588.0, 1613.0))
    frame = sample_frame(ground=street, ego_from_global=invert_rigid(at))
    with_map = draw_bev(frame, [], (600, 600), 30.0, 14)
    changed = _changed_pixels(with_map, draw_bev(sample_frame(), [], (600, 600), 30.0, 14))
    np.testing.assert_allclose(changed, [180, 170, 280, 250], atol=2)
    np.testing.assert_array_equal(with_map[225, 225], ROAD)


def _changed_pixels(with_box: np.ndarray, without: np.ndarray) -> np.ndarray:
    """(left, top, right, bottom) of what differs."""
    rows, columns = np.nonzero((with_box != without).any(axis=2))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


class TestDrawBev:
    def _pictures(self, lidar_from_ego: torch.Tensor, velocity: list[float]) -> np.ndarray:
        """What a 4 x 2 m car at 20 m ahead and 10 m to the left changes on a 600 px panel."""
        box = make_boxes(
            torch.tensor([[20.0, 10.0, 0.8]], dtype=torch.float64),
            torch.tensor([[4.0, 2.0, 1.6]], dtype=torch.float64),
            torch.zeros(1, dtype=torch.float64),
            torch.tensor([velocity], dtype=torch.float64),
        )
        from drivetr.geometry.boxes import transform_boxes

        frame = sample_frame(
            truth=targets(transform_boxes(lidar_from_ego, box), [0]),
            predictions={},
            ego_from_lidar=invert_rigid(lidar_from_ego),
        )
        with_box = draw_bev(frame, drawables(frame), (600, 600), 30.0, 14)
        without = draw_bev(frame, [], (600, 600), 30.0, 14)
        return _changed_pixels(with_box, without)

    def test_footprint_covers_the_right_pixels(self) -> None:
        # 10 px a metre: rows 300 - 10 * (18..22), columns 300 - 10 * (9..11).
        changed = self._pictures(torch.eye(4, dtype=torch.float64), [torch.nan, torch.nan])
        np.testing.assert_allclose(changed, [190, 80, 210, 120], atol=2)

    def test_forward_is_up_whatever_the_reference_frame(self) -> None:
        # A lidar turned by 90 degrees as on the nuScenes car: its x axis points to the right.
        rotation = rotation_about_z(torch.tensor(np.pi / 2))
        shift = torch.tensor([0.3, 0.9, -1.8], dtype=torch.float64)
        changed = self._pictures(rigid_from(rotation, shift), [torch.nan, torch.nan])
        np.testing.assert_allclose(changed, [190, 80, 210, 120], atol=2)

    def test_arrow_ends_where_the_object_is_in_a_second(self) -> None:
        changed = self._pictures(torch.eye(4, dtype=torch.float64), [0.0, 8.0])
        np.testing.assert_allclose(changed, [120, 80, 210, 120], atol=2)

    def test_points_and_missing_numbers(self) -> None:
        frame = sample_frame(points=torch.tensor([[0.0, -20.0, 1.0], [500.0, 0.0, 0.0]]))
        canvas = draw_bev(frame, drawables(frame), (600, 600), 30.0, 14)
        assert (canvas[298:303, 498:503] > np.array(PANEL) + 20).any()
        broken = make_boxes(torch.full((1, 3), torch.nan), torch.ones(1, 3), torch.zeros(1))
        frame = sample_frame(truth=targets(broken, [0]))
        assert draw_bev(frame, drawables(frame), (200, 200), 30.0, 12).shape == (200, 200, 3)
