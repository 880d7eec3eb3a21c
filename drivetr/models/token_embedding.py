"""Tells the decoder what the depth head already knows about each token."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TokenEmbedding(nn.Module):
    """A linear map of class logits, depth and offset, detached: the depth head has its own loss.

    Args:
        num_classes: K.
        embed_dim: width C of the tokens.
    """

    def __init__(self, num_classes: int, embed_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(num_classes + 3, embed_dim)

    def forward(self, tokens: dict[str, Tensor]) -> Float[Tensor, "B N H W C"]:
        """What to add to the tokens' content, from the outputs of a `DepthHead`."""
        known = [tokens["heat_logits"] / 4, tokens["log_depth"][..., None], tokens["offset"] / 4]
        embedding: Tensor = self.project(torch.cat(known, dim=-1).detach())
        return embedding
