"""Tensors of all processes of a run, brought together for a checkpoint."""

import torch
from torch import Tensor, distributed


def gathered(mine: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Named tensors of all processes, on the CPU and in the order of their ranks.

    A collective call: every process has to come with the same names, shapes and types.
    """
    held = {name: value.detach().cpu() for name, value in mine.items()}
    if not distributed.is_initialized():
        return [held]
    ranks: list[dict[str, Tensor]] = [{} for _ in range(distributed.get_world_size())]
    for name, value in held.items():
        sent = value.reshape(-1).view(torch.uint8)  # gloo does not carry every type
        received = [torch.empty_like(sent) for _ in ranks]
        distributed.all_gather(received, sent)
        for rank, data in zip(ranks, received, strict=True):
            rank[name] = data.view(value.dtype).reshape(value.shape)
    return ranks
