"""Blocks that are computed a second time in the backward pass, so that nothing of them is kept."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_block(block: nn.Module, x: Tensor, recompute: bool) -> Tensor:
    """What the block makes of `x`.

    Args:
        block: takes and gives one tensor.
        x: what goes in.
        recompute: where gradients are on, keep `x` alone and compute the block again for them: less
            memory and about a third more time.
    """
    if recompute and torch.is_grad_enabled():
        again: Tensor = checkpoint(block, x, use_reentrant=False)
        return again
    out: Tensor = block(x)
    return out
