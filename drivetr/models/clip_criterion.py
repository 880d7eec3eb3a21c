"""The loss that CLIP is trained with (arXiv:2103.00020, section 2.3)."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed, nn
from torch.nn import functional


class ContrastiveCriterion(nn.Module):
    """Every image is to find its text among all texts of the batch, and every text its image.

    With several processes the batch is that of all of them together: each computes the loss of the
    whole, and the gradients, averaged over the processes as usual, are those of one process.

    Args:
        share_equal_texts: images whose texts are the same words share them as positives (as in
            arXiv:2204.03610) instead of being each other's negatives; for generated captions, of
            which many are equal.
    """

    def __init__(self, share_equal_texts: bool = False) -> None:
        super().__init__()
        self.share_equal_texts = share_equal_texts

    def forward(self, outputs: dict[str, Tensor], tokens: Int[Tensor, "B T"]) -> dict[str, Tensor]:
        """`loss_image` and `loss_text`, half a cross-entropy each.

        Args:
            outputs: of `CLIP`: `image` (B,D), `text` (B,D) of length 1 and `logit_scale`.
            tokens: the texts, one an image.

        Raises:
            ValueError: images and texts differ in number.
        """
        if len(outputs["image"]) != len(outputs["text"]):
            raise ValueError(
                f"{len(outputs['image'])} images and {len(outputs['text'])} texts, expected pairs"
            )
        image, text = (gather_with_gradient(outputs[key].float()) for key in ("image", "text"))
        logits = outputs["logit_scale"].float().exp() * image @ text.T
        wanted = self._wanted(tokens, len(text)).to(logits)
        return {
            "loss_image": functional.cross_entropy(logits, wanted) / 2,
            "loss_text": functional.cross_entropy(logits.T, wanted) / 2,
        }

    def _wanted(self, tokens: Int[Tensor, "B T"], count: int) -> Float[Tensor, "A A"]:
        """The share of each text in what an image should find; symmetric."""
        if not self.share_equal_texts:
            return torch.eye(count)
        tokens = gather_with_gradient(tokens)
        equal = (tokens[:, None] == tokens[None]).all(-1).float()
        return equal / equal.sum(1, keepdim=True)


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
