"""nuScenes tracking submissions made from detection submissions.

A tracking submission is a detection submission whose boxes have `tracking_id`, `tracking_name` and
`tracking_score` in place of name, score and attribute, of the seven classes that are tracked.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TextIO

import numpy as np

from drivetr.errors import DrivetrError
from drivetr.evaluation.center_tracker import Sightings, follow_centers

# The classes of the tracking task, and how far (metres) a box of theirs may be from where its track
# is expected: CenterPoint's values, the 99.9th percentile of its velocity errors in half a second.
CENTER_LIMITS = {
    "bicycle": 3.0,
    "bus": 5.5,
    "car": 4.0,
    "motorcycle": 13.0,
    "pedestrian": 1.0,
    "trailer": 3.0,
    "truck": 4.0,
}
_NAMES = tuple(CENTER_LIMITS)

Box = dict[str, Any]  # one box of a submission


@dataclass(frozen=True)
class Segment:
    """Consecutive samples of one scene, each of which continues the one before.

    Attributes:
        name: different for every segment of a dataset.
        tokens: of the samples, in the order of time.
        times_s: of the samples, seconds from any moment.
    """

    name: str
    tokens: tuple[str, ...]
    times_s: tuple[float, ...]


class Tracker(Protocol):
    """Finds out which boxes of a segment are one object."""

    @property
    def settings(self) -> dict[str, Any]:
        """The numbers it works by, to be recorded beside metrics."""
        ...

    def __call__(self, segment: Segment, frames: Sequence[Sequence[Box]]) -> list[list[str]]:
        """For every box of every sample the name of its track within the segment."""
        ...


@dataclass(frozen=True)
class CenterTracker:
    """Tracks by the distance of centres; see `follow_centers`.

    Attributes:
        max_age: how many samples old the last box of a track may be when the next one takes it.
            CenterPoint's tracker has 3 on nuScenes; objects that are hidden for longer come back as
            new ones then.
        limit_factor: times `CENTER_LIMITS`.
    """

    max_age: int = 6
    limit_factor: float = 1.0

    @property
    def settings(self) -> dict[str, Any]:
        """The numbers it works by."""
        return asdict(self)

    def __call__(self, segment: Segment, frames: Sequence[Sequence[Box]]) -> list[list[str]]:
        """For every box of every sample the number of its track."""
        sightings = [
            Sightings(
                time_s=time_s,
                centers=_array([box["translation"][:2] for box in boxes]).reshape(-1, 2),
                velocities=_array([box["velocity"] for box in boxes]).reshape(-1, 2),
                scores=_array([box["detection_score"] for box in boxes]),
                labels=np.array([_NAMES.index(box["detection_name"]) for box in boxes], np.int64),
            )
            for time_s, boxes in zip(segment.times_s, frames, strict=True)
        ]
        limits = _array(list(CENTER_LIMITS.values())) * self.limit_factor
        found = follow_centers(sightings, limits, self.max_age)
        return [[str(number) for number in ids.tolist()] for ids in found]


@dataclass(frozen=True)
class QueryTracker:
    """Tracks by the queries that a detector carries from sample to sample (field `query_id`).

    One query in one class is one track, for a track of the task has one class. A query that is
    found as a car and, with a lower score, as a truck gives two tracks, as it gives two boxes.

    Attributes:
        source: the submission, for messages.
    """

    source: str

    @property
    def settings(self) -> dict[str, Any]:
        """None."""
        return {}

    def __call__(self, segment: Segment, frames: Sequence[Sequence[Box]]) -> list[list[str]]:
        """For every box of every sample its query and class.

        Raises:
            DrivetrError: a box has no query, or a query has two boxes of one class in a sample.
        """
        found = []
        for token, boxes in zip(segment.tokens, frames, strict=True):
            names = [self._name(token, box) for box in boxes]
            most = Counter(names).most_common(1)
            if most and most[0][1] > 1:
                query, class_name = most[0][0].rsplit("-", 1)
                raise DrivetrError(
                    f"{self.source}: sample {token} has {most[0][1]} boxes of class {class_name}"
                    f" with query_id {query}, expected one; use --ids centers."
                )
            found.append(names)
        return found

    def _name(self, token: str, box: Box) -> str:
        query = box.get("query_id")
        if type(query) is int:
            return f"{query}-{box['detection_name']}"
        state = f"the query_id {query!r}" if "query_id" in box else "no field query_id"
        raise DrivetrError(
            f"{self.source}: a box of sample {token} has {state}, but --ids queries needs an"
            " integer there, which only detectors that carry queries in time write; use --ids"
            " centers."
        )


def make_tracks(
    results: Mapping[str, Sequence[Box]],
    segments: Iterable[Segment],
    tracker: Tracker,
    min_score: float = 0.0,
) -> dict[str, list[Box]]:
    """The boxes of a detection submission as tracks, for every sample of the segments.

    Args:
        results: the boxes of every sample token, as `read_submission` gives them.
        segments: where the samples stand in time.
        tracker: says which boxes are one object.
        min_score: boxes with lower scores are left out before.

    Returns:
        The `results` of a tracking submission.

    Raises:
        DrivetrError: the boxes lack what the tracker needs.
    """
    tracks: dict[str, list[Box]] = {}
    for segment in segments:
        frames = [
            [
                box
                for box in results[token]
                if box["detection_name"] in CENTER_LIMITS and box["detection_score"] >= min_score
            ]
            for token in segment.tokens
        ]
        names = tracker(segment, frames)
        for token, boxes, ids in zip(segment.tokens, frames, names, strict=True):
            tracks[token] = [
                _tracked(box, f"{segment.name}-{name}")
                for box, name in zip(boxes, ids, strict=True)
            ]
    return tracks


def dump_tracks(file: TextIO, meta: Mapping[str, Any], tracks: Mapping[str, list[Box]]) -> None:
    """Writes a tracking submission as JSON, a line for each sample."""
    file.write(f'{{"meta": {json.dumps(meta)}, "results": {{')
    for number, (token, boxes) in enumerate(tracks.items()):
        separator = "," if number else ""
        file.write(f"{separator}\n{json.dumps(token)}: {json.dumps(boxes, allow_nan=False)}")
    file.write("\n}}\n")


def _tracked(box: Box, tracking_id: str) -> Box:
    """A box of a detection submission in the words of a tracking submission."""
    shared = ("sample_token", "translation", "size", "rotation", "velocity")
    return {
        **{name: box[name] for name in shared},
        "tracking_id": tracking_id,
        "tracking_name": box["detection_name"],
        "tracking_score": float(box["detection_score"]),
    }


def _array(values: list[Any]) -> np.ndarray:
    return np.array(values, dtype=np.float64)
