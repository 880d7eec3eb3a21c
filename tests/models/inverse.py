"""From drivetr's weights back to a publisher's names, without rules of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from drivetr.models.layouts import Layout


def published(own: Mapping[str, Tensor], like: Mapping[str, Tensor], layout: Layout) -> dict:
    """The state dict that `layout` translates to `own`, with the names and shapes of `like`.

    Every number of the published state dict gets a running number; where that number comes out of
    the translation, there its value stands. Entries that the layout drops stay as they are.
    """
    start, numbers = 0, {}
    for key, tensor in like.items():
        numbers[key] = torch.arange(start, start + tensor.numel()).reshape(tensor.shape)
        start += tensor.numel()
    values = torch.cat([tensor.double().flatten() for tensor in like.values()])
    for key, places in layout.translate(numbers).items():
        values[places.flatten()] = own[key].double().flatten()
    return {key: values[places].to(like[key].dtype) for key, places in numbers.items()}
