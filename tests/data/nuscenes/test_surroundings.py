"""Objects before others, and windows without any."""

from dataclasses import replace

import numpy as np
import pytest

from drivetr.data.captions import ObjectFacts
from drivetr.data.nuscenes.objects import SeenObject
from drivetr.data.nuscenes.records import CameraRecord
from drivetr.data.nuscenes.surroundings import empty_windows, grid_windows, objects_in_front

CAMERA = CameraRecord("CAM", "a.jpg", 0, 100, 200, np.eye(3), np.eye(4), np.eye(4))


def seen(name: str, bounds, distance: float, camera: CameraRecord = CAMERA) -> SeenObject:
    return SeenObject(name, camera, bounds, ObjectFacts(name, distance, "at night", "red"))


CONE = seen("traffic_cone", (50, 50, 60, 80), 5.0)
TRUCK = seen("truck", (30, 20, 90, 70), 12.0)


class TestInFront:
    def test_the_near_one_is_in_front(self):
        for order in ([CONE, TRUCK], [TRUCK, CONE]):
            (found,) = objects_in_front(order)
            assert found.facts == replace(CONE.facts, behind="truck")
            assert found.bounds == (30, 20, 90, 80)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(seen("truck", (58, 20, 95, 70), 12.0), id="beside"),
            pytest.param(seen("truck", (30, 20, 90, 70), 5.9), id="at the same distance"),
            pytest.param(seen("traffic_cone", (30, 20, 90, 70), 12.0), id="of the same class"),
            pytest.param(seen("truck", (0, 20, 190, 70), 12.0), id="much larger"),
            pytest.param(
                seen("truck", (30, 20, 90, 70), 12.0, replace(CAMERA, filename="b.jpg")),
                id="in another image",
            ),
        ],
    )
    def test_others_are_not(self, other):
        assert not list(objects_in_front([CONE, other]))


class TestEmpty:
    def test_is_away_from_all_objects(self):
        objects = [seen("car", (0, 0, 120, 100), 3.0), seen("car", (150, 60, 190, 90), 3.0)]
        (found,) = empty_windows(objects)
        left, top, right, bottom = found.bounds
        assert (right - left, bottom - top) == (50, 50)
        assert left >= 120
        assert bottom <= 60
        assert found.facts == ObjectFacts("empty street", weather="at night")

    def test_full(self):
        assert not list(empty_windows([seen("car", (0, 0, 200, 100), 3.0)]))


class TestGrid:
    @pytest.mark.parametrize(
        ("height", "width", "side"), [(100, 200, 50), (64, 160, 64), (9, 7, 3)]
    )
    def test_covers_the_image_and_stays_inside(self, height, width, side):
        windows = np.array(grid_windows(height, width, side))
        assert windows.min() >= 0
        assert windows[:, 2].max() == pytest.approx(width)
        assert windows[:, 3].max() == pytest.approx(height)
        for x in np.linspace(0, width, 50):
            for y in np.linspace(0, height, 50):
                starts, ends = windows[:, :2] <= (x, y), windows[:, 2:] >= (x - 1e-9, y - 1e-9)
                inside = starts.all(1) & ends.all(1)
                assert inside.any()
        columns = np.unique(windows[:, 0])
        if len(columns) > 1:
            assert np.diff(columns).max() <= 0.75 * side
