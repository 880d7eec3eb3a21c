"""One scene from its seed to its files and table rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth import lidar as laser
from drivetr.data.synth.paint import main_colour
from drivetr.data.synth.recipe import KEYFRAME_US, SWEEP_US, Recipe
from drivetr.data.synth.render import FADE, Stage, make_stage, render, shoot
from drivetr.data.synth.rig import Rig
from drivetr.data.synth.scene import Actor, Scene, draw_scene
from drivetr.data.synth.street import Street, draw_street, planar
from drivetr.data.synth.tables import Row, chain, quaternion, token, visibility_level
from drivetr.data.synth.view import OVERSAMPLING, View, make_view
from drivetr.data.synth.weather import draw_weather

Array = NDArray[np.float64]
SCENES_PER_LOG = 8
TOP_SPEED = 8.0  # metres per second
MIN_PIXELS = 12.0  # at a picture width of 256: what is smaller and meets no laser is not annotated
JPEG_QUALITY = 92
_EPOCH_US = 1_700_000_000_000_000
_SCENE_US = 100_000_000


@dataclass
class SceneRows:
    """The rows that one scene adds to the tables."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> None:
        """Appends one row."""
        self.rows.setdefault(table, []).append(row)


@dataclass(frozen=True)
class Seen:
    """What the sensors saw of one actor in a frame."""

    pixels: float  # visible, of the written pictures
    share: float  # of its silhouette over all cameras
    points: int


def scene_name(number: int) -> str:
    """`synth-0001` for the first."""
    return f"synth-{number + 1:04d}"


def log_of(recipe: Recipe, number: int) -> int:
    """The drive a scene belongs to; training and validation never share one."""
    train = recipe.scenes - recipe.val_scenes
    if number < train:
        return number // SCENES_PER_LOG
    return -(-train // SCENES_PER_LOG) + (number - train) // SCENES_PER_LOG


@lru_cache(maxsize=1)
def _views(rig: Rig) -> tuple[View, ...]:
    return tuple(make_view(camera) for camera in rig.cameras)


def street_of(recipe: Recipe, log: int) -> Street:
    """The street of a drive."""
    rng = np.random.default_rng([recipe.seed, 1, log])
    return draw_street(rng, draw_weather(rng, log), TOP_SPEED * recipe.duration)


@lru_cache(maxsize=1)
def stage_of(recipe: Recipe, log: int) -> Stage:
    """The baked street of a drive; the last one is kept."""
    widest = max(camera.width for camera in recipe.rig.cameras)
    return make_stage(street_of(recipe, log), 9.0 if widest <= 400 else 16.0)


class SceneWriter:
    """Draws one scene and writes its files below `root`."""

    def __init__(self, recipe: Recipe, number: int, root: Path) -> None:
        self.recipe, self.number, self.root = recipe, number, root
        self.name = scene_name(number)
        self.log = log_of(recipe, number)
        self.stage = stage_of(recipe, self.log)
        self.views = _views(recipe.rig)
        rng = np.random.default_rng([recipe.seed, 2, number])
        self.scene: Scene = draw_scene(
            rng, self.stage.street, recipe.duration, recipe.reach, TOP_SPEED, recipe.density
        )
        # Scenes of different worlds share no token, or results of one would pass for the other's.
        drawn_from = (recipe.seed, recipe.duration, recipe.reach, recipe.density)
        self.token = token("scene", *drawn_from, number)
        self.start_us = _EPOCH_US + number * _SCENE_US
        self.out = SceneRows()
        self.data: dict[str, list[Row]] = {}

    def run(self) -> dict[str, list[Row]]:
        """Writes all frames; returns the scene's table rows."""
        keys = [token("sample", self.token, frame) for frame in range(self.recipe.frames_per_scene)]
        tracks: dict[int, list[Row]] = {}
        samples = []
        for offset_us in self._moments():
            frame, rest = divmod(offset_us, KEYFRAME_US)
            is_key = rest == 0
            nearest = keys[frame + (2 * rest > KEYFRAME_US)]
            seen = self._frame(offset_us, nearest, is_key)
            if is_key:
                samples.append(
                    {
                        "token": keys[frame],
                        "timestamp": self.start_us + offset_us,
                        "prev": "",
                        "next": "",
                        "scene_token": self.token,
                    }
                )
                self._annotate(offset_us, keys[frame], frame, seen, tracks)
        for rows in [samples, *tracks.values(), *self.data.values()]:
            chain(rows)
        self._finish(samples, tracks)
        return self.out.rows

    def _moments(self) -> Iterator[int]:
        step = SWEEP_US if self.recipe.sweeps else KEYFRAME_US
        return iter(range(0, (self.recipe.frames_per_scene - 1) * KEYFRAME_US + 1, step))

    def _shown(self, time: float) -> dict[int, float]:
        """Actors near enough to be seen, with their opacity: 1 within reach, fading out beyond."""
        ego_from_street = np.linalg.inv(self.scene.ego.pose(time))
        shown = {}
        for number, actor in enumerate(self.scene.actors):
            place = ego_from_street @ np.array([*actor.place(time), 0.0, 1.0])
            beyond = max(abs(place[0]), abs(place[1])) - self.recipe.reach
            if beyond < FADE:
                shown[number] = 1.0 if beyond <= 0 else 1 - beyond / FADE
        return shown

    def _frame(self, offset_us: int, sample: str, is_key: bool) -> dict[int, Seen]:
        """Writes all sensors at one moment."""
        time = offset_us * 1e-6
        shown = self._shown(time)
        shot = shoot(self.stage, self.scene, time, shown)
        pixels, whole = np.zeros(len(self.scene.actors)), np.zeros(len(self.scene.actors))
        for number, view in enumerate(self.views):
            rng = np.random.default_rng([self.recipe.seed, 3, self.number, offset_us, number])
            image, seen, silhouettes = render(self.stage, shot, view, rng)
            scale = OVERSAMPLING**-2
            for actor, count in seen.items():
                pixels[actor] += count * scale
            for actor, count in silhouettes.items():
                whole[actor] += count * scale
            self._picture(image, view, offset_us, sample, is_key)
        points = self._cloud(offset_us, sample, is_key, shown)
        inside = [number for number, opacity in shown.items() if opacity >= 1]
        return {
            n: Seen(pixels[n], pixels[n] / max(whole[n], 1e-9), points.get(n, 0)) for n in inside
        }

    def _path(self, channel: str, offset_us: int, is_key: bool, ending: str) -> str:
        folder = "samples" if is_key else "sweeps"
        return f"{folder}/{channel}/{self.name}__{channel}__{self.start_us + offset_us}.{ending}"

    def _picture(
        self, image: NDArray[np.uint8], view: View, offset_us: int, sample: str, is_key: bool
    ) -> None:
        path = self._path(view.camera.name, offset_us, is_key, "jpg")
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (self.root / path).write_bytes(data.tobytes())
        self._sensor_row(
            view.camera.name,
            path,
            offset_us,
            sample,
            is_key,
            (view.camera.height, view.camera.width, "jpg"),
        )

    def _cloud(
        self, offset_us: int, sample: str, is_key: bool, shown: dict[int, float]
    ) -> dict[int, int]:
        """Writes the point cloud; returns the points inside each actor's box."""
        lidar = self.recipe.rig.lidar
        if lidar is None:
            return {}
        rng = np.random.default_rng([self.recipe.seed, 4, self.number, offset_us])
        time = offset_us * 1e-6
        lidar_from_street = np.linalg.inv(self.scene.ego.pose(time) @ lidar.ego_from_lidar)
        near = {n: self.scene.actors[n] for n, opacity in shown.items() if opacity >= 1}
        bodies = [
            laser.body_of(actor, lidar_from_street @ planar(actor.yaw, *actor.place(time)))
            for actor in near.values()
        ]
        cloud = laser.scan(
            lidar, bodies + laser.scenery(self.stage.street, lidar_from_street, lidar.reach), rng
        )
        path = self._path("LIDAR_TOP", offset_us, is_key, "pcd.bin")
        (self.root / path).write_bytes(cloud.tobytes())
        self._sensor_row("LIDAR_TOP", path, offset_us, sample, is_key, (0, 0, "pcd"))
        street_from_lidar = np.linalg.inv(lidar_from_street)
        points = cloud[:, :3] @ street_from_lidar[:3, :3].T + street_from_lidar[:3, 3]
        return {n: laser.count_inside(points, actor, time) for n, actor in near.items()}

    def _sensor_row(
        self,
        channel: str,
        path: str,
        offset_us: int,
        sample: str,
        is_key: bool,
        shape: tuple[int, int, str],
    ) -> None:
        stamp = self.start_us + offset_us
        name = token("sample_data", self.token, channel, offset_us)
        pose = self.stage.street.global_from_street @ self.scene.ego.pose(offset_us * 1e-6)
        self.out.add(
            "ego_pose",
            {
                "token": name,
                "timestamp": stamp,
                "rotation": quaternion(pose),
                "translation": pose[:3, 3].tolist(),
            },
        )
        row = {
            "token": name, "sample_token": sample, "ego_pose_token": name,
            "calibrated_sensor_token": token("calibrated_sensor", channel), "timestamp": stamp,
            "fileformat": shape[2], "is_key_frame": is_key, "height": shape[0], "width": shape[1],
            "filename": path, "prev": "", "next": "",
        }  # fmt: skip
        self.data.setdefault(channel, []).append(row)

    def _annotate(
        self,
        offset_us: int,
        sample: str,
        frame: int,
        seen: dict[int, Seen],
        tracks: dict[int, list[Row]],
    ) -> None:
        """Rows for what a laser met or at least MIN_PIXELS show (at a picture width of 256)."""
        widest = max(view.camera.width for view in self.views)
        least = MIN_PIXELS * (widest / 256) ** 2
        for number, what in seen.items():
            if what.points == 0 and what.pixels < least:
                continue
            actor = self.scene.actors[number]
            pose = self.stage.street.global_from_street @ planar(
                actor.yaw, *actor.place(offset_us * 1e-6)
            )
            length, width, height = actor.size
            row = {
                "token": token("sample_annotation", self.token, number, frame),
                "sample_token": sample,
                "instance_token": token("instance", self.token, number),
                "visibility_token": visibility_level(what.share),
                "attribute_tokens": [token("attribute", actor.attribute)] * bool(actor.attribute),
                "translation": [float(pose[0, 3]), float(pose[1, 3]), height / 2],
                "size": [width, length, height], "rotation": quaternion(pose),
                "prev": "", "next": "", "num_lidar_pts": what.points, "num_radar_pts": 0,
            }  # fmt: skip
            tracks.setdefault(number, []).append(row)

    def _finish(self, samples: list[Row], tracks: dict[int, list[Row]]) -> None:
        """Collects the rows in table order and adds scene and instances."""
        rows = self.out.rows
        rows["sample"] = samples
        rows["sample_data"] = [row for channel in self.data.values() for row in channel]
        rows["sample_annotation"] = [row for track in tracks.values() for row in track]
        rows["instance"] = [
            {
                "token": track[0]["instance_token"],
                "category_token": token("category", self.scene.actors[number].category),
                "nbr_annotations": len(track),
                "first_annotation_token": track[0]["token"],
                "last_annotation_token": track[-1]["token"],
                # nuScenes has no such field; readers pass over what they do not know.
                "colour": main_colour(self.scene.actors[number].mesh),
            }
            for number, track in tracks.items()
        ]  # fmt: skip
        rows["scene"] = [
            {
                "token": self.token, "log_token": token("log", self.log),
                "nbr_samples": len(samples), "first_sample_token": samples[0]["token"],
                "last_sample_token": samples[-1]["token"],
                "name": self.name, "description": describe(self.scene),
            }
        ]  # fmt: skip


def describe(scene: Scene) -> str:
    """Weather, street and what the ego does, as the descriptions of nuScenes read."""
    street = scene.street
    moving: list[Actor] = [actor for actor in scene.actors if actor.velocity != (0.0, 0.0)]
    parts = [
        street.weather.phrase,
        f"{2 * street.lanes} lanes",
        "yard beside the road" if street.lot_side else "houses on both sides",
    ]
    parts.append(f"ego at {3.6 * scene.ego.speed:.0f} km/h" if scene.ego.speed else "ego waits")
    return ", ".join(
        [*parts, f"{len(moving)} moving and {len(scene.actors) - len(moving)} standing objects"]
    )
