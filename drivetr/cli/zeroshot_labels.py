"""Names for detected boxes from what a camera shows of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from drivetr.cli.replay_predictions import PredictionSource
from drivetr.data.clip_images import square_window
from drivetr.data.image_loader import ImageLoader
from drivetr.data.nuscenes.index import NuScenesIndex, SampleRecord
from drivetr.data.nuscenes.objects import Bounds, longer_side, view_boxes
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.engine.clip import LoadedClip
from drivetr.geometry.boxes import CENTER
from drivetr.geometry.matching import match_centres
from drivetr.geometry.rigid import invert_rigid
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections

MATCH_DISTANCE = 2.0  # metres between the centres, as in nuScenes' error metrics
MARGIN = 0.15  # of the longer side, as the crops of the training show it
_LEAST_SIDE = 4.0  # pixels: of less nothing can be said


@dataclass(frozen=True)
class Labelled:
    """One detection and its names.

    Attributes:
        sample_token: of its sample.
        channel: the camera that shows most of it.
        bounds: of its box in that camera's image.
        picture: what CLIP was shown.
        detected: the detector's own name for it.
        score: of the detector.
        centre: in the reference frame, metres.
        probabilities: of the names, in their order.
        truth: class of the object that it matches, if any.
    """

    sample_token: str
    channel: str
    bounds: Bounds
    picture: UInt8[Tensor, "3 S S"]
    detected: str
    score: float
    centre: tuple[float, float, float]
    probabilities: Float[Tensor, "K"]
    truth: str | None


class DetectionLabeller:
    """Finds names for the detections of samples.

    Args:
        index: of the dataset.
        source: of the detections.
        clip: that compares.
        names: of things, K.
        score_threshold: detections below are left out.

    Attributes:
        unseen: detections that no camera shows.
    """

    def __init__(
        self,
        index: NuScenesIndex,
        source: PredictionSource,
        clip: LoadedClip,
        names: Sequence[str],
        score_threshold: float,
    ) -> None:
        self._index, self._source, self._clip = index, source, clip
        self._names = clip.embed_names(names)
        self._threshold = score_threshold
        self._targets = TargetBuilder(min_points=0)
        self._images = ImageLoader(index.dataroot, index.num_images)
        self.unseen = 0

    def label(self, row: int) -> Iterator[Labelled]:
        """The detections of a sample that a camera shows."""
        sample = self._index.sample(row)
        pose = torch.from_numpy(sample.global_from_ego @ sample.ego_from_lidar)
        found = self._source.detections(sample.token, invert_rigid(pose))
        found = found[found.scores >= self._threshold]
        if not len(found) or not sample.cameras:
            self.unseen += len(found)
            return
        truths = self._truths(sample, found, invert_rigid(pose))
        cameras, bounds = view_boxes(sample.cameras, found.boxes.double(), pose)
        shown = [i for i, box in enumerate(bounds) if longer_side(box) >= _LEAST_SIDE]
        self.unseen += len(found) - len(shown)
        if not shown:
            return
        loaded = {name: self._load(sample, name) for name in {cameras[i].channel for i in shown}}
        pictures = torch.stack(
            [
                square_window(loaded[cameras[i].channel], bounds[i], self._clip.image_size, MARGIN)
                for i in shown
            ]
        )
        cosines = self._clip.embed_images(pictures) @ self._names.T
        ranked = torch.softmax(self._clip.scale * cosines, dim=-1)
        for i, picture, probabilities in zip(shown, pictures, ranked, strict=True):
            x, y, z = found.boxes[i, CENTER].tolist()
            yield Labelled(
                sample.token, cameras[i].channel, bounds[i], picture,
                DETECTION_CLASSES[int(found.labels[i])], float(found.scores[i]), (x, y, z),
                probabilities, truths[i],
            )  # fmt: skip

    def _load(self, sample: SampleRecord, channel: str) -> UInt8[Tensor, "3 H W"]:
        record = next(camera for camera in sample.cameras if camera.channel == channel)
        image = self._images.load(record.filename, record.height, record.width)
        if image is None:
            raise ValueError("a strict image loader gave no image")
        return image

    def _truths(
        self, sample: SampleRecord, found: Detections, lidar_from_global: Tensor
    ) -> list[str | None]:
        targets = self._targets.build(sample.annotations, lidar_from_global)
        centres = (boxes[:, CENTER][:, :2] for boxes in (found.boxes, targets.boxes))
        first, second = centres
        matched = match_centres(first, found.scores, second, MATCH_DISTANCE).tolist()
        return [None if i < 0 else DETECTION_CLASSES[int(targets.labels[i])] for i in matched]
