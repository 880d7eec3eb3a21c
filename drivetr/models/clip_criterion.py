"""The loss that CLIP is trained with (arXiv:2103.00020, section 2.3)."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, distributed, nn
from torch.nn import functional


class ContrastiveCriterion(nn.Module):
    """Every image is to find its text among all texts of the batch, and every text its image.

    With several processes the batch is that of all of them together: each computes the loss of the
    whole, and the gradients, averaged over the processes as usual, are those of one process.

    Args:
        share_true_texts: every text that is true of an image is a positive for it, and the images
            share the text evenly (as images of one label do in arXiv:2204.03610). For generated
            captions: "a car" is no wrong text for the other cars of the batch.
    """

    def __init__(self, share_true_texts: bool = False) -> None:
        super().__init__()
        self.share_true_texts = share_true_texts

    def forward(
        self, outputs: dict[str, Tensor], facts: Int[Tensor, "B F"], told: Int[Tensor, "B F"]
    ) -> dict[str, Tensor]:
        """`loss_image` and `loss_text`, half a cross-entropy each.

        Args:
            outputs: of `CLIP`: `image` (B,D), `text` (B,D) of length 1 and `logit_scale`.
            facts: numbers for what is so in each image.
            told: those that the text of each image tells, 0 for the others.

        Raises:
            ValueError: images and texts differ in number.
        """
        if len(outputs["image"]) != len(outputs["text"]):
            raise ValueError(
                f"{len(outputs['image'])} images and {len(outputs['text'])} texts, expected pairs"
            )
        image, text = (gather_with_gradient(outputs[key].float()) for key in ("image", "text"))
        logits = outputs["logit_scale"].float().exp() * image @ text.T
        if self.share_true_texts:
            true = true_texts(gather_with_gradient(facts), gather_with_gradient(told)).to(logits)
        else:
            true = torch.eye(len(text)).to(logits)
        return {
            "loss_image": functional.cross_entropy(logits, _shares(true)) / 2,
            "loss_text": functional.cross_entropy(logits.T, _shares(true.T)) / 2,
        }


def true_texts(facts: Int[Tensor, "A F"], told: Int[Tensor, "A F"]) -> Bool[Tensor, "A A"]:
    """Whether all that a text (column) tells is so in an image (row)."""
    agree = (told[None] == 0) | (told[None] == facts[:, None])
    return agree.all(-1)


def _shares(true: Float[Tensor, "A A"]) -> Float[Tensor, "A A"]:
    return true / true.sum(1, keepdim=True)


class _Gather(torch.autograd.Function):
    """All processes' rows; their gradients are summed and each process takes those of its own."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """The rows of all processes, one after the other."""
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient of the own rows, from every process's loss."""
        total = gradients[0].contiguous()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]


def gather_with_gradient(rows: Float[Tensor, "B *C"]) -> Float[Tensor, "A *C"]:
    """The rows of all processes, A = B times their number; the same rows with one process.

    Every process has to give the same number of rows.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)
    return gathered
