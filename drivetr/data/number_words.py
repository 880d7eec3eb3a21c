"""A small translation task: numbers in English words to digits."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from drivetr.data.sampler import DrawKey, index_and_draws
from drivetr.errors import DrivetrError
from drivetr.nn.transformer import END, START
from drivetr.structures.sequences import SequenceSample, collate_sequences

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

# The numbers of the first three are those of drivetr.nn.transformer.
SPECIAL = ("<pad>", "<start>", "<end>")
WORDS = (*SPECIAL, *_SMALL, *_TENS, "hundred", "thousand", "and")
DIGITS = (*SPECIAL, *"0123456789")

LARGEST = 999_999
_SPLITS = ("train", "test")


def in_words(number: int) -> str:
    """A number from 0 to 999,999 in British English without hyphens: "three hundred and five"."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return " ".join([_TENS[tens - 2], *([_SMALL[ones]] if ones else [])])
    unit, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    count, rest = divmod(number, unit)
    join = [] if rest == 0 else [*(["and"] if rest < 100 else []), in_words(rest)]
    return " ".join([in_words(count), name, *join])


def read_digits(words: Sequence[int]) -> str:
    """The text of a written target: its digits up to the end."""
    words = list(words)
    until = words.index(END) if END in words else len(words)
    return "".join(DIGITS[word] for word in words[:until])


class NumberWordsDataset(Dataset[SequenceSample]):
    """Numbers below a limit: eight of ten are in the split "train", the others in "test".

    Args:
        split: "train" or "test"; no number is in both.
        limit: the numbers are 0 .. limit - 1.
        with_targets: give the digits; without them a model has to write its own.
        first: only so many numbers of the split; None for all.
        split_seed: of the order in which the numbers are dealt to the splits.

    Attributes:
        classes: the words of the target's vocabulary.
    """

    classes = DIGITS
    collate = staticmethod(collate_sequences)

    def __init__(
        self,
        split: str,
        limit: int = 100_000,
        with_targets: bool = True,
        first: int | None = None,
        split_seed: int = 0,
    ) -> None:
        if split not in _SPLITS:
            raise DrivetrError(f"number words have the splits {', '.join(_SPLITS)}, not {split!r}")
        if not 5 <= limit <= LARGEST + 1:
            raise DrivetrError(f"limit is {limit}, expected a number from 5 to {LARGEST + 1}")
        # RandomState's stream is frozen by numpy's compatibility policy: the split never changes.
        order = np.random.RandomState(split_seed).permutation(limit)
        count = limit * 8 // 10
        self.numbers = (order[:count] if split == "train" else order[count:])[:first]
        self.with_targets = with_targets

    def __len__(self) -> int:
        """How many numbers."""
        return len(self.numbers)

    def __getitem__(self, key: int | DrawKey) -> SequenceSample:
        """One number; nothing is drawn."""
        number = int(self.numbers[index_and_draws(key)[0]])
        words, digits = in_words(number), str(number)
        target = [START, *(DIGITS.index(digit) for digit in digits), END]
        return SequenceSample(
            name=words,
            answer=digits,
            source=torch.tensor([WORDS.index(word) for word in words.split()]),
            target=torch.tensor(target) if self.with_targets else None,
        )
