"""A sequence of words with its translation, and a batch of them."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True)
class SequenceSample:
    """Two texts that mean the same, and their words as numbers.

    Attributes:
        name: the source as a text, for messages.
        answer: the target as a text.
        source: numbers of its words.
        target: numbers of the target's words between START and END; absent where the model is to
            write them itself.
    """

    name: str
    answer: str
    source: Int[Tensor, " S"]
    target: Int[Tensor, " T"] | None = None


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences side by side, zeros behind the shorter ones.

    Attributes:
        source: numbers of the words of each source.
        target: likewise, or None where the model is to write it itself.
        samples: the samples.
    """

    source: Int[Tensor, "B S"]
    target: Int[Tensor, "B T"] | None
    samples: list[SequenceSample]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the model is called with: in training also the target without its last word."""
        return (self.source,) if self.target is None else (self.source, self.target[:, :-1])

    @property
    def truth(self) -> tuple[Tensor, ...]:
        """What the criterion gets after the outputs: the word after each of the inputs."""
        return () if self.target is None else (self.target[:, 1:],)

    @property
    def sizes(self) -> tuple[()]:
        """What the postprocess gets after the outputs: nothing."""
        return ()

    @property
    def targets(self) -> list[Any]:
        """One entry a sample, empty where there is no ground truth."""
        return [] if self.target is None else list(self.target)

    @property
    def names(self) -> list[str]:
        """What messages call the samples."""
        return [sample.name for sample in self.samples]

    def to(self, device: torch.device | str) -> "SequenceBatch":
        """The same batch on another device."""
        target = None if self.target is None else self.target.to(device)
        return replace(self, source=self.source.to(device), target=target)


def collate_sequences(samples: list[SequenceSample]) -> SequenceBatch:
    """Pads sequences to the longest and stacks them.

    Raises:
        ValueError: only some have a target, or there are none.
    """
    targets = [sample.target for sample in samples if sample.target is not None]
    if not samples or len(targets) not in (0, len(samples)):
        raise ValueError("cannot batch sequences with targets and without, or no sequences")
    return SequenceBatch(
        source=pad_sequence([sample.source for sample in samples], batch_first=True),
        target=pad_sequence(targets, batch_first=True) if targets else None,
        samples=samples,
    )
