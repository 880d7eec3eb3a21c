import pytest
import torch

from drivetr.nn.windows import join_windows, split_windows


@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (7, 9), (3, 2)])
def test_every_window_is_a_crop(rows: int, columns: int) -> None:
    x = torch.randn(2, rows, columns, 3)
    whole = torch.zeros(2, -(-rows // 4) * 4, -(-columns // 4) * 4, 3)
    whole[:, :rows, :columns] = x
    expected = [
        whole[b, i : i + 4, j : j + 4]
        for b in range(2)
        for i in range(0, rows, 4)
        for j in range(0, columns, 4)
    ]
    windows = split_windows(x, 4)
    assert torch.equal(windows, torch.stack(expected))
    assert torch.equal(join_windows(windows, rows, columns), x)
