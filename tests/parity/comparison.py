"""Differences to a recording, and how large they may be."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tolerance:
    """|ours - theirs| <= absolute + relative * |theirs| for at least a share of the elements."""

    absolute: float
    relative: float = 0.0
    share: float = 1.0


# From how far the references' own outputs move under input noise of 1e-6.
EQUAL = Tolerance(0.0)
FEATURES = Tolerance(1e-4, 1e-4)  # also for what lies between input and output
LOSSES = Tolerance(1e-6, 1e-4)
SCORES = Tolerance(1e-5)
EMBEDDINGS = Tolerance(1e-4)
BOXES01 = Tolerance(1e-5)  # shares of an image
LOGITS = {"tiny": Tolerance(1e-4), "full": Tolerance(5e-4, share=0.99)}
BOXES = {"tiny": Tolerance(1e-3), "full": Tolerance(3e-3, share=0.99)}  # metres


@dataclass(frozen=True)
class Comparison:
    """One quantity of a case, as computed here and as recorded."""

    quantity: str
    ours: Tensor
    theirs: Tensor
    tolerance: Tolerance

    @property
    def differences(self) -> Tensor:
        """Absolute differences of all elements; two NaN are equal, one alone is infinitely far."""
        ours, theirs = self.ours.double(), self.theirs.double()
        distance = torch.nan_to_num((ours - theirs).abs(), nan=torch.inf)
        return torch.where(ours.isnan() & theirs.isnan(), 0.0, distance).flatten()

    @property
    def max_difference(self) -> float:
        """The largest absolute difference."""
        return float(self.differences.max()) if self.theirs.numel() else 0.0

    @property
    def passed(self) -> bool:
        """Whether shapes are equal and enough elements are near enough."""
        if self.ours.shape != self.theirs.shape:
            return False
        bound = self.tolerance.absolute
        bound = bound + self.tolerance.relative * self.theirs.double().abs().nan_to_num().flatten()
        near = self.differences <= bound
        return bool(near.double().mean() >= self.tolerance.share) if near.numel() else True
