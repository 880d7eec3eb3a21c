"""Predictions that a replay draws: from submissions, or from a detector that runs meanwhile."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.splits import splits_of_version
from drivetr.engine.api import FrameStream, load_detector
from drivetr.engine.training import has_memory
from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.submission import read_boxes
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections


class PredictionSource(Protocol):
    """Something that has boxes for samples.

    Attributes:
        name: what it is called.
        remembers: whether its answer depends on the samples that it was asked for before.
    """

    name: str
    remembers: bool

    def has(self, token: str) -> bool:
        """Whether there is an answer, be it an empty one, for a sample."""
        ...

    def detections(self, token: str, lidar_from_global: Float[Tensor, "4 4"]) -> Detections:
        """The boxes of a sample in its reference frame."""
        ...

    def tracks(self, token: str, found: Detections) -> tuple[str, ...] | None:
        """Names of the objects that the boxes found in a sample belong to; None without such."""
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


class CheckpointSource:
    """The boxes that a trained detector finds in samples when they are asked for.

    One with a memory remembers the sample before where samples are asked for in the order of time.
    """

    def __init__(self, path: Path, index: NuScenesIndex, split: str | None) -> None:
        """Loads the detector, and the dataset with the transforms that it was tested with.

        Args:
            path: of the checkpoint.
            index: of the dataset it runs on.
            split: that it can be asked about; None for all splits of the version.

        Raises:
            DrivetrError: the checkpoint is damaged, or its classes are not nuScenes' ones.
        """
        self.name = path.stem
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
        self._stream = FrameStream(loaded)
        self.remembers = has_memory(loaded.detector)
        splits = split or "+".join(splits_of_version(index.dataroot, index.version))
        if not splits:
            raise DrivetrError(
                f"{index.dataroot / index.version} has no splits to run a checkpoint on; name its"
                ' scenes in splits.json there, such as {"all": ["SCENE", "..."]}'
            )
        self._dataset = loaded.dataset(index.dataroot, index.version, splits)
        self._position_of = {token: i for i, token in enumerate(self._dataset.tokens)}
        self._label_of = torch.tensor([DETECTION_CLASSES.index(c) for c in loaded.classes])

    def has(self, token: str) -> bool:
        """Whether the sample is in the split."""
        return token in self._position_of

    def detections(self, token: str, lidar_from_global: Float[Tensor, "4 4"]) -> Detections:
        """The boxes of a sample in its reference frame."""
        frame = self._dataset[self._position_of[token]]
        found = self._stream.next(frame)
        return replace(found, labels=self._label_of[found.labels])

    def tracks(self, token: str, found: Detections) -> tuple[str, ...] | None:
        """The numbers of the objects that a detector with queries in time carries along."""
        return None if found.ids is None else tuple(str(number) for number in found.ids.tolist())


def open_predictions(
    results: Sequence[str], checkpoint: str | None, index: NuScenesIndex, split: str | None
) -> list[PredictionSource]:
    """The sources that the command line names, each under a name of its own."""
    paths = [Path(result) for result in results]
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):  # the same file name in several folders
        names = [f"{path.parent.name}/{path.stem}" for path in paths]
    sources: list[PredictionSource] = [
        SubmissionSource(path, name) for path, name in zip(paths, names, strict=True)
    ]
    if checkpoint is not None:
        sources.append(CheckpointSource(Path(checkpoint), index, split))
    return sources
