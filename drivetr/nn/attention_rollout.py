"""Attention rollout: how much of every input each token holds after all layers."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def rollout(weights: Sequence[Float[Tensor, "B heads T T"]]) -> Float[Tensor, "B T T"]:
    """Multiplies the attention of all layers (Abnar and Zuidema, arXiv:2005.00928, section 3).

    Heads are averaged. A layer adds what it saw to what was there, which counts as one half of the
    attention to oneself: A = (W + I) / 2. The product A_L ... A_1 says what share of token j of the
    input is in token i of the output; its rows sum to one. It is an estimate: values, feed-forward
    parts and norms play no part in it.

    Args:
        weights: attention of the layers, the first one first; rows sum to one.

    Raises:
        ValueError: there are no layers.
    """
    if not weights:
        raise ValueError("attention of no layers cannot be rolled out")
    itself = torch.eye(weights[0].shape[-1], device=weights[0].device)
    total = itself.expand(len(weights[0]), -1, -1)
    for layer in weights:
        total = (layer.mean(1) + itself) / 2 @ total
    return total
