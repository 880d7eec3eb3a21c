"""Panels in ring order, inside the page, none over another."""

import itertools

import numpy as np
import pytest

from drivetr.visual.layout import lay_out, ring_rows, viewing_azimuths
from tests.visual.scenery import camera_matrix, sample_frame


class TestRingRows:
    def test_six_cameras_as_nuscenes_has_them(self) -> None:
        names = ["FRONT", "FRONT_RIGHT", "FRONT_LEFT", "BACK", "BACK_LEFT", "BACK_RIGHT"]
        azimuths = np.deg2rad([0.0, -55.0, 55.0, -179.9, 108.0, -110.0])
        rows = [[names[i] for i in row] for row in ring_rows(azimuths.tolist())]
        assert rows == [["FRONT_LEFT", "FRONT", "FRONT_RIGHT"], ["BACK_LEFT", "BACK", "BACK_RIGHT"]]

    @pytest.mark.parametrize(
        ("degrees", "rows"),
        [
            ([0], [[0]]),
            ([0, 180], [[0], [1]]),
            ([-60, 0, 60], [[2, 1, 0]]),
            ([0, 90, 180, -90], [[1, 0], [2, 3]]),
            ([0, 45, -45, 90, -90], [[1, 0, 2], [3, 4]]),
            ([0, 45, -45, 90, -90, 135, -135, 180], [[3, 1, 0, 2], [5, 7, 6, 4]]),
        ],
    )
    def test_other_rigs(self, degrees: list[float], rows: list[list[int]]) -> None:
        assert ring_rows(np.deg2rad(degrees).tolist()) == rows

    def test_a_turning_car_does_not_swap_panels(self) -> None:
        for jitter in np.deg2rad([-3.0, 0.0, 3.0]):
            azimuths = np.deg2rad([0.0, 90.0, 180.0, -90.0]) + jitter
            assert ring_rows(azimuths.tolist()) == [[1, 0], [2, 3]]


def test_viewing_azimuths_are_those_of_the_rig() -> None:
    degrees = [0.0, -55.0, 55.0, 179.0]
    matrices = np.stack([camera_matrix(d, (96, 256), 180.0).numpy() for d in degrees])
    np.testing.assert_allclose(np.rad2deg(viewing_azimuths(matrices, np.eye(4))), degrees)


@pytest.mark.parametrize("width", [640, 1281, 1920])
@pytest.mark.parametrize("size", [(96, 256), (900, 1600), (1080, 1080)])
@pytest.mark.parametrize("azimuths", [(0.0,), (0.0, 180.0), (0.0, -55, 55, 180, 110, -110)])
def test_rectangles_are_inside_and_apart(
    width: int, size: tuple[int, int], azimuths: tuple[float, ...]
) -> None:
    layout = lay_out(sample_frame(azimuths, size), width)
    rects = [*layout.cameras, layout.bev, layout.header, layout.legend]
    assert layout.width % 2 == 0
    assert layout.height % 2 == 0
    for left, top, right, bottom in rects:
        assert 0 <= left < right <= layout.width
        assert 0 <= top < bottom <= layout.height
    for a, b in itertools.combinations(rects, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
