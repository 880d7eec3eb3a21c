"""DETR's encodings of one image, cell by cell from their formula."""

import math

import pytest
import torch

from drivetr.nn.image_position import LearnedPosition, SinePosition


@pytest.mark.parametrize("temperature", [10000.0, 20.0])
def test_sines_of_row_and_column(temperature):
    """Entry 2i of an axis is the sine, 2i + 1 the cosine of 2 pi n / N over temperature^(2i/F)."""
    padding = torch.zeros(1, 4, 5, dtype=torch.bool)
    padding[:, 3:] = True
    got = SinePosition(8, temperature)(padding)[0]
    for row in range(3):
        for column in range(5):
            for start, number, count in ((0, row + 1, 3), (4, column + 1, 5)):
                for entry in range(4):
                    angle = 2 * math.pi * number / (count + 1e-6)
                    angle /= temperature ** (2 * (entry // 2) / 4)
                    expected = math.cos(angle) if entry % 2 else math.sin(angle)
                    assert got[start + entry, row, column] == pytest.approx(expected, abs=1e-5)


def test_a_lower_temperature_tells_neighbours_apart():
    padding = torch.zeros(1, 8, 8, dtype=torch.bool)

    def difference(temperature: float) -> torch.Tensor:
        encoding = SinePosition(64, temperature)(padding)[0]
        return (encoding[:, :, 1:] - encoding[:, :, :-1]).square().mean()

    assert difference(20.0) > 2 * difference(10000.0)


def test_learned_rows_and_columns():
    position = LearnedPosition(6, max_cells=5)
    got = position(torch.zeros(2, 3, 4, dtype=torch.bool))
    assert got.shape == (2, 6, 3, 4)
    assert torch.equal(got[1, :3, 2, 3], position.col_embed.weight[3])
    assert torch.equal(got[1, 3:, 2, 3], position.row_embed.weight[2])
    with pytest.raises(ValueError, match="raise max_cells"):
        position(torch.zeros(1, 6, 4, dtype=torch.bool))
