"""Attention weights of a model's layers, computed only while somebody asks for them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from drivetr.nn.attention import MultiheadAttention

AttentionMaps = dict[str, list[Tensor]]


@contextmanager
def recorded_attention(
    model: nn.Module, names: Collection[str] | None = None
) -> Iterator[AttentionMaps]:
    """Collects the weights of the attentions under `model` that run within the block.

        with recorded_attention(detector.decoder) as maps:
            detector(images, padding_mask)
        maps["layers.5.cross_attention"][0]  # B heads Q M

    Args:
        model: anything with `MultiheadAttention` in it.
        names: of the attentions to listen to, as in `model.named_modules()`; None for all. The
            weights of others are not computed.

    Yields:
        name of the attention to its weights (B,heads,Q,M), one entry for each time that it ran.

    Raises:
        ValueError: a name that no attention has.
    """
    maps: AttentionMaps = {}

    def recorder(name: str):  # type: ignore[no-untyped-def]
        @torch.no_grad()
        def record(module: MultiheadAttention, inputs: tuple[Any, ...], output: object) -> None:
            maps.setdefault(name, []).append(module.weights(*inputs))

        return record

    found = {name: m for name, m in model.named_modules() if isinstance(m, MultiheadAttention)}
    wanted = found if names is None else names
    absent = [name for name in wanted if name not in found]
    if absent:
        raise ValueError(f"no attention is named {absent[0]!r}; there are {', '.join(found)}")
    hooks = [found[name].register_forward_hook(recorder(name)) for name in wanted]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
