"""From the samples of a scene to the frames of its replay."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.cli.replay_predictions import PredictionSource
from drivetr.data.image_loader import ImageLoader
from drivetr.data.nuscenes.dataset import img_from_reference
from drivetr.data.nuscenes.index import CameraRecord, NuScenesIndex, SampleRecord, SceneRecord
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.data.paths import resolve_inside
from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.structures.cameras import Cameras
from drivetr.structures.detections import Detections
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.text import Canvas

_logger = logging.getLogger(__name__)
_LIDAR_COLUMNS = 5  # x, y, z, intensity, ring, as float32


class SceneReader:
    """Reads the samples of scenes as frames of a replay; what is broken or absent is left blank.

    Args:
        index: of the dataset.
        sources: of the predictions to draw.
        score_threshold: predictions below are left out.
    """

    def __init__(
        self, index: NuScenesIndex, sources: Sequence[PredictionSource], score_threshold: float
    ) -> None:
        self._index = index
        self._sources = sources
        self._score_threshold = score_threshold
        self._images = ImageLoader(
            index.dataroot,
            num_images=len(index) * len(index.camera_names),
            missing="tolerant",
            limit=1.0,
            rescale=True,
        )
        self._targets = TargetBuilder(min_points=0)

    @property
    def broken(self) -> list[str]:
        """What was wrong with the images that could not be shown."""
        return list(self._images.broken.values())

    def frames(self, scene: SceneRecord) -> Iterator[ReplayFrame]:
        """The frames of a scene in the order of time."""
        rows = range(scene.first_row, scene.first_row + scene.num_samples)
        samples = [self._index.sample(row) for row in rows]
        rig = {camera.channel: camera for sample in samples for camera in sample.cameras}
        labelled = any(len(sample.annotations.category) for sample in samples)
        path_global = torch.from_numpy(np.stack([s.global_from_ego[:3, 3] for s in samples]))
        for number, sample in enumerate(samples):
            ego_from_lidar = _double(sample.ego_from_lidar)
            global_from_lidar = _double(sample.global_from_ego) @ ego_from_lidar
            lidar_from_global = invert_rigid(global_from_lidar)
            images, cameras = self._look(sample, rig, global_from_lidar)
            predictions, note = self._predict(sample, lidar_from_global)
            yield ReplayFrame(
                images=images,
                cameras=cameras,
                camera_names=tuple(rig),
                ego_from_lidar=ego_from_lidar,
                truth=self._targets.build(sample.annotations, lidar_from_global)
                if labelled
                else None,
                predictions=predictions,
                points=self._points(sample),
                path=transform_points(lidar_from_global, path_global),
                path_index=number,
                scene=scene.name,
                subtitle=scene.description,
                time_s=(sample.timestamp_us - samples[0].timestamp_us) / 1e6,
                number=number + 1,
                count=len(samples),
                score_threshold=self._score_threshold if self._sources else None,
                note=note,
            )

    def _look(
        self,
        sample: SampleRecord,
        rig: dict[str, CameraRecord],
        global_from_lidar: Float[Tensor, "4 4"],
    ) -> tuple[tuple[Canvas | None, ...], Cameras]:
        """Images and calibration; a camera that the sample lacks keeps its place on the page."""
        present = {camera.channel: camera for camera in sample.cameras}
        images: list[Canvas | None] = []
        projections, sizes = [], []
        for channel, usual in rig.items():
            record = present.get(channel)
            image = (
                None
                if record is None
                else self._images.load(record.filename, record.height, record.width)
            )
            record = record or replace(usual, global_from_ego=sample.global_from_ego)
            size = (record.height, record.width) if image is None else tuple(image.shape[1:])
            projection = img_from_reference(record, global_from_lidar)
            projection[0] *= size[1] / record.width
            projection[1] *= size[0] / record.height
            images.append(None if image is None else image.permute(1, 2, 0).contiguous().numpy())
            projections.append(projection)
            sizes.append(size)
        return tuple(images), Cameras(
            img_from_lidar=torch.stack(projections),
            image_size=torch.tensor(sizes),
            pad_size=(max(s[0] for s in sizes), max(s[1] for s in sizes)),
            valid=torch.tensor([image is not None for image in images]),
        )

    def _predict(
        self, sample: SampleRecord, lidar_from_global: Float[Tensor, "4 4"]
    ) -> tuple[dict[str, Detections], str]:
        """Predictions above the threshold by source, and which sources lack the sample."""
        predictions, silent = {}, []
        for source in self._sources:
            if source.has(sample.token):
                found = source.detections(sample.token, lidar_from_global)
                predictions[source.name] = found[found.scores >= self._score_threshold]
            else:
                predictions[source.name] = Detections(
                    torch.zeros(0, 10), torch.zeros(0), torch.zeros(0, dtype=torch.long)
                )
                silent.append(source.name)
        note = f"no result for this frame in {', '.join(silent)}" if silent else ""
        return predictions, note

    def _points(self, sample: SampleRecord) -> Float[Tensor, "P 3"] | None:
        """Lidar points in the reference frame; None where the file is absent or broken."""
        if sample.lidar_path is None:
            return None
        path = resolve_inside(self._index.dataroot, sample.lidar_path)
        try:
            values = np.fromfile(path, dtype=np.float32)
        except OSError:
            return None
        if values.size % _LIDAR_COLUMNS:
            _logger.warning("%s: is cut; its points are not drawn", path)
            return None
        points = torch.from_numpy(values.reshape(-1, _LIDAR_COLUMNS)[:, :3].copy())
        return points[points.isfinite().all(dim=1)]


def _double(matrix: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(matrix, dtype=np.float64))
