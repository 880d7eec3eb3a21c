"""Maps cut into square windows and put together again."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad


def split_windows(x: Float[Tensor, "B H W C"], size: int) -> Float[Tensor, "_windows size size C"]:
    """Windows of `size` cells a side, row by row, image after image.

    A map that is not a whole number of windows gets zeros at the right and below.
    """
    below, beside = (-side % size for side in x.shape[1:3])
    x = pad(x, (0, 0, 0, beside, 0, below))
    down, across = x.shape[1] // size, x.shape[2] // size
    cut = x.reshape(len(x), down, size, across, size, -1)
    return cut.transpose(2, 3).flatten(0, 2)


def join_windows(
    windows: Float[Tensor, "_windows size size C"], rows: int, columns: int
) -> Float[Tensor, "B {rows} {columns} C"]:
    """The map that `split_windows` cut, without what it added."""
    size = windows.shape[1]
    down, across = -(-rows // size), -(-columns // size)
    joined = windows.reshape(-1, down, across, size, size, windows.shape[3])
    return joined.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, :rows, :columns]
