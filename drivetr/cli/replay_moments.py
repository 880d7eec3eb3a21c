"""The samples of scenes with their truth and predictions, and how these meet; without pictures."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drivetr.cli.replay_predictions import PredictionSource
from drivetr.data.nuscenes.index import NuScenesIndex, SampleRecord, SceneRecord
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.evaluation.nuscenes.outcomes import (
    Outcome,
    PlacedBoxes,
    Surroundings,
    judged_boxes,
    match_boxes,
)
from drivetr.geometry.boxes import CENTER
from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Targets

_RACK = "static_object.bicycle_rack"


@dataclass(frozen=True)
class Moment:
    """One sample as a replay shows it.

    Attributes:
        scene: that it belongs to.
        sample: where the car was, and the files of what it saw.
        number: of the sample in its scene, from 1.
        time_s: seconds since the scene began.
        global_from_lidar: float64 pose of the reference frame.
        ego_from_lidar: float64, where the reference frame sits on the car.
        truth: ground truth in the reference frame; None where the scene has none.
        truth_judged: False for objects that the evaluator leaves out; None without truth.
        found: boxes of each source in the reference frame, empty where it does not know the sample.
        tracks: of the sources that have some, the names of the objects of their boxes.
        silent: sources that have no answer for the sample.
        outcomes: of each source that has an answer, where there is truth.
    """

    scene: SceneRecord
    sample: SampleRecord
    number: int
    time_s: float
    global_from_lidar: Float[Tensor, "4 4"]
    ego_from_lidar: Float[Tensor, "4 4"]
    truth: Targets | None
    truth_judged: Bool[Tensor, "G"] | None
    found: dict[str, Detections]
    tracks: dict[str, tuple[str, ...]]
    silent: tuple[str, ...]
    outcomes: dict[str, Outcome]

    def errors(self, source: str, threshold: float) -> int:
        """Misses and false predictions of a source above a score threshold."""
        met, shown = self.outcomes[source], self.found[source].scores >= threshold
        judged = shown & met.found_judged
        hits = int((judged & (met.found_partner >= 0)).sum())
        return int(met.truth_judged.sum()) - hits + int(judged.sum()) - hits


@dataclass(frozen=True)
class Window:
    """A part of every scene.

    Attributes:
        start_s: first moment in seconds since the scene began.
        end_s: last moment.
    """

    start_s: float = 0.0
    end_s: float = math.inf

    def __contains__(self, time_s: float) -> bool:
        """Whether a moment belongs to it."""
        return self.start_s <= time_s <= self.end_s


class MomentReader:
    """Reads the samples of scenes in the order of time.

    Args:
        index: of the dataset.
        sources: of predictions.
    """

    def __init__(self, index: NuScenesIndex, sources: Sequence[PredictionSource]) -> None:
        self._index = index
        self._sources = sources
        self._targets = TargetBuilder(min_points=0)
        # As `lend_reference_channel`: without a lidar nobody counted points.
        self._counted = index.reference_channel is not None or index.has_point_counts

    @property
    def names(self) -> list[str]:
        """What the sources of predictions are called."""
        return [source.name for source in self._sources]

    def of(self, scene: SceneRecord, window: Window = Window()) -> Iterator[Moment]:
        """The moments of a scene.

        Sources that remember are asked for the samples before the first wanted one too, so that
        their answers do not depend on where one begins to look.

        Args:
            scene: of the dataset.
            window: the wanted moments.
        """
        times = self.times(scene)
        wanted = [time_s in window for time_s in times]
        last = max((i for i, is_wanted in enumerate(wanted) if is_wanted), default=-1)
        samples = [self._index.sample(scene.first_row + i) for i in range(len(times))]
        labelled = any(len(sample.annotations) for sample in samples)
        for number, sample in enumerate(samples[: last + 1]):
            if wanted[number]:
                yield self._moment(scene, sample, number + 1, times[number], labelled)
            else:
                self._remind(sample)

    def times(self, scene: SceneRecord) -> list[float]:
        """Seconds since the scene began of each of its samples."""
        rows = range(scene.first_row, scene.first_row + scene.num_samples)
        times_us = [self._index.timestamp_us(row) for row in rows]
        return [(time_us - times_us[0]) / 1e6 for time_us in times_us]

    def _remind(self, sample: SampleRecord) -> None:
        lidar_from_global = invert_rigid(_pose(sample)[0])
        for source in self._sources:
            if source.remembers and source.has(sample.token):
                source.detections(sample.token, lidar_from_global)

    def _moment(
        self, scene: SceneRecord, sample: SampleRecord, number: int, time_s: float, labelled: bool
    ) -> Moment:
        global_from_lidar, ego_from_lidar = _pose(sample)
        lidar_from_global = invert_rigid(global_from_lidar)
        answering = [source for source in self._sources if source.has(sample.token)]
        found = {s.name: s.detections(sample.token, lidar_from_global) for s in answering}
        tracks = {s.name: s.tracks(sample.token, found[s.name]) for s in answering}
        truth, truth_judged, outcomes = None, None, {}
        if labelled:
            truth = self._targets.build(sample.annotations, lidar_from_global)
            points = truth.num_points if self._counted else None
            objects = _place(truth.boxes, truth.labels, global_from_lidar, num_points=points)
            around = surroundings(sample)
            truth_judged = judged_boxes(objects, around, DETECTION_CLASSES)
            for name, boxes in found.items():
                placed = _place(boxes.boxes, boxes.labels, global_from_lidar, boxes.scores)
                outcomes[name] = match_boxes(placed, objects, around, DETECTION_CLASSES)
        return Moment(
            scene=scene,
            sample=sample,
            number=number,
            time_s=time_s,
            global_from_lidar=global_from_lidar,
            ego_from_lidar=ego_from_lidar,
            truth=truth,
            truth_judged=truth_judged,
            found={name: found.get(name, _NOTHING) for name in self.names},
            tracks={name: names for name, names in tracks.items() if names is not None},
            silent=tuple(name for name in self.names if name not in found),
            outcomes=outcomes,
        )


def _place(
    boxes: Float[Tensor, "M 10"],
    labels: Int[Tensor, "M"],
    global_from_lidar: Float[Tensor, "4 4"],
    scores: Float[Tensor, "M"] | None = None,
    num_points: Int[Tensor, "M"] | None = None,
) -> PlacedBoxes:
    """Boxes in the global frame, where the devkit matches them."""
    return PlacedBoxes(
        centres=transform_points(global_from_lidar, boxes[:, CENTER].double()),
        labels=labels,
        scores=torch.ones(len(labels)) if scores is None else scores,
        num_points=num_points,
    )


def surroundings(sample: SampleRecord) -> Surroundings:
    """Where the boxes of a sample are judged."""
    notes = sample.annotations
    racks = np.array([name == _RACK for name in notes.category], dtype=bool)
    return Surroundings(
        ego=_double(sample.global_from_ego[:3, 3]),
        rack_centres=_double(notes.center_global[racks]),
        rack_sizes=_double(notes.size_wlh[racks]),
        rack_rotations=_double(notes.quaternion_wxyz[racks]),
    )


_NOTHING = Detections(torch.zeros(0, 10), torch.zeros(0), torch.zeros(0, dtype=torch.long))


def _pose(sample: SampleRecord) -> tuple[Float[Tensor, "4 4"], Float[Tensor, "4 4"]]:
    """The reference frame in global and on the car."""
    ego_from_lidar = _double(sample.ego_from_lidar)
    return _double(sample.global_from_ego) @ ego_from_lidar, ego_from_lidar


def _double(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float64))
