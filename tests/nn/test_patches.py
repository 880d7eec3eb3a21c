import pytest
import torch
from torch.nn import functional

from drivetr.errors import DrivetrError
from drivetr.nn.patches import patch_grid, resize_positions


def test_rows_and_columns() -> None:
    assert patch_grid(torch.zeros(1, 3, 32, 80), 16) == (2, 5)
    with pytest.raises(DrivetrError, match=r"32x81 pixels .* patches of 16x16: resize or pad"):
        patch_grid(torch.zeros(1, 3, 32, 81), 16)


def test_positions_are_row_by_row_and_bicubic() -> None:
    learned = torch.randn(1, 16, 5)
    assert resize_positions(learned, 4, 4) is learned
    channel = learned[0, :, 2].reshape(1, 1, 4, 4)
    expected = functional.interpolate(channel, size=(3, 7), mode="bicubic", align_corners=False)
    torch.testing.assert_close(resize_positions(learned, 3, 7)[0, :, 2], expected.flatten())
