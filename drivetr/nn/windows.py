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
    cut = x.unflatten(2, (-1, size)).unflatten(1, (-1, size))  # B down size across size C
    return cut.transpose(2, 3).flatten(0, 2)


def join_windows(
    windows: Float[Tensor, "_windows size size C"], rows: int, columns: int
) -> Float[Tensor, "B {rows} {columns} C"]:
    """The map that `split_windows` cut, without what it added."""
    size = windows.shape[1]
    down, across = -(-rows // size), -(-columns // size)
    joined = windows.unflatten(0, (-1, down, across)).transpose(2, 3)  # B down size across size C
    return joined.flatten(3, 4).flatten(1, 2)[:, :rows, :columns]
