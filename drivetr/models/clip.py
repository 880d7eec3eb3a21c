"""CLIP: images and texts as neighbours in one space (arXiv:2103.00020)."""

import math
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from drivetr.nn.pre_norm_block import Activation, PreNormBlock

INITIAL_SCALE = math.log(1 / 0.07)
MAX_SCALE = math.log(100)


class ImageTower(Protocol):
    """What CLIP needs of its image tower, a module."""

    out_channels: tuple[int, ...]

    @property
    def image_size(self) -> int:
        """Side of the square images it is trained on, in pixels."""

    def pooled(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """One vector an image, of the last of `out_channels`."""


class TextTransformer(nn.Module):
    """Tokens of a text, each of which sees only those before it.

    Args:
        vocab_size: number of different tokens.
        context_length: longest text, in tokens.
        embed_dim: width C.
        num_heads: attention heads.
        num_layers: blocks.
        mlp_dim: width inside the feed-forward parts, four times C if None.
        activation: of the feed-forward parts.
    """

    def __init__(
        self,
        vocab_size: int = 49408,
        context_length: int = 77,
        embed_dim: int = 512,
        num_heads: int = 8,
        num_layers: int = 12,
        mlp_dim: int | None = None,
        activation: Activation = "quick_gelu",
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, embed_dim)
        self.positional_embedding = nn.Parameter(torch.empty(context_length, embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        self.blocks = nn.ModuleList(
            PreNormBlock(embed_dim, num_heads, mlp_dim or 4 * embed_dim, 0.0, 1e-5, activation)
            for _ in range(num_layers)
        )
        self.ln_final = nn.LayerNorm(embed_dim, eps=1e-5)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        """What every token has gathered.

        Raises:
            ValueError: a text is longer than the context.
        """
        length = tokens.shape[1]
        if length > len(self.positional_embedding):
            raise ValueError(
                f"{length} tokens, but the context is {len(self.positional_embedding)} long"
            )
        x = self.token_embedding(tokens) + self.positional_embedding[:length]
        causal = torch.ones(1, 1, length, length, dtype=torch.bool, device=x.device).tril()
        for block in self.blocks:
            x = block(x, causal)
        normed: Tensor = self.ln_final(x)
        return normed


class CLIP(nn.Module):
    """Two towers and the temperature that compares them.

    Args:
        vision: image tower; a `ViT`, or a `ConvTower`.
        text: text tower.
        embed_dim: width D of the common space.

    Attributes:
        logit_scale: logarithm of the factor on cosines, learned.
    """

    def __init__(self, vision: ImageTower, text: TextTransformer, embed_dim: int = 512) -> None:
        super().__init__()
        self.vision = vision
        self.text = text
        self.visual_projection = nn.Linear(vision.out_channels[-1], embed_dim, bias=False)
        text_dim = text.token_embedding.embedding_dim
        self.text_projection = nn.Linear(text_dim, embed_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_SCALE))

    def encode_image(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Embeddings of normalised images, before they are scaled to length 1."""
        embedded: Tensor = self.visual_projection(self.vision.pooled(images))
        return embedded

    def encode_text(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B D"]:
        """Embeddings of texts, before they are scaled to length 1.

        A text is read at its end token, which has the highest number of all.
        """
        end = tokens.argmax(-1)
        gathered = self.text(tokens)[torch.arange(len(tokens), device=tokens.device), end]
        embedded: Tensor = self.text_projection(gathered)
        return embedded

    def similarity(
        self, images: Float[Tensor, "B 3 H W"], tokens: Int[Tensor, "T length"]
    ) -> Float[Tensor, "B T"]:
        """Scaled cosine of every image with every text."""
        found = self(images, tokens)
        scaled: Tensor = found["logit_scale"].exp() * found["image"] @ found["text"].T
        return scaled

    def forward(
        self, images: Float[Tensor, "B 3 H W"], tokens: Int[Tensor, "T length"]
    ) -> dict[str, Tensor]:
        """Embeddings of length 1: `image` (B,D) and `text` (T,D), and the `logit_scale`.

        In training the scale is first brought back to at most 100, as the paper has it.
        """
        if self.training:
            with torch.no_grad():
                self.logit_scale.clamp_(max=MAX_SCALE)
        return {
            "image": nn.functional.normalize(self.encode_image(images), dim=-1),
            "text": nn.functional.normalize(self.encode_text(tokens), dim=-1),
            "logit_scale": self.logit_scale,
        }
