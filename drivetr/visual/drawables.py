"""Boxes with their look: what of a frame is drawn, in which style and with which words."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.geometry.boxes import BOX_DIM, box_corners
from drivetr.structures.frame import Targets
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.palette import BoxStyle, prediction_style, truth_style, unmeasured_style


@dataclass(frozen=True)
class Drawable:
    """A box with its look.

    Attributes:
        box: (10,) in the convention of `drivetr.geometry.boxes`, in the reference frame.
        corners: (8, 3) in the reference frame.
        style: colours and widths.
        text: what is written beside it, or nothing.
        score: of a prediction; 1 for truth.
    """

    box: NDArray[np.float64]
    corners: NDArray[np.float64]
    style: BoxStyle
    text: str
    score: float


def drawables(frame: ReplayFrame) -> list[Drawable]:
    """The boxes of a frame, truth first, so that predictions lie above it."""
    return [*_truth(frame), *_predictions(frame)]


def measured(frame: ReplayFrame, truth: Targets) -> list[bool]:
    """Which targets have a point inside; all of them where the rig has no lidar."""
    if frame.points is None:
        return [True] * len(truth)
    hit: list[bool] = (truth.num_points > 0).tolist()
    return hit


def _rows(boxes: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    finite = boxes.detach().cpu().double().reshape(-1, BOX_DIM)
    return finite.numpy(), box_corners(finite).numpy()


def _truth(frame: ReplayFrame) -> Iterator[Drawable]:
    if frame.truth is None:
        return
    alone = not frame.predictions
    rows, corners = _rows(frame.truth.boxes)
    hit = measured(frame, frame.truth)
    for i, label in enumerate(frame.truth.labels.tolist()):
        style = truth_style(label, frame.classes, alone)
        if not hit[i]:
            style = unmeasured_style(style)
        text = frame.classes[label].replace("_", " ") if alone and hit[i] else ""
        yield Drawable(rows[i], corners[i], style, text, 1.0)


def _predictions(frame: ReplayFrame) -> Iterator[Drawable]:
    for member, found in enumerate(frame.predictions.values()):
        rows, corners = _rows(found.boxes)
        scores = found.scores.tolist()
        for i in np.argsort(scores, kind="stable").tolist():  # the surest on top
            label = int(found.labels[i])
            style = prediction_style(label, frame.classes, member, len(frame.predictions))
            text = f"{frame.classes[label].replace('_', ' ')} {scores[i]:.2f}"
            yield Drawable(rows[i], corners[i], style, text, scores[i])
