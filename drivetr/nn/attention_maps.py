"""Attention weights of a model's layers, computed only while somebody asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from drivetr.nn.attention import MultiheadAttention

AttentionMaps = dict[str, list[Tensor]]


@contextmanager
def recorded_attention(model: nn.Module) -> Iterator[AttentionMaps]:
    """Collects the weights of every attention under `model` that runs within the block.

        with recorded_attention(detector.decoder) as maps:
            detector(images, padding_mask)
        maps["layers.5.cross_attention"][0]  # B heads Q M

    Yields:
        name of the attention to its weights (B,heads,Q,M), one entry for each time that it ran.
    """
    maps: AttentionMaps = {}

    def recorder(name: str):  # type: ignore[no-untyped-def]
        @torch.no_grad()
        def record(module: MultiheadAttention, inputs: tuple[Any, ...], output: object) -> None:
            maps.setdefault(name, []).append(module.weights(*inputs))

        return record

    found = [(name, m) for name, m in model.named_modules() if isinstance(m, MultiheadAttention)]
    hooks = [module.register_forward_hook(recorder(name)) for name, module in found]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
