"""A nuScenes version that opens in milliseconds: memory-mapped columns made from its tables."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.data.nuscenes.build import ensure_index
from drivetr.data.nuscenes.records import Annotations, CameraRecord, SampleRecord, SceneRecord
from drivetr.data.nuscenes.splits import scenes_of_split
from drivetr.data.nuscenes.store import MappedColumns
from drivetr.data.nuscenes.tables import decoded
from drivetr.errors import DrivetrError
from drivetr.geometry.rigid import rigid_from, rotation_from_quaternion
from drivetr.structures.frame import MAX_GAP_US

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


def _blames_damage(
    method: Callable[Concatenate["NuScenesIndex", _Arguments], _Result],
) -> Callable[Concatenate["NuScenesIndex", _Arguments], _Result]:
    """A method that says so where an impossible value in a column comes from a damaged file."""

    @functools.wraps(method)
    def blaming(
        self: "NuScenesIndex", *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> _Result:
        try:
            return method(self, *args, **kwargs)
        except (LookupError, ValueError, TypeError, ArithmeticError, MemoryError):
            self.refuse_damage()
            raise

    return blaming


def open_index(
    dataroot: Path | str, version: str, out_dir: Path | str | None = None, build: bool = True
) -> "NuScenesIndex":
    """Opens the index of a version, and builds it first where there is none.

    Args:
        dataroot: folder of the dataset; it is only read.
        version: such as v1.0-mini.
        out_dir: the cache; else $DRIVETR_CACHE or the user's cache folder.
        build: False refuses to build.

    Raises:
        DrivetrError: the tables are wrong, or the index is stale, damaged or of another schema.
    """
    out = Path(out_dir) if out_dir is not None else None
    folder, header = ensure_index(Path(dataroot), version, out, build)
    return NuScenesIndex(Path(dataroot), version, folder, header)


class NuScenesIndex:
    """Samples, images, poses and boxes of one version, by row.

    Samples are in the order of the scene table, then of time. Sensor poses are joined to the rows
    that use them. Radars and lidar sweeps are left out.

    Attributes:
        dataroot: folder of the dataset.
        version: such as v1.0-mini.
        camera_names: channels with modality camera; nuScenes' six first, in the order front,
            front right, front left, back, back left, back right, then others by name.
        reference_channel: "LIDAR_TOP", or None where the rig has none and ego is the reference.
        warnings: how many rows of each kind were mended or left out when the index was built.
        unknown_categories: names in category.json that nuScenes does not have.
    """

    def __init__(self, dataroot: Path, version: str, folder: Path, header: dict) -> None:
        """Takes an index that `ensure_index` has vouched for."""
        self.dataroot = dataroot
        self.version = version
        self.folder = folder
        self.camera_names: tuple[str, ...] = tuple(header["camera_names"])
        self.reference_channel: str | None = header["reference_channel"]
        self.warnings: dict[str, int] = header["warnings"]
        self.unknown_categories: list[str] = header["unknown_categories"]
        self._categories: list[str] = header["categories"]
        self._attributes: list[str] = [*header["attributes"], ""]
        self._columns = MappedColumns(folder / header["columns"], header["checksums"])
        self._row_of: dict[str, int] = {}

    def refuse_damage(self) -> None:
        """Reads every column and compares its checksum, which opening an index does not.

        Raises:
            DrivetrError: one of them is not what was written.
        """
        self._columns.refuse_damage()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._columns["sample_token"])

    @property
    def num_annotations(self) -> int:
        """Number of boxes in the whole version; 0 for a test set."""
        return len(self._columns["box_token"])

    @property
    def has_point_counts(self) -> bool:
        """Whether any box of the version has a lidar or radar point inside."""
        return bool(np.any(self._columns["box_points"]))

    @property
    def num_images(self) -> int:
        """Number of images, keyframes and sweeps, of all cameras."""
        return len(self._columns["image_timestamp"])

    @_blames_damage
    def scenes(self) -> list[SceneRecord]:
        """All scenes, in the order of the table."""
        c = self._columns
        starts = c["scene_start"]
        return [
            SceneRecord(
                name=c["scene_name"][i].decode(),
                token=c["scene_token"][i].decode(),
                description=c["scene_description"][i].decode(),
                location=c["scene_location"][i].decode(),
                first_row=int(starts[i]),
                num_samples=int(starts[i + 1] - starts[i]),
            )
            for i in range(len(c["scene_name"]))
        ]

    @_blames_damage
    def samples_of_split(self, split: str) -> NDArray[np.int64]:
        """Rows of a split's samples, in scene order then time; "a+b" joins two splits.

        Scenes of the split that this version does not hold are passed over.

        Raises:
            DrivetrError: the version has no such split, or none of its scenes is here.
        """
        parts = [scenes_of_split(self.dataroot, self.version, part) for part in split.split("+")]
        wanted = {name for part in parts for name in part}
        scenes = [scene for scene in self.scenes() if scene.name in wanted]
        rows = [np.arange(s.first_row, s.first_row + s.num_samples) for s in scenes]
        found = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        if not len(found):
            have = ", ".join(scene.name for scene in self.scenes()[:5])
            raise DrivetrError(
                f"split {split!r} of {self.version}: none of its {len(wanted)} scenes has samples"
                f" in {self.dataroot}, which holds {have}…"
            )
        return found

    @_blames_damage
    def tokens_of(self, rows: NDArray[np.integer]) -> list[str]:
        """Tokens of many samples, without reading more of them."""
        return decoded(self._columns["sample_token"][rows])

    @_blames_damage
    def images_of(self, rows: NDArray[np.integer]) -> list[str]:
        """File names of the keyframe images of many samples, relative to the dataroot."""
        images = self._columns["sample_image"][rows]
        return decoded(self._columns["image_filename"][images[images >= 0]])

    @_blames_damage
    def earlier_images_of(self, rows: NDArray[np.integer], first: int, end: int) -> list[str]:
        """File names of earlier images of many samples, which stand first .. end - 1 in `history`.

        Of a history that is shorter the oldest image stands for those that it lacks.
        """
        images = self._columns["sample_image"][rows].ravel()
        start = self._history_start(images)
        images, start = images[images > start], start[images > start]
        found = [np.maximum(images - 1 - back, start) for back in range(first, end)]
        return decoded(self._columns["image_filename"][np.unique(np.concatenate(found))])

    @_blames_damage
    def follows(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each of many samples goes on from the one that stands before it in `rows`.

        That is its predecessor in the same scene, at most 0.6 s earlier.
        """
        before = np.concatenate([[-1], rows[:-1]])
        return self._continues(rows) & (self._columns["sample_prev"][rows] == before)

    @_blames_damage
    def row_of(self, token: str) -> int:
        """Row of a sample by its token.

        Raises:
            DrivetrError: there is no such sample.
        """
        if not self._row_of:
            tokens = self._columns["sample_token"]
            self._row_of = {value.decode(): row for row, value in enumerate(tokens)}
        if token not in self._row_of:
            raise DrivetrError(
                f"sample token {token!r} is not in {self.dataroot} {self.version}"
                f" ({len(self):,} samples); check the version and the split"
            )
        return self._row_of[token]

    @_blames_damage
    def sample(self, row: int) -> SampleRecord:
        """All about one sample.

        Raises:
            ValueError: there is no such row.
        """
        if not 0 <= row < len(self):
            raise ValueError(f"sample row {row} is not within 0..{len(self) - 1}")
        c = self._columns
        scene, prev = int(c["sample_scene"][row]), int(c["sample_prev"][row])
        lidar = int(c["sample_lidar_calibration"][row])
        lidar_pose = c["calibration_pose"][lidar] if lidar >= 0 else _IDENTITY_POSE
        poses = _matrices(np.stack([c["sample_pose"][row], lidar_pose]))
        images = c["sample_image"][row]
        return SampleRecord(
            token=c["sample_token"][row].decode(),
            scene_name=c["scene_name"][scene].decode(),
            scene_row=scene,
            timestamp_us=int(c["sample_timestamp"][row]),
            prev_row=prev,
            next_row=int(c["sample_next"][row]),
            continues=bool(self._continues(np.array([row]))[0]),
            lidar_path=c["sample_lidar_file"][row].decode() if lidar >= 0 else None,
            global_from_ego=poses[0],
            ego_from_lidar=poses[1],
            cameras=self._cameras(images[images >= 0]),
            annotations=self._annotations(row),
        )

    @_blames_damage
    def history(self, row: int, channel: str) -> range:
        """Numbers of a camera's images before its keyframe of a sample, newest first.

        Sweeps and keyframes, back to the scene's first image or to where a `prev` link is not the
        neighbour in time. Sweeps without an ego pose are not in the index. Empty where the camera
        has no keyframe.

        Raises:
            ValueError: the rig has no such camera.
        """
        if channel not in self.camera_names:
            raise ValueError(f"camera {channel!r} is none of {self.camera_names}")
        key = self._columns["sample_image"][row, self.camera_names.index(channel)]
        start = int(self._history_start(key[None])[0])
        return range(int(key) - 1, start - 1, -1)

    def _history_start(self, images: NDArray[np.integer]) -> NDArray[np.int64]:
        """The first image of the unbroken history that each image belongs to."""
        chain = self._columns["image_chain"]
        return np.where(images < 0, images, np.searchsorted(chain, chain[images]))

    @_blames_damage
    def image(self, number: int) -> CameraRecord:
        """An image by its number, see `history`."""
        return self._cameras(np.array([number]))[0]

    @_blames_damage
    def image_times_us(self, numbers: Sequence[int]) -> list[int]:
        """Times of the exposures of images by their numbers, see `history`."""
        times: list[int] = self._columns["image_timestamp"][np.asarray(numbers)].tolist()
        return times

    @_blames_damage
    def timestamp_us(self, row: int) -> int:
        """Time of a sample."""
        return int(self._columns["sample_timestamp"][row])

    @_blames_damage
    def scene_name(self, row: int) -> str:
        """Name of a sample's scene."""
        name: bytes = self._columns["scene_name"][self._columns["sample_scene"][row]]
        return name.decode()

    def _continues(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether samples follow their predecessor in the same scene and in time."""
        c = self._columns
        prev, time, scene = (c[f"sample_{key}"] for key in ("prev", "timestamp", "scene"))
        before = prev[rows]
        step = time[rows] - time[before]
        near = (step > 0) & (step <= MAX_GAP_US)
        return (before >= 0) & (scene[rows] == scene[before]) & near

    def _cameras(self, images: NDArray[np.integer]) -> tuple[CameraRecord, ...]:
        c = self._columns
        calibrations = c["image_calibration"][images]
        poses = _matrices(
            np.concatenate([c["image_pose"][images], c["calibration_pose"][calibrations]])
        )
        count = len(images)
        return tuple(
            CameraRecord(
                channel=self.camera_names[c["image_channel"][image]],
                filename=c["image_filename"][image].decode(),
                timestamp_us=int(c["image_timestamp"][image]),
                height=int(c["image_size"][image, 0]),
                width=int(c["image_size"][image, 1]),
                intrinsic=np.array(c["calibration_intrinsic"][calibrations[i]]),
                global_from_ego=poses[i],
                ego_from_cam=poses[count + i],
            )
            for i, image in enumerate(images)
        )

    def _annotations(self, row: int) -> Annotations:
        c = self._columns
        here = slice(int(c["box_start"][row]), int(c["box_start"][row + 1]))
        instance = np.array(c["box_instance"][here], dtype=np.int64)
        return Annotations(
            token=decoded(c["box_token"][here]),
            center_global=np.array(c["box_center"][here]),
            size_wlh=np.array(c["box_size"][here]),
            quaternion_wxyz=np.array(c["box_rotation"][here]),
            velocity_global=np.array(c["box_velocity"][here]),
            category=[self._categories[i] for i in c["instance_category"][instance]],
            attribute=[self._attributes[i] for i in c["box_attribute"][here]],
            visibility=np.array(c["box_visibility"][here], dtype=np.int64),
            num_lidar_pts=np.array(c["box_points"][here, 0], dtype=np.int64),
            num_radar_pts=np.array(c["box_points"][here, 1], dtype=np.int64),
            instance=instance,
            instance_token=decoded(c["instance_token"][instance]),
        )


_IDENTITY_POSE = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def _matrices(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 4, 4) from (P, 7): translation, then quaternion w, x, y, z."""
    pose = torch.from_numpy(np.array(poses, dtype=np.float64))
    return rigid_from(rotation_from_quaternion(pose[:, 3:]), pose[:, :3]).numpy()
