"""Networks with fewer channels than torchvision offers, which small recordings have."""

import torch
from torch import Tensor, nn


def narrow(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Gives parameters the shapes of `weights`: fewer channels than torchvision offers."""
    for key, tensor in weights.items():
        owner, _, name = key.rpartition(".")
        blank = torch.zeros_like(tensor)
        is_parameter = name in ("weight", "bias")
        setattr(module.get_submodule(owner), name, nn.Parameter(blank) if is_parameter else blank)
