"""Leaves out objects that the detector cannot express."""

from dataclasses import replace

import torch

from drivetr.geometry.boxes import BoxColumn
from drivetr.structures.frame import Frame


class ObjectRange:
    """Keeps the targets whose centre lies inside a range of x and y; heights are not looked at.

    Args:
        pc_range: x, y, z minimum, then maximum, in metres of the reference frame, as detectors have
            it.
    """

    def __init__(self, pc_range: tuple[float, float, float, float, float, float]) -> None:
        self.pc_range = pc_range

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with fewer targets; nothing is drawn."""
        if frame.targets is None:
            return frame
        x_min, y_min, _, x_max, y_max, _ = self.pc_range
        x, y = frame.targets.boxes[:, BoxColumn.X], frame.targets.boxes[:, BoxColumn.Y]
        inside = (x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)
        return replace(frame, targets=frame.targets[inside])
