"""What a ViT looks at: the attention of every layer, and rolled out over all of them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.models.vit import ViTClassifier
from drivetr.nn.attention_maps import recorded_attention
from drivetr.nn.attention_rollout import rollout
from drivetr.nn.backbones.vit import ViT


@dataclass(frozen=True)
class ViTAttention:
    """How the tokens that are read out look at the patches.

    Attributes:
        layers: attention of every layer and head, summing to at most one over the patches; the rest
            went to the class token.
        rollout: share of every patch in what is read out, over all layers; likewise.
    """

    layers: Float[Tensor, "B L heads rows columns"]
    rollout: Float[Tensor, "B rows columns"]


@torch.no_grad()
def vit_attention(model: ViTClassifier | ViT, images: Float[Tensor, "B 3 H W"]) -> ViTAttention:
    """Runs a ViT once and keeps its attention.

    The row that is kept is the class token's; of a classifier that reads the mean of the patches it
    is the mean of their rows.

    Args:
        model: a classifier, or a bare trunk such as CLIP's image tower.
        images: normalised.
    """
    trunk = model.trunk if isinstance(model, ViTClassifier) else model
    by_mean = isinstance(model, ViTClassifier) and model.pooling == "mean"
    readers = slice(1, None) if by_mean else slice(0, 1)
    with recorded_attention(trunk.encoder.layers) as maps:
        trunk.tokens(images)
    weights = [runs[0] for runs in maps.values()]  # each B heads T T
    grid = (images.shape[-2] // trunk.patch_size, images.shape[-1] // trunk.patch_size)
    layers = torch.stack(weights, dim=1)[..., readers, 1:].mean(-2)  # B L heads patches
    total = rollout(weights)[:, readers, 1:].mean(-2)  # B patches
    return ViTAttention(layers.unflatten(-1, grid), total.unflatten(-1, grid))
