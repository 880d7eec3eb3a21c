"""scikit-learn's handwritten digits as the parts of the tour train on them."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.errors import DrivetrError
from drivetr.tour.fit import fit, shuffled

Digits = tuple[Tensor, Tensor]  # normalised images (B,3,32,32) and labels (B,)
Model = TypeVar("Model", bound=nn.Module)
TRAIN, SIDE, BATCH_SIZE = 1297, 32, 32


@lru_cache(maxsize=1)
def load_digits() -> tuple[Digits, Digits]:
    """1,297 images to learn from and 500 others to test with."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise DrivetrError("the digits come with scikit-learn; pip install scikit-learn") from error
    found = load()
    images = torch.tensor(found.images).float()[:, None] / 8 - 1
    images = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear").repeat(1, 3, 1, 1)
    labels = torch.tensor(found.target)
    return (images[:TRAIN], labels[:TRAIN]), (images[TRAIN:], labels[TRAIN:])


def train_classifier(
    make: Callable[[], Model], digits: Digits, steps: int, lr: float, seed: int, title: str
) -> tuple[Model, list[float]]:
    """A network with weights of the seed, trained on the digits, and the loss of each step."""
    torch.manual_seed(seed)
    model = make()
    batches = shuffled(digits, BATCH_SIZE, torch.Generator().manual_seed(seed))
    losses = fit(
        model, lambda batch: F.cross_entropy(model(batch[0]), batch[1]), batches, steps, lr, title
    )
    return model, losses


@torch.no_grad()
def accuracy(model: nn.Module, digits: Digits) -> float:
    """The share of images that get the right label."""
    right = [
        (model(images).argmax(-1) == labels).float()
        for images, labels in zip(digits[0].split(100), digits[1].split(100), strict=True)
    ]
    return float(torch.cat(right).mean())
