"""From the samples of a scene to the frames of its replay."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.cli.replay_moments import Moment, MomentReader
from drivetr.cli.replay_predictions import PredictionSource
from drivetr.data.image_loader import ImageLoader
from drivetr.data.nuscenes.dataset import img_from_reference
from drivetr.data.nuscenes.index import CameraRecord, NuScenesIndex, SampleRecord, SceneRecord
from drivetr.data.nuscenes.maps import read_ground_maps
from drivetr.data.paths import resolve_inside
from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.structures.cameras import Cameras
from drivetr.structures.ground import GroundMap
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.text import Canvas

_logger = logging.getLogger(__name__)
_MAP_REACH_M = 80.0
_LIDAR_COLUMNS = 5  # x, y, z, intensity, ring, as float32


@dataclass(frozen=True)
class View:
    """What one camera shows of a moment.

    Attributes:
        image: RGB (H, W, 3); None where it is missing or broken.
        size: height and width of the image in pixels, or what it should have.
        img_from_lidar: float64 calibration in pixels of this size.
        filename: of the image below the dataroot; None where the sample has no such camera.
    """

    image: Canvas | None
    size: tuple[int, int]
    img_from_lidar: Float[Tensor, "4 4"]
    filename: str | None


class SceneReader:
    """Reads what the sensors saw in samples; what is broken or absent is left blank.

    Args:
        index: of the dataset.
        sources: of the predictions to draw.
        score_threshold: predictions below are left out of pictures.

    Attributes:
        sources: of predictions.
        moments: reads what the pictures are joined to.
    """

    def __init__(
        self, index: NuScenesIndex, sources: Sequence[PredictionSource], score_threshold: float
    ) -> None:
        self._index = index
        self.sources = sources
        self.moments = MomentReader(index, sources)
        self._score_threshold = score_threshold if sources else None
        self._images = ImageLoader(
            index.dataroot,
            num_images=len(index) * len(index.camera_names),
            missing="tolerant",
            limit=1.0,
            rescale=True,
        )
        self._paths: dict[str, Float[Tensor, "T 3"]] = {}  # of the scenes in global

    @property
    def broken(self) -> list[str]:
        """What was wrong with the images that could not be shown."""
        return list(self._images.broken.values())

    def frames(self, scene: SceneRecord) -> Iterator[ReplayFrame]:
        """The frames of a scene in the order of time, without a map."""
        rig = self.rig(scene)
        for moment in self.moments.of(scene):
            yield self.draw(moment, self.look(moment, rig), self.points(moment.sample))

    def rig(self, scene: SceneRecord) -> dict[str, CameraRecord]:
        """The cameras that any sample of a scene has, by channel."""
        rows = range(scene.first_row, scene.first_row + scene.num_samples)
        return {
            camera.channel: camera for row in rows for camera in self._index.sample(row).cameras
        }

    def look(self, moment: Moment, rig: dict[str, CameraRecord]) -> dict[str, View]:
        """What the cameras of a rig show; one that the sample lacks keeps its place."""
        present = {camera.channel: camera for camera in moment.sample.cameras}
        views = {}
        for channel, usual in rig.items():
            record, image = present.get(channel), None
            if record is not None:
                loaded = self._images.load(record.filename, record.height, record.width)
                image = None if loaded is None else loaded.permute(1, 2, 0).contiguous().numpy()
            filename = None if record is None else record.filename
            record = record or replace(usual, global_from_ego=moment.sample.global_from_ego)
            height, width = (record.height, record.width) if image is None else image.shape[:2]
            projection = img_from_reference(record, moment.global_from_lidar)
            projection[0] *= width / record.width
            projection[1] *= height / record.height
            views[channel] = View(image, (height, width), projection, filename)
        return views

    def maps(self, names: Collection[str]) -> dict[str, GroundMap]:
        """The map around each of the named scenes that has one."""
        scenes = [scene for scene in self._index.scenes() if scene.name in names]
        return read_ground_maps(self._index, scenes, _MAP_REACH_M)

    def content(self, filename: str) -> bytes:
        """The bytes of an image file of the dataset."""
        return resolve_inside(self._index.dataroot, filename).read_bytes()

    def draw(
        self,
        moment: Moment,
        views: dict[str, View],
        points: Float[Tensor, "P 3"] | None,
        ground: GroundMap | None = None,
    ) -> ReplayFrame:
        """A moment as a picture shows it, with the map of its scene."""
        silent = ", ".join(moment.silent)
        least = self._score_threshold or 0.0
        return ReplayFrame(
            images=tuple(view.image for view in views.values()),
            cameras=_cameras(list(views.values())),
            camera_names=tuple(views),
            ego_from_lidar=moment.ego_from_lidar,
            truth=moment.truth,
            predictions={
                name: boxes[boxes.scores >= least] for name, boxes in moment.found.items()
            },
            points=points,
            ground=ground,
            ego_from_global=moment.ego_from_lidar.double()
            @ invert_rigid(moment.global_from_lidar.double()),
            path=transform_points(
                invert_rigid(moment.global_from_lidar), self._path_global(moment.scene)
            ),
            path_index=moment.number - 1,
            scene=moment.scene.name,
            subtitle=moment.scene.description,
            time_s=moment.time_s,
            number=moment.number,
            count=moment.scene.num_samples,
            score_threshold=self._score_threshold,
            note=f"no result for this frame in {silent}" if silent else "",
        )

    def _path_global(self, scene: SceneRecord) -> Float[Tensor, "T 3"]:
        """Positions of the car through a scene."""
        if scene.token not in self._paths:
            rows = range(scene.first_row, scene.first_row + scene.num_samples)
            places = [self._index.sample(row).global_from_ego[:3, 3] for row in rows]
            self._paths[scene.token] = torch.from_numpy(np.stack(places))
        return self._paths[scene.token]

    def points(self, sample: SampleRecord) -> Float[Tensor, "P 3"] | None:
        """Lidar points in the reference frame; None where the file is absent or broken."""
        if sample.lidar_path is None:
            return None
        path = resolve_inside(self._index.dataroot, sample.lidar_path)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if len(content) % (_LIDAR_COLUMNS * np.float32().nbytes):
            _logger.warning("%s: is cut; its points are not drawn", path)
            return None
        values = np.frombuffer(content, dtype=np.float32)
        points = torch.from_numpy(values.reshape(-1, _LIDAR_COLUMNS)[:, :3].copy())
        return points[points.isfinite().all(dim=1)]


def _cameras(views: Sequence[View]) -> Cameras:
    """The calibration of some views."""
    sizes = [view.size for view in views]
    return Cameras(
        img_from_lidar=torch.stack([view.img_from_lidar for view in views]),
        image_size=torch.tensor(sizes),
        pad_size=(max(s[0] for s in sizes), max(s[1] for s in sizes)),
        valid=torch.tensor([view.image is not None for view in views]),
    )
