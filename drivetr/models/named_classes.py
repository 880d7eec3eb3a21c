"""Classes by name: a query is compared with texts instead of with learned class weights."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from drivetr.errors import DrivetrError

NAMELESS_LOGIT = -1e4  # a score of exactly zero, and still a finite loss
_LARGEST = 1 - 1e-6  # a score whose logit is finite in float32


class NamedClasses(nn.Module):
    """Scores of names, and of "there is an object", from the raw output of a class branch.

    A query says where it lies in the space of a CLIP model and how sure it is that it found an
    object at all. Its score for a name is the product of the second and of a softmax over the
    cosines with the names' text embeddings, as in ViLD (arXiv:2104.13921, section 3.2) with
    objectness in the place of a background embedding. Other names may be put in their place after
    training (`rename`).

    Args:
        num_classes: names K.
        text_dim: width D of the CLIP model's common space.

    Attributes:
        embeddings: (K,D), one text a row; a row of zeros is a class without a name, whose score is
            zero beside rows that are not. All rows are zeros until weights are loaded, and then
            no score means anything.
        logit_scale: logarithm of the factor on cosines, learned.
    """

    embeddings: Tensor

    def __init__(self, num_classes: int, text_dim: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(num_classes, text_dim))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # where CLIP starts

    @property
    def branch_width(self) -> int:
        """Numbers that a class branch has to give for each query."""
        return self.embeddings.shape[1] + 1

    def rename(self, embeddings: Float[Tensor, "K D"]) -> None:
        """Puts other texts in the place of the present ones, row by row.

        Raises:
            DrivetrError: there are more or fewer names, or they come from a space of another width.
        """
        if embeddings.shape != self.embeddings.shape:
            raise DrivetrError(
                f"{list(embeddings.shape)} text embeddings, expected {list(self.embeddings.shape)}:"
                " one row a class, from the CLIP model that the detector was trained with"
            )
        self.embeddings.copy_(embeddings)

    def forward(self, raw: Float[Tensor, "B Q D+1"]) -> dict[str, Tensor]:
        """What a class branch says of every query.

        Returns:
            `pred_logits` (B,Q,K), of the score of every name; `pred_names` (B,Q,K), scaled cosines,
            whose softmax tells the names of an object apart; `pred_objectness` (B,Q,1), the logit
            of "an object"; `pred_embeddings` (B,Q,D) of length 1.
        """
        return self.compare(functional.normalize(raw[..., :-1], dim=-1), raw[..., -1:])

    def compare(
        self, embeddings: Float[Tensor, "B Q D"], objectness: Float[Tensor, "B Q 1"]
    ) -> dict[str, Tensor]:
        """What `forward` returns, from the queries' places and logits of "an object".

        With what `forward` found earlier and after `rename` it is as if the detector had run with
        the other names.
        """
        texts = functional.normalize(self.embeddings, dim=-1)
        names = self.logit_scale.exp() * embeddings @ texts.T
        names = names.masked_fill(~texts.any(-1), NAMELESS_LOGIT)
        log_score = functional.logsigmoid(objectness) + names.log_softmax(-1)
        log_score = log_score.clamp(max=math.log(_LARGEST))
        return {
            "pred_logits": log_score - torch.log1p(-log_score.exp()),
            "pred_names": names,
            "pred_objectness": objectness,
            "pred_embeddings": embeddings,
        }
