"""The one training loop of the tour: a few hundred steps of AdamW."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

Batch = TypeVar("Batch")


def fit(
    model: nn.Module,
    loss: Callable[[Batch], Tensor],
    batches: Iterator[Batch],
    steps: int,
    lr: float,
    title: str,
    clip_norm: float = 10.0,
) -> list[float]:
    """Trains `model` in place; the rate rises for a tenth of the steps, then falls to 0.

    Args:
        model: what is trained; it is in evaluation mode afterwards.
        loss: of one batch; it calls the model.
        batches: as many as there are steps, or more.
        steps: of the optimizer.
        lr: the highest learning rate.
        title: of the progress bar.
        clip_norm: longest gradient.

    Returns:
        the loss of each step.
    """
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
    )
    losses = []
    for _ in tqdm(range(steps), desc=title, leave=False):
        value = loss(next(batches))
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        schedule.step()
        losses.append(float(value.detach()))
    model.eval()
    return losses


def shuffled(
    tensors: tuple[Tensor, ...], batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches of rows of the tensors, in a new order every time that all were shown."""
    count = len(tensors[0])
    while True:
        order = torch.randperm(count, generator=generator)
        for rows in order.split(min(batch_size, count)):
            yield tuple(tensor[rows] for tensor in tensors)
