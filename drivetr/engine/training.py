"""The one wrapper that turns model and criterion into what mmengine's Runner calls."""

import math
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from drivetr.structures.batch import ModelBatch


class OptimizerStep(Protocol):
    """The part of mmengine's OptimWrapper that a training step uses."""

    def optim_context(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Context of the forward pass, such as mixed precision."""

    def update_params(self, loss: Tensor) -> None:
        """Backward pass and optimizer step."""


def outputs_of(model: nn.Module, batch: ModelBatch, **extra: Any) -> Any:
    """What a model says of a batch, without the memory of those that have one."""
    found = model(*batch.inputs, **extra)
    return found[0] if isinstance(found, tuple) else found


class DetectorTraining(nn.Module):
    """A model with what it needs to learn; `forward` gives the named losses of a batch.

    Args:
        detector: `detector(*batch.inputs)` -> outputs, or (outputs, memory). One with an attribute
            `needs_targets` that is true also gets `targets=batch.targets`.
        criterion: `criterion(outputs, *batch.truth)` -> weighted losses, minimised as a sum.
        denoising: `denoising(targets)` -> what the detector takes as `noised`, or None.
    """

    def __init__(self, detector: nn.Module, criterion: Any, denoising: Any = None) -> None:
        super().__init__()
        self.detector = detector
        self.criterion = criterion
        self.denoising = denoising

    def data_preprocessor(self, batch: ModelBatch, training: bool) -> dict[str, ModelBatch]:
        """Moves a batch to the weights' device (called by mmengine)."""
        return {"batch": batch.to(next(self.detector.parameters()).device)}

    def forward(self, batch: ModelBatch, mode: str = "loss") -> dict[str, Tensor]:
        """The weighted losses of a batch.

        Raises:
            FloatingPointError: one of them is NaN or infinite.
        """
        extra = {}
        if self.denoising is not None:
            extra["noised"] = self.denoising(batch.targets)
        if getattr(self.detector, "needs_targets", False):
            extra["targets"] = batch.targets
        outputs = outputs_of(self.detector, batch, **extra)
        losses: dict[str, Tensor] = self.criterion(outputs, *batch.truth)
        values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
        for name, value in zip(losses, values, strict=True):
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is not finite ({name} = {value})")
        return losses

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The sum to minimise, and the numbers for the log (called by mmengine)."""
        total = torch.stack(list(losses.values())).sum()
        values = torch.stack([total, *losses.values()]).detach().tolist()  # one wait for the device
        return total, dict(zip(["loss", *losses], values, strict=True))

    def train_step(self, batch: ModelBatch, optim_wrapper: OptimizerStep) -> dict[str, float]:
        """One optimizer step; the counterpart of MMDistributedDataParallel's for one process."""
        with optim_wrapper.optim_context(self):
            losses = self(**self.data_preprocessor(batch, True))
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        return log
