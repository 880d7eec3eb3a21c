"""Boxes as Rerun draws them: the box, its heading, its velocity, and words beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from drivetr.geometry.boxes import CENTER, HEADING, SIZE, VELOCITY, BoxColumn
from drivetr.visual.palette import BoxStyle, prediction_style, truth_style, unmeasured_style
from drivetr.visual.recording import BoxSet
from drivetr.visual.rerun_sdk import rr

_LINE_POINTS = 0.6  # half the width of a box's lines on the screen, times that of its style
_ARROW_POINTS = 0.8
_LONGEST_TRACK, _TOKEN_SHOWN = 16, 8  # characters beside a box


def truth_layers(
    truth: BoxSet, up: Float[Tensor, "3"], classes: tuple[str, ...], alone: bool
) -> dict[str, Any]:
    """What is logged of ground truth, by the name below its entity.

    Args:
        truth: the boxes; those that are not judged are drawn fainter.
        up: the vertical in the reference frame, which may be tilted.
        classes: what labels mean.
        alone: nothing was predicted, so that objects have the colours of classes and words.
    """
    styles = [truth_style(label, classes, alone) for label in truth.labels.tolist()]
    rows = torch.arange(len(truth))
    texts = _texts(truth, classes, scores=False)
    return _layers(truth, rows, up, styles, texts, alone)


def prediction_layers(
    found: BoxSet,
    chosen: Tensor,
    up: Float[Tensor, "3"],
    classes: tuple[str, ...],
    member: int,
    members: int,
) -> dict[str, Any]:
    """What is logged of the predictions of one band of scores, by the name below its entity.

    Args:
        found: all predictions of a source.
        chosen: (M,) bool, those in the band.
        up: the vertical in the reference frame, which may be tilted.
        classes: what labels mean.
        member: which of the sources it is.
        members: number of sources; several of them differ by colour, one shows the classes.
    """
    labels = found.labels.tolist()
    styles = [prediction_style(label, classes, member, members) for label in labels]
    rows = chosen.nonzero().flatten()
    texts = _texts(found, classes, scores=True)
    return _layers(found, rows, up, styles, texts, True)


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
    boxes: BoxSet,
    rows: Tensor,
    up: Float[Tensor, "3"],
    styles: Sequence[BoxStyle],
    texts: Sequence[str],
    worded: bool,
) -> dict[str, Any]:
    """The archetypes of some rows; boxes that are nowhere (NaN or infinite) are left out."""
    known = boxes.boxes.detach().double()
    rows = rows[known[rows, : BoxColumn.VX].isfinite().all(dim=-1)]
    chosen, judged = known[rows], boxes.judged.tolist()
    looks = [styles[i] if judged[i] else unmeasured_style(styles[i]) for i in rows.tolist()]
    colours = np.array([s.colour for s in looks], dtype=np.uint8).reshape(-1, 3)
    widths = rr.Radius.ui_points([_LINE_POINTS * s.width for s in looks])
    axes = _upright_axes(chosen, up.double())
    return {
        "": rr.Boxes3D(
            centers=chosen[:, CENTER].numpy(),
            half_sizes=chosen[:, SIZE].numpy() / 2,
            quaternions=Rotation.from_matrix(axes.numpy()).as_quat() if len(chosen) else [],
            colors=colours,
            radii=widths,
            labels=[texts[i] for i in rows.tolist()],
            show_labels=None if worded else False,
        ),
        "heading": rr.LineStrips3D(_headings(chosen, axes), colors=colours, radii=widths),
        "velocity": _arrows(chosen, up.double(), colours),
    }


def _upright_axes(boxes: Tensor, up: Tensor) -> Tensor:
    """(M,3,3) forward, left and up of boxes as columns; the vertical is that of the world.

    A box keeps the two components of its heading in the reference frame. That frame may be tilted,
    so the third follows from the heading being level in the world.
    """
    forward = torch.nn.functional.normalize(_level(boxes[:, HEADING], up), dim=-1)
    upward = up.expand_as(forward)
    return torch.stack([forward, torch.linalg.cross(upward, forward), upward], dim=-1)


def _level(planar: Tensor, up: Tensor) -> Tensor:
    """(M,3) the directions that have these x and y (M,2) and are level in the world."""
    rise = -(planar @ up[:2]) / up[2]
    return torch.cat([planar, rise[:, None]], dim=-1)


def _headings(boxes: Tensor, axes: Tensor) -> NDArray[np.float64]:
    """(M,2,3) from the middle of the floor of each box to that of its front."""
    half = boxes[:, SIZE, None] / 2 * axes.transpose(1, 2)  # M, length width height, 3
    floor = boxes[:, CENTER] - half[:, 2]
    return torch.stack([floor, floor + half[:, 0]], dim=1).numpy()


def _arrows(boxes: Tensor, up: Tensor, colours: NDArray[np.uint8]) -> Any:
    """An arrow for each velocity that is known, as long as the way of one second."""
    moving = boxes[:, VELOCITY].isfinite().all(dim=-1)
    return rr.Arrows3D(
        origins=boxes[moving][:, CENTER].numpy(),
        vectors=_level(boxes[moving][:, VELOCITY], up).numpy(),
        colors=colours[moving.numpy()],
        radii=rr.Radius.ui_points(_ARROW_POINTS),
    )
