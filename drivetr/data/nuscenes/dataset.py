"""nuScenes samples as frames, ready for transforms and a detector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from drivetr.data.corruptions.late import LateCamera
from drivetr.data.image_loader import ImageLoader, MissingImages
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.data.nuscenes.past import Exposure, PastImages
from drivetr.data.nuscenes.records import CameraRecord, SampleRecord
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.data.sampler import DrawKey, generator_from, seed_from
from drivetr.data.transforms.draws import uniform
from drivetr.errors import DrivetrError
from drivetr.geometry.camera import img_from_cam
from drivetr.geometry.rigid import invert_rigid
from drivetr.structures.cameras import Cameras
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import PAST, Frame, collate_frames

Transform = Callable[[Frame, torch.Generator], Frame]


@dataclass(frozen=True)
class _View:
    """One camera of a frame: pixels (None where it delivered nothing), size, calibration."""

    image: UInt8[Tensor, "3 h w"] | None
    size: tuple[int, int]
    img_from_lidar: Float[Tensor, "4 4"]


class NuScenesDataset(Dataset[Frame]):
    """The samples (keyframes) of a split, in scene order and then in time.

    A frame has one image for each of the index's cameras, in its order, whatever a sample holds: a
    camera without an image shows zeros and is not `valid`. Where cameras differ in size the images
    are padded to the largest, and `cameras.image_size` tells each one's own; `ResizeCropFlip`
    brings all to one size.

    Args:
        index: of the dataset, or (dataroot, version) of which the index is opened, and built if
            absent.
        split: name of an official split or of one in the dataset's own splits.json.
        transforms: applied one after the other; all chance comes from the generator they are given.
        with_targets: give ground truth; off for test sets, which have none.
        min_points: lidar and radar points that a box needs to be a target. Where a rig has no
            LIDAR_TOP and no box a point, all boxes are targets.
        missing_images: "strict" ends at an image that is missing or broken, "tolerant" goes on with
            the camera marked invalid.
        missing_limit: share of the split's images that "tolerant" does without before it ends too.
        rescale_intrinsics: adapt the calibration of an image whose size is not the table's instead
            of refusing it.
        past: also gives an earlier image of every camera, as further cameras N .. 2N - 1. Their
            `img_from_lidar` takes points of the present reference frame, for what stands still.
        late: lets one camera of each scene deliver its images too late, to test what that costs.
    """

    classes = DETECTION_CLASSES
    collate = staticmethod(collate_frames)

    def __init__(
        self,
        index: NuScenesIndex | tuple[str | Path, str],
        split: str,
        transforms: Sequence[Transform] = (),
        with_targets: bool = True,
        min_points: int = 1,
        missing_images: MissingImages = "strict",
        missing_limit: float = 0.01,
        rescale_intrinsics: bool = False,
        past: PastImages | None = None,
        late: LateCamera | None = None,
    ) -> None:
        self.index = open_index(*index) if isinstance(index, tuple) else index
        self.rows = np.asarray(self.index.samples_of_split(split))
        self._follows = self.index.follows(self.rows)
        self.split = split
        self.transforms = tuple(transforms)
        self.past = past
        self.late = late
        names = self.index.camera_names
        self.camera_names = names if past is None else names + tuple(name + PAST for name in names)
        self.with_targets = with_targets
        self.target_builder = TargetBuilder(self._needed_points(min_points))
        self.image_loader = ImageLoader(
            dataroot=self.index.dataroot,
            num_images=len(self.rows) * len(self.camera_names),
            missing=missing_images,
            limit=missing_limit,
            rescale=rescale_intrinsics,
        )
        files = self.index.images_of(self.rows)
        if past is not None:
            files += self.index.earlier_images_of(self.rows, past.first, past.end)
        if late is not None:
            files += late.files(self.index, self.rows)
        self.image_loader.require(list(dict.fromkeys(files)))

    def _needed_points(self, min_points: int) -> int:
        if not self.with_targets or not self.index.num_annotations or self.index.has_point_counts:
            return min_points
        if self.index.reference_channel is None or min_points == 0:
            return 0
        raise DrivetrError(
            f"{self.index.dataroot / self.index.version}/sample_annotation.json: every box has 0"
            f" in num_lidar_pts and num_radar_pts, so none is a target with min_points={min_points}"
            "; set min_points=0 to train on all boxes, and count points before you evaluate: the"
            " devkit drops boxes without any"
        )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.rows)

    @property
    def tokens(self) -> list[str]:
        """Sample tokens in the order of the dataset."""
        return self.index.tokens_of(self.rows)

    def sequences(self) -> list[range]:
        """The positions of the split's samples in runs without a gap: each goes on from the last.

        They end with a scene, at a gap in time and where the split leaves out a sample.
        """
        starts = [*np.flatnonzero(~self._follows).tolist(), len(self)]
        return [range(start, stop) for start, stop in pairwise(starts)]

    def __getitem__(self, key: int | DrawKey) -> Frame:
        """A sample with its transforms; boxes end as float32.

        All chance comes from the key. A transform with the attribute `once_per_sequence` draws the
        same for all samples that a sampler calls one sequence. A plain index always gives the same
        draws, and the sequence of those is the unbroken run in the dataset.
        """
        key = key if isinstance(key, DrawKey) else self._plain(key)
        frame = self.raw_frame(
            key.index, uniform(generator_from(seed_from("past", key.seed)), 0, 1)
        )
        generator = generator_from(key.seed)
        for place, transform in enumerate(self.transforms):
            draws = generator
            if key.sequence_seed is not None and getattr(transform, "once_per_sequence", False):
                draws = generator_from(seed_from("sequence", key.sequence_seed, place))
            frame = transform(frame, draws)
        frame = replace(frame, continues=frame.continues and key.continues)
        if frame.targets is None:
            return frame
        return replace(frame, targets=replace(frame.targets, boxes=frame.targets.boxes.float()))

    def _plain(self, index: int) -> DrawKey:
        """The sample as it comes in a pass through the dataset in order."""
        start = int(np.flatnonzero(~self._follows[: index % len(self) + 1])[-1])
        return DrawKey(index, seed_from("plain", index), seed_from("plain", start), continues=True)

    def raw_frame(self, index: int, chance: float = 0.0) -> Frame:
        """A sample as it was recorded, without transforms and with boxes in float64.

        Args:
            index: of the sample.
            chance: number from [0, 1), which chooses the past images if there are any.

        Raises:
            IndexError: beyond the end of the dataset.
            DrivetrError: an image is missing, broken or of another size, see the class.
        """
        row = int(self.rows[index])
        sample = self.index.sample(row)
        ego_from_lidar = torch.from_numpy(np.array(sample.ego_from_lidar, dtype=np.float64))
        global_from_ego = torch.from_numpy(np.array(sample.global_from_ego, dtype=np.float64))
        global_from_lidar = global_from_ego @ ego_from_lidar
        exposures = self._exposures(row, sample, chance)
        images, cameras = self._look(exposures, global_from_lidar)
        lidar_from_global = invert_rigid(global_from_lidar)
        return Frame(
            token=sample.token,
            scene=sample.scene_name,
            timestamp_us=int(sample.timestamp_us),
            images=images,
            cameras=cameras,
            camera_names=self.camera_names,
            global_from_lidar=global_from_lidar,
            ego_from_lidar=ego_from_lidar,
            targets=self.target_builder.build(sample.annotations, lidar_from_global)
            if self.with_targets
            else None,
            continues=bool(self._follows[index]),
        )

    def _exposures(self, row: int, sample: SampleRecord, chance: float) -> list[Exposure]:
        """The images of a sample, one an entry of `camera_names`."""
        of_channel = {record.channel: record for record in sample.cameras}
        present = [of_channel.get(name) for name in self.index.camera_names]
        if self.late is not None:
            present = self.late.records(self.index, row, sample.scene_name, present)
        ages_us = [0 if r is None else sample.timestamp_us - r.timestamp_us for r in present]
        found = [(record, age * 1e-6) for record, age in zip(present, ages_us, strict=True)]
        if self.past is not None:
            found += self.past.exposures(self.index, row, present, chance)
        return found

    def _look(
        self, exposures: list[Exposure], global_from_lidar: Float[Tensor, "4 4"]
    ) -> tuple[UInt8[Tensor, "N 3 H W"], Cameras]:
        """Images and calibration of all cameras."""
        views = [self._view(record, global_from_lidar) for record, _ in exposures]
        height, width = (max(view.size[axis] for view in views) for axis in (0, 1))
        return _stack_images(views, height, width), Cameras(
            img_from_lidar=torch.stack([view.img_from_lidar for view in views]),
            image_size=torch.tensor([view.size for view in views]),
            pad_size=(height, width),
            valid=torch.tensor([view.image is not None for view in views]),
            age_s=torch.tensor([age for _, age in exposures], dtype=torch.float64),
        )

    def _view(self, record: CameraRecord | None, global_from_lidar: Float[Tensor, "4 4"]) -> _View:
        """One camera; one that the sample lacks looks along z with a focal length of one pixel."""
        if record is None:
            return _View(None, (1, 1), torch.eye(4, dtype=torch.float64))
        image = self.image_loader.load(record.filename, record.height, record.width)
        matrix = img_from_reference(record, global_from_lidar)
        if image is None:
            return _View(None, (record.height, record.width), matrix)
        height, width = image.shape[1:]
        matrix[0] *= width / record.width
        matrix[1] *= height / record.height
        return _View(image, (height, width), matrix)


def img_from_reference(
    record: CameraRecord, global_from_lidar: Float[Tensor, "4 4"]
) -> Float[Tensor, "4 4"]:
    """`img_from_lidar` of a camera, through the ego pose at the camera's own time.

    The car moves between the lidar sweep and the exposure; going through global takes that into
    account, as mmdetection3d and PETR do.

    Args:
        record: calibration and pose of the camera.
        global_from_lidar: float64 pose of the reference frame at its own time.
    """
    intrinsic = torch.from_numpy(np.array(record.intrinsic, dtype=np.float64))
    ego_from_cam = torch.from_numpy(np.array(record.ego_from_cam, dtype=np.float64))
    global_from_ego = torch.from_numpy(np.array(record.global_from_ego, dtype=np.float64))
    cam_from_global = invert_rigid(ego_from_cam) @ invert_rigid(global_from_ego)
    return img_from_cam(intrinsic) @ cam_from_global @ global_from_lidar


def _stack_images(views: list[_View], height: int, width: int) -> UInt8[Tensor, "N 3 H W"]:
    """All images at one size, zeros at the right, at the bottom and where a camera has none.

    Colours stay side by side in memory: transposing six full images takes longer than decoding
    them.
    """
    full = [view.image for view in views if view.image is not None and view.size == (height, width)]
    if len(full) == len(views):
        return torch.stack([image.permute(1, 2, 0) for image in full]).permute(0, 3, 1, 2)
    images = torch.zeros(len(views), height, width, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    for n, view in enumerate(views):
        if view.image is not None:
            images[n, :, : view.size[0], : view.size[1]] = view.image
    return images
