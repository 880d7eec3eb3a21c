"""What a head with named classes learns: that there is an object, its name, and how it looks."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from drivetr.errors import DrivetrError
from drivetr.models.matcher import Assignment
from drivetr.structures.frame import Targets


class NameCriterion:
    """Losses of the outputs of `drivetr.models.named_classes.NamedClasses`.

    Every object teaches objectness and, where CLIP saw it, its image embedding (distillation as in
    ViLD, arXiv:2104.13921, here with the cosine); an object with a name teaches that as well. So an
    object whose label is no name, one of `drivetr.data.transforms.unname.Unname`, is still found,
    and lies in CLIP's space where a name can find it.

    Args:
        object_weight: of the focal loss of objectness.
        name_weight: of the cross-entropy between the names.
        distillation_weight: of one minus the cosine with the image embedding.
    """

    def __init__(
        self,
        object_weight: float = 2.0,
        name_weight: float = 1.0,
        distillation_weight: float = 1.0,
    ) -> None:
        self.object_weight = object_weight
        self.name_weight = name_weight
        self.distillation_weight = distillation_weight

    @staticmethod
    def matched_as(
        layer: dict[str, Tensor], index: int, target: Targets
    ) -> tuple[Float[Tensor, "Q 1"], Targets]:
        """Logits and targets of one frame that the matcher compares: all objects are of one class.

        So a query does not win an object because the object has a name.
        """
        return layer["pred_objectness"][index], replace(target, labels=target.labels * 0)

    def __call__(
        self,
        layer: dict[str, Tensor],
        pairs: list[Assignment],
        targets: list[Targets],
        count: Tensor,
    ) -> dict[str, Tensor]:
        """`loss_object`, `loss_name` and `loss_distillation`, divided by `count` objects."""
        objectness = layer["pred_objectness"]
        is_object = torch.zeros_like(objectness)
        name_loss = distillation_loss = objectness.sum() * 0  # there may be nothing to name
        for i, (target, (rows, columns)) in enumerate(zip(targets, pairs, strict=True)):
            is_object[i, rows] = 1
            name_loss = name_loss + self._name_loss(
                layer["pred_names"][i, rows], target.labels[columns]
            )
            if target.embeddings is not None:
                distillation_loss = distillation_loss + distillation(
                    layer["pred_embeddings"][i, rows], target.embeddings[columns]
                )
        object_loss = sigmoid_focal_loss(objectness, is_object, reduction="sum")
        return {
            "loss_object": self.object_weight * object_loss / count,
            "loss_name": self.name_weight * name_loss / count,
            "loss_distillation": self.distillation_weight * distillation_loss / count,
        }

    @staticmethod
    def _name_loss(names: Float[Tensor, "P K"], labels: Int[Tensor, "P"]) -> Tensor:
        """Summed cross-entropy of the objects whose label is a name."""
        named = labels < names.shape[1]
        return functional.cross_entropy(names[named], labels[named], reduction="sum")


def distillation(
    embeddings: Float[Tensor, "P D"], wanted: Float[Tensor, "P D"]
) -> Float[Tensor, ""]:
    """Sum of one minus the cosine, over the rows that are wanted at all (not NaN).

    Raises:
        DrivetrError: the two come from spaces of different width.
    """
    if embeddings.shape != wanted.shape:
        raise DrivetrError(
            f"the targets' embeddings are {wanted.shape[-1]} wide and the detector's"
            f" {embeddings.shape[-1]}; make both with the same CLIP model"
        )
    seen = wanted.isfinite().all(-1)
    cosine = functional.cosine_similarity(embeddings[seen], wanted[seen].to(embeddings), dim=-1)
    return (1 - cosine).sum()
