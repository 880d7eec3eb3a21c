"""Predictions that a replay draws: from submissions, or from a detector that runs meanwhile."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.splits import splits_of_version
from drivetr.engine.api import FrameStream, load_detector
from drivetr.engine.stories import StoryTeller
from drivetr.engine.story_choice import StoryChoice
from drivetr.engine.training import has_memory
from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.submission import read_boxes
from drivetr.evaluation.nuscenes.tracks import CENTER_LIMITS
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections
from drivetr.visual.recording import QueryStory, RecordedImage


class PredictionSource(Protocol):
    """Something that has boxes for samples.

    Attributes:
        name: what it is called.
        remembers: whether its answer depends on the samples that it was asked for before.
        lacks: classes that it never has, so that all their objects count as missed.
    """

    name: str
    remembers: bool
    lacks: tuple[str, ...]

    def has(self, token: str) -> bool:
        """Whether there is an answer, be it an empty one, for a sample."""
        ...

    def detections(self, token: str, lidar_from_global: Float[Tensor, "4 4"]) -> Detections:
        """The boxes of a sample in its reference frame."""
        ...

    def tracks(self, token: str, found: Detections) -> tuple[str, ...] | None:
        """Names of the objects that the boxes found in a sample belong to; None without such."""
        ...

    def stories(
        self, token: str, found: Detections, images: Sequence[RecordedImage]
    ) -> tuple[QueryStory, ...]:
        """Why boxes found in a sample came about, told in the recording's pictures."""
        ...


class SubmissionSource:
    """The boxes of a nuScenes submission, detections or tracks, which are in the global frame."""

    remembers = False

    def __init__(self, path: Path, name: str) -> None:
        """Reads the whole file.

        Raises:
            DrivetrError: it is not a valid submission.
        """
        self.name = name
        self._results, self.kind = read_boxes(path)
        tracks = self.kind == "tracking"  # a task of seven classes
        self.lacks = tuple(c for c in DETECTION_CLASSES if tracks and c not in CENTER_LIMITS)

    def has(self, token: str) -> bool:
        """Whether the submission has an entry for a sample."""
        return token in self._results

    def detections(self, token: str, lidar_from_global: Float[Tensor, "4 4"]) -> Detections:
        """The boxes of a sample in its reference frame."""
        boxes = self._results[token]
        columns = {
            key: torch.tensor([box[key] for box in boxes], dtype=torch.float64).reshape(-1, size)
            for key, size in (("translation", 3), ("size", 3), ("rotation", 4), ("velocity", 2))
        }
        return Detections(
            boxes=boxes_from_nuscenes(
                columns["translation"],
                columns["size"],
                columns["rotation"],
                columns["velocity"],
                lidar_from_global,
            ),
            scores=torch.tensor([box[f"{self.kind}_score"] for box in boxes], dtype=torch.float64),
            labels=torch.tensor(
                [DETECTION_CLASSES.index(box[f"{self.kind}_name"]) for box in boxes],
                dtype=torch.long,
            ),
        )

    def tracks(self, token: str, found: Detections) -> tuple[str, ...] | None:
        """The field `tracking_id` of the boxes of a sample."""
        if self.kind == "detection":
            return None
        return tuple(box["tracking_id"] for box in self._results[token])

    def stories(
        self, token: str, found: Detections, images: Sequence[RecordedImage]
    ) -> tuple[QueryStory, ...]:
        """None: a submission does not tell why."""
        return ()


class CheckpointSource:
    """The boxes that a trained detector finds in samples when they are asked for.

    One with a memory remembers the sample before where samples are asked for in the order of time.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        index: NuScenesIndex,
        split: str | None,
        choice: StoryChoice | None,
    ) -> None:
        """Loads the detector, and the dataset with the transforms that it was tested with.

        Args:
            path: of the checkpoint or folder.
            name: what its predictions are called.
            index: of the dataset it runs on.
            split: that it can be asked about; None for all splits of the version.
            choice: the predictions whose stories are told, if any.

        Raises:
            DrivetrError: the checkpoint is damaged, its classes are not nuScenes' ones, or it is
                asked for stories that it cannot tell.
        """
        self.name = name
        loaded = load_detector(path)
        unknown = set(loaded.classes) - set(DETECTION_CLASSES)
        if unknown:
            raise DrivetrError(
                f"{path}: its class {min(unknown)!r} is none of the ten nuScenes detection classes,"
                " which is all that a replay draws"
            )
        gaps = {"with_targets": False, "missing_images": "tolerant", "missing_limit": 1.0}
        spec = replace(loaded.spec, test_data=loaded.spec.test_data | gaps)
        loaded = replace(loaded, spec=spec)
        self._index, self._choice = index, choice
        self._stream = FrameStream(loaded)
        self._teller = None if choice is None else StoryTeller(loaded)
        self._last = ""  # the sample that it ran on last
        self.remembers = has_memory(loaded.detector)
        splits = split or "+".join(splits_of_version(index.dataroot, index.version))
        if not splits:
            raise DrivetrError(
                f"{index.dataroot / index.version} has no splits to run a checkpoint on; name its"
                ' scenes in splits.json there, such as {"all": ["SCENE", "..."]}'
            )
        self._dataset = loaded.dataset(index.dataroot, index.version, splits)
        self._position_of = {token: i for i, token in enumerate(self._dataset.tokens)}
        self.lacks = tuple(name for name in DETECTION_CLASSES if name not in loaded.classes)
        self._label_of = torch.tensor([DETECTION_CLASSES.index(c) for c in loaded.classes])

    def has(self, token: str) -> bool:
        """Whether the sample is in the split."""
        return token in self._position_of

    def detections(self, token: str, lidar_from_global: Float[Tensor, "4 4"]) -> Detections:
        """The boxes of a sample in its reference frame."""
        return self._run(token)

    def _run(self, token: str) -> Detections:
        """What the detector finds in a sample, after those that it ran on before."""
        frame = self._dataset[self._position_of[token]]
        found = (self._teller or self._stream).next(frame)
        self._last = token
        return replace(found, labels=self._label_of[found.labels])

    def tracks(self, token: str, found: Detections) -> tuple[str, ...] | None:
        """The numbers of the objects that a detector with queries in time carries along."""
        return None if found.ids is None else tuple(str(number) for number in found.ids.tolist())

    def stories(
        self, token: str, found: Detections, images: Sequence[RecordedImage]
    ) -> tuple[QueryStory, ...]:
        """Why the chosen ones of the boxes that `detections` gave for a sample came about.

        Where it ran on others meanwhile it runs on the sample again, with a memory from the
        beginning of the scene on.
        """
        if self._teller is None or self._choice is None:
            return ()
        rows = self._choice.rows(found)
        if not rows:
            return ()
        if self._last != token:
            for earlier in self._leading_to(token):
                self._run(earlier)
        return self._teller.tell(found, rows, self.name, images)

    def _leading_to(self, token: str) -> list[str]:
        """The samples to run on so that a sample's answer is that of its place in the scene."""
        if not self.remembers:
            return [token]
        row = self._index.row_of(token)
        scene = self._index.scenes()[self._index.sample(row).scene_row]
        return self._index.tokens_of(np.arange(scene.first_row, row + 1))


def lacking(source: PredictionSource, classes: Collection[str] = DETECTION_CLASSES) -> str:
    """A sentence about those of some classes that a source never has; '' where it has all."""
    names = [name.replace("_", " ") for name in source.lacks if name in classes]
    if not names:
        return ""
    return f"{source.name} has no class {' or '.join(names)}: such objects count as missed"


def open_predictions(
    results: Sequence[str],
    checkpoint: str | None,
    index: NuScenesIndex,
    split: str | None,
    choice: StoryChoice | None = None,
) -> list[PredictionSource]:
    """The sources that the command line names, each under a name of its own.

    Args:
        results: submissions.
        checkpoint: a detector to run, if any.
        index: of the dataset.
        split: that the detector can be asked about; None for all splits of the version.
        choice: the detector's predictions whose stories are told, if any.
    """
    paths = [Path(path) for path in (*results, *([] if checkpoint is None else [checkpoint]))]
    names = distinct_names(paths)
    sources: list[PredictionSource] = [
        SubmissionSource(Path(path), name) for path, name in zip(results, names, strict=False)
    ]
    if checkpoint is not None:
        sources.append(CheckpointSource(Path(checkpoint), names[-1], index, split, choice))
    return sources


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Names of files without their folders where these differ; never two the same."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):  # the same file name in several folders
        names = [f"{path.parent.name}/{path.stem}" for path in paths]
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[number] = f"{name} ({seen[name]})"
    return names
