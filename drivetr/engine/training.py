"""The one wrapper that turns detector and criterion into what mmengine's Runner calls."""

import math
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from drivetr.structures.frame import Batch


class OptimizerStep(Protocol):
    """The part of mmengine's OptimWrapper that a training step uses."""

    def optim_context(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Context of the forward pass, such as mixed precision."""

    def update_params(self, loss: Tensor) -> None:
        """Backward pass and optimizer step."""


class DetectorTraining(nn.Module):
    """A detector with what it needs to learn; `forward` gives the named losses of a batch.

    Args:
        detector: `detector(images, cameras, [noised=...]) -> (outputs, memory)`.
        criterion: `criterion(outputs, targets, cameras)` -> weighted losses, minimised as a sum.
        denoising: `denoising(targets)` -> what the detector takes as `noised`, or None.
    """

    def __init__(self, detector: nn.Module, criterion: Any, denoising: Any = None) -> None:
        super().__init__()
        self.detector = detector
        self.criterion = criterion
        self.denoising = denoising

    def data_preprocessor(self, batch: Batch, training: bool) -> dict[str, Batch]:
        """Moves a batch to the weights' device (called by mmengine)."""
        return {"batch": batch.to(next(self.detector.parameters()).device)}

    def forward(self, batch: Batch, mode: str = "loss") -> dict[str, Tensor]:
        """The weighted losses of a batch.

        Raises:
            FloatingPointError: one of them is NaN or infinite.
        """
        if self.denoising is None:
            outputs, _ = self.detector(batch.images, batch.cameras)
        else:
            noised = self.denoising(batch.targets)
            outputs, _ = self.detector(batch.images, batch.cameras, noised=noised)
        losses: dict[str, Tensor] = self.criterion(outputs, batch.targets, batch.cameras)
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

    def train_step(self, batch: Batch, optim_wrapper: OptimizerStep) -> dict[str, float]:
        """One optimizer step; the counterpart of MMDistributedDataParallel's for one process."""
        with optim_wrapper.optim_context(self):
            losses = self(**self.data_preprocessor(batch, True))
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        return log
