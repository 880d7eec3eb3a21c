"""ViT: an image classifier made of patches and attention (arXiv:2010.11929)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.backbones.vit import ViT


class ViTClassifier(nn.Module):
    """A linear classifier on the class token, or on the mean of the patches.

    Args:
        trunk: the transformer.
        num_classes: K.
        pooling: what the classifier reads.
    """

    def __init__(
        self, trunk: ViT, num_classes: int, pooling: Literal["class_token", "mean"] = "class_token"
    ) -> None:
        super().__init__()
        if pooling not in ("class_token", "mean"):
            raise ValueError(f"pooling is {pooling!r}, expected 'class_token' or 'mean'")
        self.trunk = trunk
        self.pooling = pooling
        self.head = nn.Linear(trunk.out_channels[0], num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        """Logits of normalised images."""
        tokens = self.trunk.tokens(images)
        pooled = tokens[:, 0] if self.pooling == "class_token" else tokens[:, 1:].mean(1)
        logits: Tensor = self.head(pooled)
        return logits
