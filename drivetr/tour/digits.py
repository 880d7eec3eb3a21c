"""Real handwritten digits, and how the parts of the tour train classifiers on them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.data.digits import DigitsDataset
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.models.vit import ViTClassifier
from drivetr.nn.backbones.vit import ViT
from drivetr.tour.fit import fit, shuffled

Digits = tuple[Tensor, Tensor]  # normalised images (B,3,32,32) and labels (B,)
Model = TypeVar("Model", bound=nn.Module)
SIDE, BATCH_SIZE = 32, 32
MEAN, STD = 78.0, 96.0  # of the pixels


@lru_cache(maxsize=2)
def load_digits(split: str) -> Digits:
    """The images and labels of a split, in the dataset's random order.

    Raises:
        DrivetrError: scikit-learn, which carries the digits, is not installed.
    """
    transforms: Any = (RandomResize((SIDE,)), Normalize([MEAN] * 3, [STD] * 3))
    dataset = DigitsDataset(split, transforms)
    batch = dataset.collate([dataset[index] for index in range(len(dataset))])
    return batch.images, batch.labels


def small_vit(patch_size: int) -> ViTClassifier:
    """Four layers of four heads, 64 wide."""
    trunk = ViT(SIDE, patch_size, num_layers=4, num_heads=4, embed_dim=64, mlp_dim=128)
    return ViTClassifier(trunk, num_classes=10)


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
