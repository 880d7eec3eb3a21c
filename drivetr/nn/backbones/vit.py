"""Vision transformer (arXiv:2010.11929) as a trunk, with the parameter names of torchvision's."""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.patches import patch_grid, resize_positions
from drivetr.nn.pre_norm_block import Activation, PreNormBlock
from drivetr.nn.recompute import run_block


class _Encoder(nn.Module):
    """The blocks between the learned positions and the last norm."""

    def __init__(self, num_tokens: int, dropout: float, blocks: list[PreNormBlock]) -> None:
        super().__init__()
        embed_dim, eps = blocks[0].ln_1.normalized_shape[0], blocks[0].ln_1.eps
        self.pos_embedding = nn.Parameter(torch.empty(1, num_tokens, embed_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{i}", block) for i, block in enumerate(blocks))
        )
        self.ln = nn.LayerNorm(embed_dim, eps=eps)


class ViT(nn.Module):
    """The patch tokens of a vision transformer as one feature map; defaults are ViT-B/16.

    Attributes:
        out_channels: channels of the one returned map.
        strides: input pixels per cell of it: the patch size.
    """

    def __init__(  # noqa: PLR0913 - sizes and choices in which the published networks differ
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
        activation: Activation = "gelu",
        clip_style: bool = False,
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
            eps: of the layer norms; Hugging Face's ViT has 1e-12, CLIP 1e-5.
            activation: of the feed-forward parts.
            clip_style: as in CLIP's image tower: a norm before the first block, no bias on the
                patches.
        """
        super().__init__()
        self.patch_size = patch_size
        self.grid = image_size // patch_size
        self.with_checkpoint = with_checkpoint
        self.out_channels: tuple[int, ...] = (embed_dim,)
        self.strides: tuple[int, ...] = (patch_size,)
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.conv_proj = nn.Conv2d(3, embed_dim, patch_size, patch_size, bias=not clip_style)
        nn.init.trunc_normal_(self.conv_proj.weight, std=(3 * patch_size**2) ** -0.5)
        self.pre_norm = nn.LayerNorm(embed_dim, eps=eps) if clip_style else nn.Identity()
        blocks = [
            PreNormBlock(embed_dim, num_heads, mlp_dim, dropout, eps, activation)
            for _ in range(num_layers)
        ]
        self.encoder = _Encoder(1 + self.grid**2, dropout, blocks)

    def positions(self, rows: int, columns: int) -> Float[Tensor, "1 1+{rows}*{columns} C"]:
        """Learned positions of the class token and of a grid of patches, resized bicubically."""
        learned: Tensor = self.encoder.pos_embedding
        return torch.cat([learned[:, :1], resize_positions(learned[:, 1:], rows, columns)], dim=1)

    def tokens(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1+_patches C"]:
        """The class token and the patches, row by row, after all blocks and the last norm.

        Raises:
            DrivetrError: the image is not a whole number of patches.
        """
        rows, columns = patch_grid(images, self.patch_size)
        patches = self.conv_proj(images)  # B C rows columns
        first = self.class_token.expand(len(images), -1, -1)
        x = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        x = self.encoder.dropout(self.pre_norm(x + self.positions(rows, columns)))  # B T C
        for block in self.encoder.layers:
            x = run_block(block, x, self.with_checkpoint)
        normed: Tensor = self.encoder.ln(x)
        return normed

    @property
    def image_size(self) -> int:
        """Side of the square image that the learned positions belong to, in pixels."""
        return self.grid * self.patch_size

    def pooled(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """The class token."""
        return self.tokens(images)[:, 0]

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """One map of stride `patch_size`.

        Raises:
            DrivetrError: the image is not a whole number of patches.
        """
        rows = images.shape[-2] // self.patch_size
        patches = self.tokens(images)[:, 1:]
        return [patches.transpose(1, 2).reshape(len(images), patches.shape[2], rows, -1)]
