"""The control without calibration: which camera, row and column, and nothing else."""

import math
from dataclasses import replace

import torch

from drivetr.nn.grid_position import GridPosition
from tests.models.samples import make_cameras

DIM, FEATS = 8, 4


def sines(share: float) -> list[float]:
    """Sine, then cosine of a share of the circle at every wavelength."""
    angles = [share * 2 * math.pi / 10000 ** (2 * i / FEATS) for i in range(FEATS // 2)]
    return [math.sin(a) for a in angles] + [math.cos(a) for a in angles]


def test_a_token_is_camera_row_and_column() -> None:
    torch.manual_seed(0)
    position = GridPosition(DIM)
    found = position.encode_keys(torch.zeros(1, 3, DIM, 2, 4), make_cameras(1, 3)).added
    assert found is not None
    for camera, row, column in [(0, 0, 0), (1, 1, 2), (2, 0, 3)]:
        cell = sines((camera + 1) / 3) + sines((row + 1) / 2) + sines((column + 1) / 4)
        expected = position.cell_embedding(torch.tensor(cell))
        token = (camera * 2 + row) * 4 + column
        torch.testing.assert_close(found[0, token], expected, atol=1e-5, rtol=1e-4)


def test_calibration_changes_nothing() -> None:
    position, cameras = GridPosition(DIM), make_cameras(1, 3)
    other = replace(cameras, img_from_lidar=cameras.img_from_lidar.flip(1) * 3)
    features = torch.zeros(1, 3, DIM, 2, 4)
    assert torch.equal(
        position.encode_keys(features, cameras).added, position.encode_keys(features, other).added
    )


def test_a_query_is_its_place() -> None:
    torch.manual_seed(0)
    position = GridPosition(DIM)
    place = [0.2, 0.7, 0.9]
    columns: list[float] = []
    for axis in (1, 0, 2):  # PETR's order
        values = sines(place[axis])
        half = FEATS // 2
        columns += [x for pair in zip(values[:half], values[half:], strict=True) for x in pair]
    expected = position.query_embedding(torch.tensor(columns))
    found = position.encode_queries(torch.tensor([[place]])).added
    torch.testing.assert_close(found[0, 0], expected, atol=1e-5, rtol=1e-4)
