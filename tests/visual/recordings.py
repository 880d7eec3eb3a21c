"""Drives for the tests of replays: made-up ones with a detector that errs, and real keyframes."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.records import SampleRecord
from drivetr.geometry.boxes import BoxColumn, make_boxes, transform_boxes
from drivetr.geometry.matching import match_centres
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_about_z
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import Frame
from drivetr.structures.ground import GroundMap
from drivetr.visual.recording import (
    AttentionMap,
    BoxSet,
    QueryStory,
    RecordedFrame,
    RecordedImage,
    Recording,
)
from tests.visual.scenery import camera_matrix

CHANNELS = {
    "CAM_FRONT": 0.0,
    "CAM_FRONT_RIGHT": -55.0,
    "CAM_FRONT_LEFT": 55.0,
    "CAM_BACK": 180.0,
    "CAM_BACK_LEFT": 110.0,
    "CAM_BACK_RIGHT": -110.0,
}
SIZE = (144, 256)
MATCH_M = 2.0
_SIZES = {"car": (4.6, 1.9, 1.7), "truck": (7.0, 2.5, 2.9), "pedestrian": (0.7, 0.7, 1.75)}
_STEP_S = 0.5


def drive(
    frames: int = 6,
    objects: int = 20,
    sources: tuple[str, ...] = ("petr",),
    scene: str = "scene-0001",
    size: tuple[int, int] = SIZE,
    points: bool = True,
    seed: int = 0,
) -> Recording:
    """A car that drives straight on among objects that do the same; ego is the reference frame."""
    random = np.random.default_rng(seed)
    things = _things(objects, random)
    told = tuple(
        _frame(number, things, sources, scene, size, points, random) for number in range(frames)
    )
    return Recording(
        title="A made-up drive",
        frames=told,
        channels=tuple(CHANNELS),
        sources=sources,
        descriptions={scene: "drawn, at noon"},
    )


def with_story(recording: Recording, frame: int, row: int, layers: int = 3) -> Recording:
    """The recording with made-up attention for one prediction of the first source."""
    random = np.random.default_rng(row)
    cameras, rows, columns = len(recording.channels), 8, 14
    maps = []
    for layer in range(-1, layers):
        for head in range(-1, 2):
            weights = torch.from_numpy(random.gamma(0.1, size=(cameras, rows, columns)))
            weights[0, 3:6, 5:9] += 2.0
            maps.append(AttentionMap(layer, head, (weights / weights.sum()).float()))
    source = recording.sources[0]
    centre = recording.frames[frame].predictions[source].boxes[row, :3].double()
    away = torch.linspace(1, 0, layers + 1).double()[:, None] * torch.tensor([6.0, -4.0, 0.5])
    shares = torch.from_numpy(random.dirichlet(np.ones(cameras), size=layers))
    story = QueryStory(source, row, tuple(maps), centre + away, shares)
    told = replace(recording.frames[frame], stories=(*recording.frames[frame].stories, story))
    return replace(
        recording,
        frames=(*recording.frames[:frame], told, *recording.frames[frame + 1 :]),
    )


def with_map(recording: Recording) -> Recording:
    """The recording with a street to the north-east of where its first scene begins."""
    share = np.zeros((250, 200), np.uint8)
    share[50:100, 120:160] = 255
    maps = {recording.frames[0].scene: GroundMap(share, 0.4, (560.0, 1650.0))}
    return replace(recording, maps=maps)


def real_keyframes(dataroot: Path, version: str, index_folder: Path) -> Recording:
    """The real keyframes with all their objects, at the size they were taken in."""
    index = open_index(dataroot, version, out_dir=index_folder)
    frames = []
    for split in ("mini_train", "mini_val"):
        dataset = NuScenesDataset(index, split, min_points=0)
        for number in range(len(dataset)):
            record = index.sample(int(dataset.rows[number]))
            frames.append(_real_frame(dataset.raw_frame(number), record, dataroot))
    return Recording("Real keyframes", tuple(frames), tuple(index.camera_names))


def _real_frame(frame: Frame, record: SampleRecord, dataroot: Path) -> RecordedFrame:
    targets = frame.targets
    count = len(targets)
    files = {camera.channel: dataroot / camera.filename for camera in record.cameras}
    images = tuple(
        RecordedImage(name, files[name].read_bytes(), (900, 1600), frame.cameras.img_from_lidar[i])
        for i, name in enumerate(frame.camera_names)
    )
    truth = BoxSet(
        targets.boxes,
        targets.labels,
        torch.ones(count),
        torch.full((count,), -1),
        targets.num_points > 0,
    )
    return RecordedFrame(
        token=frame.token,
        scene=frame.scene,
        time_s=0.0,
        images=images,
        global_from_lidar=frame.global_from_lidar,
        ego_from_lidar=torch.from_numpy(record.ego_from_lidar.copy()),
        truth=truth,
    )


def partners_of(found: BoxSet, truth: BoxSet) -> tuple[torch.Tensor, torch.Tensor]:
    """The object of each prediction and the prediction of each object, class by class."""
    partner = torch.full((len(found),), -1)
    for label in found.labels.unique().tolist():
        rows = (found.labels == label).nonzero()[:, 0]
        objects = (truth.labels == label).nonzero()[:, 0]
        taken = match_centres(
            found.boxes[rows, :2], found.scores[rows], truth.boxes[objects, :2], MATCH_M
        )
        partner[rows[taken >= 0]] = objects[taken[taken >= 0]]
    back = torch.full((len(truth),), -1)
    back[partner[partner >= 0]] = (partner >= 0).nonzero()[:, 0]
    return partner, back


def _things(count: int, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes in global at time 0 and their labels."""
    names = random.choice(list(_SIZES), count, p=[0.6, 0.15, 0.25])
    size = torch.tensor([_SIZES[name] for name in names], dtype=torch.float64).reshape(-1, 3)
    radius, angle = random.uniform(7, 45, count), random.uniform(-np.pi, np.pi, count)
    yaw = torch.from_numpy(random.choice([0.0, 0.0, np.pi], count) + random.normal(0, 0.1, count))
    speed = torch.from_numpy(random.choice([0.0, 4.0, 8.0], count))
    centre = np.stack([radius * np.cos(angle), radius * np.sin(angle), size[:, 2] / 2], axis=1)
    velocity = torch.stack([speed * yaw.cos(), speed * yaw.sin()], dim=1)
    boxes = make_boxes(torch.from_numpy(centre), size, yaw, velocity)
    labels = torch.tensor([DETECTION_CLASSES.index(name) for name in names], dtype=torch.long)
    return boxes, labels


def _frame(
    number: int,
    things: tuple[torch.Tensor, torch.Tensor],
    sources: tuple[str, ...],
    scene: str,
    size: tuple[int, int],
    points: bool,
    random: np.random.Generator,
) -> RecordedFrame:
    time_s = number * _STEP_S
    pose = rigid_from(
        rotation_about_z(torch.tensor(0.02 * number, dtype=torch.float64)),
        torch.tensor([600.0 + 5.0 * time_s, 1600.0, 0.0], dtype=torch.float64),
    )
    offset = torch.eye(4, dtype=torch.float64)
    offset[:2, 3] = torch.tensor([600.0, 1600.0], dtype=torch.float64)
    boxes = transform_boxes(offset, things[0]).clone()
    boxes[:, :2] += boxes[:, BoxColumn.VX :] * time_s
    boxes = transform_boxes(invert_rigid(pose), boxes)
    count = len(boxes)
    truth = BoxSet(
        boxes.float(),
        things[1],
        torch.ones(count),
        torch.full((count,), -1),
        boxes[:, :2].norm(dim=1) < 50,
        tuple(f"object {i}" for i in range(count)),
    )
    found = {source: _detections(truth, random) for source in sources}
    matched = {source: partners_of(boxes, truth) for source, boxes in found.items()}
    return RecordedFrame(
        token=f"{scene}-{number}",
        scene=scene,
        time_s=time_s,
        images=tuple(_picture(name, azimuth, size) for name, azimuth in CHANNELS.items()),
        global_from_lidar=pose,
        ego_from_lidar=torch.eye(4, dtype=torch.float64),
        truth=truth,
        predictions={s: replace(boxes, partner=matched[s][0]) for s, boxes in found.items()},
        partners={source: back for source, (_, back) in matched.items()},
        points=torch.from_numpy(random.normal(0, 15, (3000, 3)) * (1, 1, 0.05)).float()
        if points
        else None,
    )


def _detections(truth: BoxSet, random: np.random.Generator) -> BoxSet:
    """Most objects a little off, and about half as many boxes where nothing is."""
    count = len(truth)
    kept = torch.from_numpy(random.random(count) < 0.8)
    near = truth.boxes[kept].clone()
    near[:, :2] += torch.from_numpy(random.normal(0, 0.5, (len(near), 2))).float()
    false = truth.boxes[: count // 2].clone()
    false[:, :2] = torch.from_numpy(random.uniform(-45, 45, (len(false), 2))).float()
    boxes = torch.cat([near, false])
    scores = np.concatenate([random.beta(4, 3, len(near)), random.beta(1.5, 5, len(false))])
    return BoxSet(
        boxes,
        torch.cat([truth.labels[kept], truth.labels[: count // 2]]),
        torch.from_numpy(scores.round(4)).float(),
        torch.full((len(boxes),), -1),
        boxes[:, :2].norm(dim=1) < 50,
    )


def _picture(channel: str, azimuth: float, size: tuple[int, int]) -> RecordedImage:
    """Sky above a street that gets lighter towards the horizon."""
    down = np.linspace(-1, 1, size[0])[:, None, None]
    sky = np.array([120.0, 150.0, 190.0]) + 40 * down
    street = np.array([110.0, 108.0, 104.0]) - 45 * down
    picture = np.where(down < 0, sky, street) + 6 * np.sin(np.arange(size[1]) / 9)[None, :, None]
    buffer = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return RecordedImage(
        channel, buffer.getvalue(), size, camera_matrix(azimuth, size, size[1] * 0.7)
    )
