"""Classes by their names: images against the prompts of every class (arXiv:2103.00020, 3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from drivetr.structures.ranking import Ranking


def class_embeddings(prompts: Float[Tensor, "A D"], num_classes: int) -> Float[Tensor, "K D"]:
    """One embedding of length 1 for each class: the mean of those of its prompts.

    Args:
        prompts: of length 1, those of one class side by side.
        num_classes: K; every class has A / K prompts.

    Raises:
        ValueError: the prompts cannot be shared out evenly.
    """
    if num_classes < 1 or len(prompts) % num_classes:
        raise ValueError(f"{len(prompts)} prompts cannot be shared out to {num_classes} classes")
    return normalize(prompts.unflatten(0, (num_classes, -1)).mean(1), dim=-1)


class ZeroShotPostprocess:
    """Ranks the classes for each image of a batch that came with the prompts of all classes.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int = 10) -> None:
        self.num_classes = num_classes

    def __call__(self, outputs: dict[str, Tensor]) -> list[Ranking]:
        """One ranking an image, from the outputs of `CLIP`."""
        classes = class_embeddings(outputs["text"], self.num_classes)
        logits = outputs["logit_scale"].exp() * outputs["image"] @ classes.T
        return [Ranking(row) for row in torch.softmax(logits, dim=-1)]
