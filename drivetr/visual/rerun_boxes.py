"""Boxes as Rerun draws them: the box, its heading, its velocity, and words beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetr.geometry.boxes import CENTER, SIZE, VELOCITY, BoxColumn, box_corners, box_yaw
from drivetr.visual.camera_view import FRONT_FACE
from drivetr.visual.palette import BoxStyle, prediction_style, truth_style, unmeasured_style
from drivetr.visual.recording import BoxSet
from drivetr.visual.rerun_sdk import rr

_LINE_POINTS = 0.6  # half the width of a box's lines on the screen, times that of its style
_ARROW_POINTS = 0.8
_LONGEST_TRACK, _TOKEN_SHOWN = 16, 8  # characters beside a box


def truth_layers(truth: BoxSet, classes: tuple[str, ...], alone: bool) -> dict[str, Any]:
    """What is logged of ground truth, by the name below its entity.

    Args:
        truth: the boxes; those that are not judged are drawn fainter.
        classes: what labels mean.
        alone: nothing was predicted, so that objects have the colours of classes and words.
    """
    styles = [truth_style(label, classes, alone) for label in truth.labels.tolist()]
    rows = torch.arange(len(truth))
    return _layers(truth, rows, styles, _texts(truth, classes, scores=False), alone)


def prediction_layers(
    found: BoxSet, chosen: Tensor, classes: tuple[str, ...], member: int, members: int
) -> dict[str, Any]:
    """What is logged of the predictions of one band of scores, by the name below its entity.

    Args:
        found: all predictions of a source.
        chosen: (M,) bool, those in the band.
        classes: what labels mean.
        member: which of the sources it is.
        members: number of sources; several of them differ by colour, one shows the classes.
    """
    labels = found.labels.tolist()
    styles = [prediction_style(label, classes, member, members) for label in labels]
    rows = chosen.nonzero().flatten()
    return _layers(found, rows, styles, _texts(found, classes, scores=True), True)


def _texts(boxes: BoxSet, classes: tuple[str, ...], scores: bool) -> list[str]:
    """Class, score and track of each box."""
    texts = [classes[label].replace("_", " ") for label in boxes.labels.tolist()]
    if scores:
        texts = [f"{t} {s:.2f}" for t, s in zip(texts, boxes.scores.tolist(), strict=True)]
    if boxes.tracks is None:
        return texts
    tracks = [_short(track) for track in boxes.tracks]
    return [f"{t} · {track}" if track else t for t, track in zip(texts, tracks, strict=True)]


def _short(track: str) -> str:
    """A track's name, or the beginning of a long token."""
    return track if len(track) <= _LONGEST_TRACK else track[:_TOKEN_SHOWN] + "…"


def _layers(
    boxes: BoxSet, rows: Tensor, styles: Sequence[BoxStyle], texts: Sequence[str], worded: bool
) -> dict[str, Any]:
    """The archetypes of some rows; boxes that are nowhere (NaN or infinite) are left out."""
    known = boxes.boxes.detach().double()
    rows = rows[known[rows, : BoxColumn.VX].isfinite().all(dim=-1)]
    chosen, judged = known[rows], boxes.judged.tolist()
    looks = [styles[i] if judged[i] else unmeasured_style(styles[i]) for i in rows.tolist()]
    colours = np.array([s.colour for s in looks], dtype=np.uint8).reshape(-1, 3)
    widths = rr.Radius.ui_points([_LINE_POINTS * s.width for s in looks])
    half_yaw = box_yaw(chosen) / 2
    zero = torch.zeros_like(half_yaw)
    return {
        "": rr.Boxes3D(
            centers=chosen[:, CENTER].numpy(),
            half_sizes=chosen[:, SIZE].numpy() / 2,
            quaternions=torch.stack([zero, zero, half_yaw.sin(), half_yaw.cos()], dim=-1).numpy(),
            colors=colours,
            radii=widths,
            labels=[texts[i] for i in rows.tolist()],
            show_labels=None if worded else False,
        ),
        "heading": rr.LineStrips3D(_headings(chosen), colors=colours, radii=widths),
        "velocity": _arrows(chosen, colours),
    }


def _headings(boxes: Tensor) -> NDArray[np.float64]:
    """(M,2,3) from the middle of the floor of each box to that of its front."""
    corners = box_corners(boxes)
    floor = corners[:, :4].mean(dim=1)
    front = corners[:, list(FRONT_FACE[:2])].mean(dim=1)
    return torch.stack([floor, front], dim=1).numpy()


def _arrows(boxes: Tensor, colours: NDArray[np.uint8]) -> Any:
    """An arrow for each velocity that is known, as long as the way of one second."""
    moving = boxes[:, VELOCITY].isfinite().all(dim=-1)
    vectors = torch.nn.functional.pad(boxes[moving][:, VELOCITY], (0, 1))
    return rr.Arrows3D(
        origins=boxes[moving][:, CENTER].numpy(),
        vectors=vectors.numpy(),
        colors=colours[moving.numpy()],
        radii=rr.Radius.ui_points(_ARROW_POINTS),
    )
