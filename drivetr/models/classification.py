"""What teaches a classifier, and what reads its answer."""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class CrossEntropy(nn.Module):
    """Cross-entropy of one class for each image, or of one word for each place of a sequence.

    Args:
        label_smoothing: share of the truth that is spread over all classes.
        ignored: label of places that teach nothing, such as padding.
    """

    def __init__(self, label_smoothing: float = 0.0, ignored: int = -100) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.ignored = ignored

    def forward(
        self, logits: Float[Tensor, "*B K"], labels: Int[Tensor, "*B"]
    ) -> dict[str, Tensor]:
        """The mean over all places that count."""
        loss = cross_entropy(
            logits.flatten(0, -2),
            labels.flatten(),
            ignore_index=self.ignored,
            label_smoothing=self.label_smoothing,
        )
        return {"loss_cls": loss}


class Probabilities:
    """Logits (B,K) to the probabilities (K,) of each image's classes."""

    def __call__(self, logits: Float[Tensor, "B K"]) -> list[Float[Tensor, " K"]]:
        """One tensor an image; they sum to one."""
        return list(logits.softmax(-1))


class LikeliestWords:
    """Logits (B,T,V) to the words that a sequence model wrote."""

    def __call__(self, logits: Float[Tensor, "B T V"]) -> list[Int[Tensor, " T"]]:
        """One tensor of numbers a sequence, with END and whatever follows it."""
        return list(logits.argmax(-1))
