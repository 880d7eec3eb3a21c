"""Keeps a description of a model from building more than its weights can fill."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from drivetr.errors import DrivetrError

# Activations and dropouts have no weights, and some weights are registered more than once.
_MODULES_A_TENSOR, _MODULES_BESIDE = 20, 200
_NUMBERS_FACTOR, _NUMBERS_BESIDE = 4, 2**20


@contextmanager
def within_weights(weights: Mapping[str, Tensor], source: object) -> Iterator[None]:
    """Modules made inside are without memory, and as many as the weights could belong to.

    Raises:
        DrivetrError: many more are made, or with many more numbers.
    """
    modules = _Limit(_MODULES_A_TENSOR * len(weights) + _MODULES_BESIDE, "modules", source)
    numel = sum(tensor.numel() for tensor in weights.values())
    numbers = _Limit(_NUMBERS_FACTOR * numel + _NUMBERS_BESIDE, "numbers", source)

    def count_module(parent: nn.Module, name: str, child: nn.Module | None) -> None:
        modules.add(1)

    def count_numbers(parent: nn.Module, name: str, parameter: Any) -> None:
        numbers.add(0 if parameter is None else parameter.numel())

    hooks = [
        register_module_module_registration_hook(count_module),
        register_module_parameter_registration_hook(count_numbers),
    ]
    try:
        with torch.device("meta"):
            yield
    finally:
        for hook in hooks:
            hook.remove()


class _Limit:
    """Counts up to a number."""

    def __init__(self, most: int, what: str, source: object) -> None:
        self.most, self.what, self.source = most, what, source
        self.count = 0

    def add(self, more: int) -> None:
        """Counts some more.

        Raises:
            DrivetrError: that is too many.
        """
        self.count += more
        if self.count > self.most:
            raise DrivetrError(
                f"{self.source}: describes a model of over {self.most:,} {self.what}, far more than"
                " its weights have; convert or fetch it again"
            )
