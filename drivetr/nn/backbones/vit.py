"""Vision transformer (arXiv:2010.11929) as a trunk, with the parameter names of torchvision's."""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.position import Position


class _Block(nn.Module):
    """Attention and feed-forward, each behind a norm (pre-norm)."""

    def __init__(
        self, embed_dim: int, num_heads: int, mlp_dim: int, dropout: float, eps: float
    ) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(embed_dim, eps=eps)
        self.self_attention = MultiheadAttention(embed_dim, num_heads, dropout)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(embed_dim, eps=eps)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, mlp_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_dim, embed_dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        seen, _ = self.self_attention(normed, normed, Position(), Position())
        x = x + self.dropout(seen)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class _Encoder(nn.Module):
    """The blocks between the learned positions and the last norm."""

    def __init__(
        self, num_tokens: int, num_layers: int, block: tuple[int, int, int, float, float]
    ) -> None:
        super().__init__()
        embed_dim, _, _, dropout, eps = block
        self.pos_embedding = nn.Parameter(torch.empty(1, num_tokens, embed_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{i}", _Block(*block)) for i in range(num_layers))
        )
        self.ln = nn.LayerNorm(embed_dim, eps=eps)


class ViT(nn.Module):
    """The patch tokens of a vision transformer as one feature map; defaults are ViT-B/16.

    Attributes:
        out_channels: channels of the one returned map.
        strides: input pixels per cell of it: the patch size.
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        num_layers: int = 12,
        num_heads: int = 12,
        embed_dim: int = 768,
        mlp_dim: int = 3072,
        dropout: float = 0.0,
        with_checkpoint: bool = False,
        eps: float = 1e-6,
    ) -> None:
        """Builds the network with random weights.

        Args:
            image_size: side of the square image that the learned positions belong to, in pixels;
                other inputs get them interpolated.
            patch_size: side of a patch in pixels.
            num_layers: blocks.
            num_heads: attention heads of each block.
            embed_dim: width of the tokens.
            mlp_dim: width inside the feed-forward parts.
            dropout: in attention, feed-forward and after the positions.
            with_checkpoint: recompute each block in the backward pass to save memory.
            eps: of the layer norms; Hugging Face's ViT has 1e-12.
        """
        super().__init__()
        self.patch_size = patch_size
        self.grid = image_size // patch_size
        self.with_checkpoint = with_checkpoint
        self.out_channels: tuple[int, ...] = (embed_dim,)
        self.strides: tuple[int, ...] = (patch_size,)
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.conv_proj = nn.Conv2d(3, embed_dim, patch_size, patch_size)
        nn.init.trunc_normal_(self.conv_proj.weight, std=(3 * patch_size**2) ** -0.5)
        block = (embed_dim, num_heads, mlp_dim, dropout, eps)
        self.encoder = _Encoder(1 + self.grid**2, num_layers, block)

    @staticmethod
    def torchvision_key(key: str) -> str | None:
        """Own name of a parameter in a torchvision checkpoint; None for the classifier's."""
        if key.startswith("heads."):
            return None
        # The names that checkpoints of torchvision before 0.13 use.
        return key.replace("mlp.linear_1", "mlp.0").replace("mlp.linear_2", "mlp.3")

    def positions(self, rows: int, columns: int) -> Float[Tensor, "1 1+{rows}*{columns} C"]:
        """Learned positions of the class token and of a grid of patches, resized bicubically."""
        learned: Tensor = self.encoder.pos_embedding
        if (rows, columns) == (self.grid, self.grid):
            return learned
        patches = learned[:, 1:].transpose(1, 2).reshape(1, -1, self.grid, self.grid)
        resized = functional.interpolate(
            patches.float(), size=(rows, columns), mode="bicubic", align_corners=False
        )
        return torch.cat([learned[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)

    def tokens(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1+_patches C"]:
        """The class token and the patches, row by row, after all blocks and the last norm.

        Raises:
            ValueError: if the image is not a whole number of patches.
        """
        if images.shape[-2] % self.patch_size or images.shape[-1] % self.patch_size:
            raise ValueError(f"image {tuple(images.shape[-2:])} is not made of {self.patch_size}px")
        patches = self.conv_proj(images)  # B C rows columns
        rows, columns = patches.shape[-2:]
        first = self.class_token.expand(len(images), -1, -1)
        x = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        x = self.encoder.dropout(x + self.positions(rows, columns))  # B 1+rows*columns C
        for block in self.encoder.layers:
            if self.with_checkpoint and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        normed: Tensor = self.encoder.ln(x)
        return normed

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """One map of stride `patch_size`.

        Raises:
            ValueError: if the image is not a whole number of patches.
        """
        rows = images.shape[-2] // self.patch_size
        patches = self.tokens(images)[:, 1:]
        return [patches.transpose(1, 2).unflatten(2, (rows, -1))]
