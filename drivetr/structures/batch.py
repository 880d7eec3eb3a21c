"""What training and testing need to know of a batch, whatever it holds."""

from typing import Any, Protocol, TypeVar

import torch

_B = TypeVar("_B", bound="ModelBatch")


class ModelBatch(Protocol):
    """Samples side by side: `criterion(model(*inputs), *truth)` is a loss.

    And `postprocess(model(*inputs), *sizes)` is a list of predictions, one a sample.
    """

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the model is called with."""

    @property
    def truth(self) -> tuple[Any, ...]:
        """What the criterion gets after the outputs."""

    @property
    def sizes(self) -> tuple[Any, ...]:
        """What the postprocess gets after the outputs."""

    @property
    def targets(self) -> list[Any]:
        """The ground truth, one entry a sample; empty where the split has none."""

    @property
    def samples(self) -> list[Any]:
        """The samples without their images."""

    @property
    def names(self) -> list[str]:
        """What messages call the samples."""

    def to(self: _B, device: torch.device | str) -> _B:
        """The same batch with the tensors of inputs and truth on another device."""
