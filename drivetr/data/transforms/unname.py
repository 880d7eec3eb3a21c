"""Takes the names of some classes out of the ground truth and leaves their boxes."""

from dataclasses import replace

import torch

from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import Frame


class Unname:
    """Objects of the hidden classes all get one label, K, "an object": nothing tells them apart.

    Args:
        hidden: names of the classes that training is not to know.

    Raises:
        ValueError: one of them is no detection class.
    """

    def __init__(self, hidden: tuple[str, ...]) -> None:
        for name in hidden:
            if name not in DETECTION_CLASSES:
                raise ValueError(
                    f"hidden has {name!r}, expected names among {', '.join(DETECTION_CLASSES)}"
                )
        self.hidden = hidden

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with fewer names; nothing is drawn."""
        if frame.targets is None:
            return frame
        labels = torch.tensor([DETECTION_CLASSES.index(name) for name in self.hidden])
        hidden = torch.isin(frame.targets.labels, labels)
        unnamed = frame.targets.labels.masked_fill(hidden, len(DETECTION_CLASSES))
        return replace(frame, targets=replace(frame.targets, labels=unnamed))
