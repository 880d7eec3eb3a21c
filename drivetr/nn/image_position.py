"""Where the tokens of one image are: DETR's fixed and learned encodings (arXiv:2005.12872, A.4)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.nn.sine_position import image_sine


class SinePosition(nn.Module):
    """Sines and cosines of row and column.

    Args:
        embed_dim: width C, a multiple of 4.
        temperature: how much longer the longest wavelength is than the shortest, which is the
            image. The published 10000 leaves most columns alike all over the image; 20 makes
            neighbours differ more (arXiv:2201.12329, section 4.4).
    """

    def __init__(self, embed_dim: int, temperature: float = 10000.0) -> None:
        super().__init__()
        if embed_dim % 4:
            raise ValueError(f"embed_dim is {embed_dim}, expected a multiple of 4")
        self.embed_dim = embed_dim
        self.temperature = temperature

    def forward(self, padding: Bool[Tensor, "B H W"]) -> Float[Tensor, "B C H W"]:
        """The encoding of every cell."""
        return image_sine(padding, self.embed_dim // 2, temperature=self.temperature)


class LearnedPosition(nn.Module):
    """One learned vector a column and one a row, side by side.

    Args:
        embed_dim: width C, even.
        max_cells: rows and columns that there are vectors for.
    """

    def __init__(self, embed_dim: int, max_cells: int = 50) -> None:
        super().__init__()
        self.col_embed = nn.Embedding(max_cells, embed_dim // 2)
        self.row_embed = nn.Embedding(max_cells, embed_dim // 2)
        for table in (self.col_embed, self.row_embed):
            nn.init.uniform_(table.weight)

    def forward(self, padding: Bool[Tensor, "B H W"]) -> Float[Tensor, "B C H W"]:
        """The encoding of every cell; what is padding plays no part.

        Raises:
            ValueError: for a map with more rows or columns than vectors.
        """
        batch, height, width = padding.shape
        if max(height, width) > len(self.row_embed.weight):
            raise ValueError(
                f"a feature map of {height}x{width} cells, but learned positions for"
                f" {len(self.row_embed.weight)}; raise max_cells or use smaller images"
            )
        columns = self.col_embed.weight[:width].expand(height, -1, -1)
        rows = self.row_embed.weight[:height, None].expand(-1, width, -1)
        return torch.cat([columns, rows], dim=-1).permute(2, 0, 1).expand(batch, -1, -1, -1)
