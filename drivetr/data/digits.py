"""Handwritten digits: the 1,797 images of 8x8 pixels that scikit-learn carries.

They are real: the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C.
Kaynak, UCI Machine Learning Repository, 1998), written by 13 people on forms.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from drivetr.data.sampler import DrawKey, index_and_draws
from drivetr.errors import DrivetrError
from drivetr.structures.labelled import LabelledImage, collate_labelled

Transform = Callable[[LabelledImage, torch.Generator], LabelledImage]

# Places in the shuffled order: seven, one and two tenths of all.
SPLITS = {"train": slice(0, 1257), "val": slice(1257, 1437), "test": slice(1437, None)}
_INK = 16  # full ink in scikit-learn's pixels


class DigitsDataset(Dataset[LabelledImage]):
    """The images of a split, white ink on black.

    The three splits part one random order of all images: 1,257 to learn from ("train"), 180 to
    choose settings by ("val"), 360 that are held out ("test"). The same people wrote all three.

    Args:
        split: "train", "val" or "test".
        transforms: applied one after the other; all chance comes from the generator they are given.
        first: only so many images of the split; None for all.
        split_seed: of the order in which images are dealt to the splits.

    Attributes:
        classes: names in the order of the labels.
    """

    classes = tuple("0123456789")
    collate = staticmethod(collate_labelled)

    def __init__(
        self,
        split: str,
        transforms: Sequence[Transform] = (),
        first: int | None = None,
        split_seed: int = 0,
    ) -> None:
        if split not in SPLITS:
            raise DrivetrError(f"the digits have the splits {', '.join(SPLITS)}, not {split!r}")
        pixels, labels = _load()
        # RandomState's stream is frozen by numpy's compatibility policy: the split never changes.
        order = np.random.RandomState(split_seed).permutation(len(labels))
        self.ids = order[SPLITS[split]][:first]
        grey = np.rint(pixels[self.ids] * (255 / _INK)).astype(np.uint8)
        self.images = torch.from_numpy(grey)
        self.labels = labels[self.ids]
        self.transforms = tuple(transforms)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.ids)

    def __getitem__(self, key: int | DrawKey) -> LabelledImage:
        """An image with its transforms, all chance from the key (`index_and_draws`)."""
        index, generator = index_and_draws(key)
        number = int(self.ids[index])
        sample = LabelledImage(
            name=f"digit {number}",
            id=number,
            image=self.images[index].expand(3, -1, -1),
            label=int(self.labels[index]),
        )
        for transform in self.transforms:
            sample = transform(sample, generator)
        return sample


def _load() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797,8,8) of 0..16 and labels (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DrivetrError(
            "the handwritten digits come with scikit-learn, which is not installed:"
            " pip install -e '.[digits]'"
        ) from error
    data = load_digits()
    return data.images, data.target
