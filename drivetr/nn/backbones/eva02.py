"""EVA-02 (arXiv:2303.11331), the plain vision transformer of StreamPETR's largest models."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu
from torchvision.ops import StochasticDepth

from drivetr.nn.patches import patch_grid, resize_positions
from drivetr.nn.recompute import run_block
from drivetr.nn.rope import grid_angles, rotate
from drivetr.nn.windows import join_windows, split_windows

_EPS = 1e-6
_EXTENT = 16  # patches a side of the images that EVA-02 was pretrained on
_MLP_RATIO = 8 / 3


class GridAttention(nn.Module):
    """Self-attention on a map, whose queries and keys are turned by their place (RoPE).

    Args:
        embed_dim: width C of the cells.
        num_heads: heads; each is a multiple of 4 wide.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        if embed_dim % (4 * num_heads):
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of 4 * {num_heads} heads")
        self.num_heads = num_heads
        self.q_proj = nn.Linear(embed_dim, embed_dim)
        self.k_proj = nn.Linear(embed_dim, embed_dim, bias=False)
        self.v_proj = nn.Linear(embed_dim, embed_dim)
        self.out_proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Float[Tensor, "B H W C"]) -> Float[Tensor, "B H W C"]:
        """What every cell sees of all cells."""
        rows, columns, width = x.shape[1:]
        tokens = x.flatten(1, 2)
        projections = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (
            p(tokens).unflatten(2, (self.num_heads, -1)).transpose(1, 2) for p in projections
        )
        angles = grid_angles(rows, columns, width // self.num_heads, _EXTENT, x.device)
        seen = scaled_dot_product_attention(rotate(q, angles), rotate(k, angles), v)
        out: Tensor = self.out_proj(seen.transpose(1, 2).reshape(x.shape))
        return out


class SwiGLU(nn.Module):
    """Feed-forward part with a gate (arXiv:2002.05202) and a norm before its last layer.

    Args:
        embed_dim: width of what comes in and goes out.
        hidden_dim: width between.
    """

    def __init__(self, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(embed_dim, hidden_dim)
        self.value = nn.Linear(embed_dim, hidden_dim)
        self.norm = nn.LayerNorm(hidden_dim, eps=_EPS)
        self.out = nn.Linear(hidden_dim, embed_dim)

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        """The same shape."""
        out: Tensor = self.out(self.norm(silu(self.gate(x)) * self.value(x)))
        return out


class GridBlock(nn.Module):
    """Normalise, then attend or transform, then add: on a map, or on its windows one by one.

    Args:
        embed_dim: width C of the cells.
        num_heads: attention heads.
        window: cells a side of the windows that attend among themselves; 0 for the whole map. The
            zeros that complete the last windows are looked at as well, as by the published network.
        drop: share of the samples that skip each part in training.
    """

    def __init__(self, embed_dim: int, num_heads: int, window: int, drop: float) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(embed_dim, eps=_EPS)
        self.attention = GridAttention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=_EPS)
        self.mlp = SwiGLU(embed_dim, int(embed_dim * _MLP_RATIO))
        self.drop = StochasticDepth(drop, "row")

    def forward(self, x: Float[Tensor, "B H W C"]) -> Float[Tensor, "B H W C"]:
        """The map after one round."""
        x = x + self.drop(self._attend(self.norm1(x)))
        out: Tensor = x + self.drop(self.mlp(self.norm2(x)))
        return out

    def _attend(self, x: Tensor) -> Tensor:
        if self.window == 0:
            whole: Tensor = self.attention(x)
            return whole
        rows, columns = x.shape[1:3]
        return join_windows(self.attention(split_windows(x, self.window)), rows, columns)


class EVA02(nn.Module):
    """The patches of EVA-02 as one feature map; defaults are StreamPETR's ViT-L.

    It has no norm at its end and no class token.

    Attributes:
        out_channels: channels of the one returned map.
        strides: input pixels per cell of it: the patch size.
        patch_size: side of a patch in pixels.
    """

    def __init__(
        self,
        learned_grid: int = 14,
        patch_size: int = 16,
        num_layers: int = 24,
        num_heads: int = 16,
        embed_dim: int = 1024,
        window: int = 16,
        global_window: int = 20,
        global_blocks: Sequence[int] = tuple(range(2, 24, 3)),
        drop_path: float = 0.0,
        with_checkpoint: bool = False,
    ) -> None:
        """Builds the network with random weights.

        Args:
            learned_grid: patches a side of the square image that the learned positions belong to;
                other inputs get them interpolated.
            patch_size: side of a patch in pixels.
            num_layers: blocks.
            num_heads: attention heads of each block.
            embed_dim: width of the tokens.
            window: patches a side of the windows that most blocks attend in.
            global_window: the same for the `global_blocks`; 0 for the whole image. Published: the
                rows of patches of a wide image, so that its windows lie side by side.
            global_blocks: numbers of these blocks, from 0.
            drop_path: share of the samples that skip a part of the last block in training; it
                grows evenly from 0 at the first block.
            with_checkpoint: recompute each block in the backward pass to save memory.

        Raises:
            ValueError: for a number of a block that there is not.
        """
        super().__init__()
        if not set(global_blocks) <= {*range(num_layers)}:
            raise ValueError(f"global_blocks {global_blocks} are not all below {num_layers}")
        self.patch_size = patch_size
        self.with_checkpoint = with_checkpoint
        self.out_channels: tuple[int, ...] = (embed_dim,)
        self.strides: tuple[int, ...] = (patch_size,)
        self.patches = nn.Conv2d(3, embed_dim, patch_size, patch_size)
        self.positions = nn.Parameter(torch.empty(1, learned_grid**2, embed_dim).normal_(std=0.02))
        drops = [drop_path * i / max(num_layers - 1, 1) for i in range(num_layers)]
        self.blocks = nn.ModuleList(
            GridBlock(embed_dim, num_heads, global_window if i in global_blocks else window, drop)
            for i, drop in enumerate(drops)
        )

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """One map of stride `patch_size`.

        Raises:
            DrivetrError: the image is not a whole number of patches.
        """
        rows, columns = patch_grid(images, self.patch_size)
        x = self.patches(images).permute(0, 2, 3, 1)  # B rows columns C
        x = x + resize_positions(self.positions, rows, columns).reshape(1, *x.shape[1:])
        for block in self.blocks:
            x = run_block(block, x, self.with_checkpoint)
        return [x.permute(0, 3, 1, 2).contiguous()]
