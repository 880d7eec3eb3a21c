"""A 1x1 convolution is one matrix for every cell."""

import torch

from drivetr.nn.pointwise import PointwiseConv


def test_one_matrix_for_every_cell() -> None:
    torch.manual_seed(0)
    conv, x = PointwiseConv(3, 5), torch.randn(2, 3, 4, 6)
    found = conv(x)
    for row, column in [(0, 0), (3, 2)]:
        expected = x[:, :, row, column] @ conv.weight[:, :, 0, 0].T + conv.bias
        torch.testing.assert_close(found[:, :, row, column], expected)
