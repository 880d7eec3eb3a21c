"""Tracks from boxes by the distance of their centres, in the manner of CenterPoint.

The method is that of arXiv:2006.11275, section 4.3, with the rules of its released tracker: boxes
choose in the order of their scores; a box is moved back by its velocity to the time of the frame
before, and takes the nearest free track of its class there, if one is within the limit of the
class; a track that nobody takes is moved on by its velocity for a few frames.

It differs in three things. Of boxes with the same score the one that is nearest to a track chooses
first, not the one that is listed first. A track moves on by the time that really passes, not by
the time between its last two frames. A frame without any box ages the tracks like every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sightings:
    """M boxes of one frame, in coordinates that stay the same from frame to frame.

    Attributes:
        time_s: of the frame, in seconds from any moment.
        centers: (M, 2) in the ground plane, metres.
        velocities: (M, 2) over ground, metres per second.
        scores: (M,) confidence; the highest chooses first.
        labels: (M,) class of each box, an index into the limits of `follow_centers`.
    """

    time_s: float
    centers: NDArray[np.float64]
    velocities: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class _Tracks:
    """T tracks that can be taken, by rising id, at the places they have in the newest frame."""

    ids: NDArray[np.int64]
    centers: NDArray[np.float64]
    velocities: NDArray[np.float64]
    labels: NDArray[np.int64]
    ages: NDArray[np.int64]  # frames since the last box


def follow_centers(
    frames: Sequence[Sightings], limits: NDArray[np.float64], max_age: int
) -> list[NDArray[np.int64]]:
    """The track of every box of consecutive frames; each track has one class.

    The order of the boxes within a frame does not matter: what is equal in score and distance is
    decided by class, place and velocity of the box, then in favour of the older track.

    Args:
        frames: in the order of time.
        limits: (K,) farthest distance, in metres, between a box that was moved back and its track.
        max_age: how many frames old the last box of a track may be when the next one takes it; 1
            knows the frame before only.

    Returns:
        For each frame (M,) ids, numbered from 0 in the order in which the tracks begin.

    Raises:
        ValueError: time runs backwards, a number is not finite, or `max_age` is below 1.
    """
    if max_age < 1:
        raise ValueError(f"max_age is {max_age}, expected 1 at least")
    tracks = _Tracks(
        np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64),
        np.zeros(0, np.int64),
    )  # fmt: skip
    found: list[NDArray[np.int64]] = []
    next_id, time_s = 0, frames[0].time_s if frames else 0.0
    for frame in frames:
        _check(frame, time_s)
        step_s, time_s = frame.time_s - time_s, frame.time_s
        order = _choosing_order(frame)
        taken = _take(frame, order, tracks, step_s, limits)
        ids = np.append(tracks.ids, -1)[taken]  # -1 picks the last, which is no track
        new = order[taken[order] < 0]
        ids[new] = np.arange(next_id, next_id + len(new))
        next_id += len(new)
        tracks = _carry_on(tracks, frame, ids, step_s, max_age)
        found.append(ids)
    return found


def _check(frame: Sightings, earlier_s: float) -> None:
    if frame.time_s < earlier_s:
        raise ValueError(f"a frame at {frame.time_s} s follows one at {earlier_s} s")
    for name in ("centers", "velocities", "scores"):
        if not np.isfinite(getattr(frame, name)).all():
            raise ValueError(f"{name} of the frame at {frame.time_s} s are not all finite")


def _choosing_order(frame: Sightings) -> NDArray[np.intp]:
    """Rows by falling score; ties by what the boxes are, never by how they are listed."""
    keys = (-frame.scores, frame.labels, *frame.centers.T, *frame.velocities.T)
    return np.lexsort(keys[::-1])  # lexsort wants the first key last


def _take(
    frame: Sightings,
    order: NDArray[np.intp],
    tracks: _Tracks,
    step_s: float,
    limits: NDArray[np.float64],
) -> NDArray[np.int64]:
    """(M,) row of the track that each box takes, -1 for none."""
    offset = (frame.centers - frame.velocities * step_s)[:, None] - tracks.centers  # (M, T, 2)
    distance = np.hypot(offset[..., 0], offset[..., 1])
    allowed = frame.labels[:, None] == tracks.labels
    allowed &= distance <= limits[frame.labels][:, None]
    boxes, rows = np.nonzero(allowed)
    by_place = np.argsort(order)  # the place of each box in the order
    pairs = np.lexsort((rows, by_place[boxes], distance[boxes, rows], -frame.scores[boxes]))
    taken = np.full(len(order), -1)
    free = np.full(len(tracks.ids), True)
    for box, row in zip(boxes[pairs].tolist(), rows[pairs].tolist(), strict=True):
        if taken[box] < 0 and free[row]:
            taken[box], free[row] = row, False
    return taken


def _carry_on(
    tracks: _Tracks, frame: Sightings, ids: NDArray[np.int64], step_s: float, max_age: int
) -> _Tracks:
    """The tracks of a frame's boxes, and those that are lost but not yet for too long."""
    lost = ~np.isin(tracks.ids, ids) & (tracks.ages + 1 < max_age)
    moved = tracks.centers[lost] + tracks.velocities[lost] * step_s
    every_id = np.concatenate([ids, tracks.ids[lost]])
    order = every_id.argsort()
    return _Tracks(
        every_id[order],
        np.concatenate([frame.centers, moved])[order],
        np.concatenate([frame.velocities, tracks.velocities[lost]])[order],
        np.concatenate([frame.labels, tracks.labels[lost]])[order],
        np.concatenate([np.zeros_like(ids), tracks.ages[lost] + 1])[order],
    )
