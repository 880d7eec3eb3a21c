"""Makes nuScenes table sets of any size without images, for tests and benchmarks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivetr.data.nuscenes.assemble import NUSCENES_CAMERAS
from drivetr.data.nuscenes.schema import TABLES

Tables = dict[str, list[dict]]

CATEGORIES = ("vehicle.car", "human.pedestrian.adult", "vehicle.truck", "animal")
ATTRIBUTES = ("vehicle.moving", "vehicle.parked", "pedestrian.moving", "pedestrian.standing")


@dataclass(frozen=True)
class TableShape:
    """How large a table set is; sweeps are counted between two keyframes."""

    scenes: int = 2
    samples_per_scene: int = 6
    cameras: tuple[str, ...] = NUSCENES_CAMERAS
    camera_sweeps: int = 2
    lidar: bool = True
    lidar_sweeps: int = 3
    radars: int = 1
    radar_sweeps: int = 2
    objects_per_scene: int = 7
    annotated: bool = True


# Rows of v1.0-trainval divided by ten: 3400 samples, about 260 k sample_data and 117 k boxes.
TENTH_OF_TRAINVAL = TableShape(
    scenes=85,
    samples_per_scene=40,
    camera_sweeps=5,
    lidar_sweeps=11,
    radars=5,
    radar_sweeps=5,
    objects_per_scene=67,
)


class _Maker:
    def __init__(self, shape: TableShape, seed: int) -> None:
        self.shape = shape
        self.rng = np.random.default_rng(seed)
        self.tables: Tables = {name: [] for name in TABLES}

    def token(self) -> str:
        return self.rng.bytes(16).hex()

    def add(self, table: str, **fields: object) -> str:
        token = str(fields.pop("token", None) or self.token())
        self.tables[table].append({"token": token, **fields})
        return token

    def quaternion(self, yaw: float) -> list[float]:
        return [float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]

    def build(self) -> Tables:
        for name in CATEGORIES:
            self.add("category", name=name, description="")
        for name in ATTRIBUTES:
            self.add("attribute", name=name, description="")
        for level in range(1, 5):
            self.add("visibility", token=str(level), level=f"v{level}", description="")
        channels = [(name, "camera") for name in self.shape.cameras]
        channels += [("LIDAR_TOP", "lidar")] * self.shape.lidar
        channels += [(f"RADAR_{i}", "radar") for i in range(self.shape.radars)]
        sensors = {name: self.add("sensor", channel=name, modality=m) for name, m in channels}
        for number in range(self.shape.scenes):
            self.scene(number, sensors, dict(channels))
        return self.tables

    def scene(self, number: int, sensors: dict[str, str], modality: dict[str, str]) -> None:
        log = self.add(
            "log", logfile=f"log-{number}", vehicle="n", date_captured="", location=f"city-{number}"
        )
        self.add("map", category="semantic_prior", filename="maps/a.png", log_tokens=[log])
        count = self.shape.samples_per_scene
        times = 1_500_000_000_000_000 + number * 10**9 + np.arange(count) * 500_000
        times = (times + self.rng.integers(-20_000, 20_000, len(times))).tolist()
        scene, samples = self.token(), [self.token() for _ in times]
        for place, time in enumerate(times):
            links = self.links(samples, place)
            self.add("sample", token=samples[place], timestamp=time, scene_token=scene, **links)
        self.add(
            "scene",
            token=scene,
            name=f"scene-{number:04d}",
            description="Ünïcode, day",
            log_token=log,
            nbr_samples=len(samples),
            first_sample_token=samples[0],
            last_sample_token=samples[-1],
        )
        for yaw, (channel, sensor) in enumerate(sensors.items()):
            self.sensor(channel, sensor, modality[channel], yaw, samples, times)
        if self.shape.annotated:
            for _ in range(self.shape.objects_per_scene):
                self.object(samples)

    @staticmethod
    def links(tokens: list[str], place: int) -> dict[str, str]:
        return {
            "prev": tokens[place - 1] if place else "",
            "next": tokens[place + 1] if place + 1 < len(tokens) else "",
        }

    def sensor(
        self,
        channel: str,
        sensor: str,
        modality: str,
        yaw: int,
        samples: list[str],
        times: list[int],
    ) -> None:
        camera = modality == "camera"
        level = np.array([0.5, -0.5, 0.5, -0.5])  # a camera that looks along +x of the car
        turn = np.cos(yaw / 2), np.sin(yaw / 2)
        rotation = [
            turn[0] * level[0] - turn[1] * level[3],
            turn[0] * level[1] - turn[1] * level[2],
            turn[0] * level[2] + turn[1] * level[1],
            turn[0] * level[3] + turn[1] * level[0],
        ]
        calibration = self.add(
            "calibrated_sensor",
            sensor_token=sensor,
            translation=self.rng.uniform(-2, 2, 3).tolist(),
            rotation=[float(x) for x in rotation] if camera else self.quaternion(yaw),
            camera_intrinsic=[[1200.0, 0.0, 800.5], [0.0, 1199.5, 450.25], [0.0, 0.0, 1.0]]
            if camera
            else [],
        )
        sweeps = getattr(self.shape, f"{modality}_sweeps") + 1
        count = (len(samples) - 1) * sweeps + 1
        tokens = [self.token() for _ in range(count)]
        for place, token in enumerate(tokens):
            key = place % sweeps == 0
            sample = -(-place // sweeps)  # the keyframe that a sweep leads to
            time = times[sample] - (sample * sweeps - place) * (500_000 // (sweeps + 1)) + 7 * yaw
            self.add(
                "ego_pose",
                token=token,
                timestamp=time,
                rotation=self.quaternion(0.01 * place),
                translation=[1000.0 + 0.5 * place + 1e-3 * yaw, 2000.0, 0.0],
            )
            self.add(
                "sample_data",
                token=token,
                sample_token=samples[sample],
                ego_pose_token=token,
                calibrated_sensor_token=calibration,
                timestamp=time,
                fileformat="jpg" if camera else "pcd",
                is_key_frame=key,
                height=900 if camera else 0,
                width=1600 if camera else 0,
                filename=f"{'samples' if key else 'sweeps'}/{channel}/n015-2018-07-24-11-22-45+0800"
                f"__{channel}__{time}.{'jpg' if camera else 'pcd.bin'}",
                **self.links(tokens, place),
            )

    def object(self, samples: list[str]) -> None:
        first = int(self.rng.integers(0, max(1, len(samples) // 4)))
        share = self.rng.uniform(0.15, 1)  # rarely annotated objects have no velocity
        seen = [s for s in samples[first:] if self.rng.random() < share] or [samples[first]]
        tokens = [self.token() for _ in seen]
        category = self.tables["category"][int(self.rng.integers(len(CATEGORIES)))]["token"]
        instance = self.add(
            "instance",
            category_token=category,
            nbr_annotations=len(seen),
            first_annotation_token=tokens[0],
            last_annotation_token=tokens[-1],
        )
        center, step = self.rng.uniform(900, 1100, 3), self.rng.uniform(-4, 4, 3)
        for place, sample in enumerate(seen):
            chosen = self.tables["attribute"][int(self.rng.integers(len(ATTRIBUTES)))]["token"]
            self.add(
                "sample_annotation",
                token=tokens[place],
                sample_token=sample,
                instance_token=instance,
                visibility_token=str(self.rng.integers(1, 5)),
                attribute_tokens=[chosen] if self.rng.random() > 0.3 else [],
                translation=np.round(center + place * step, 3).tolist(),
                size=np.round(self.rng.uniform(0.5, 5, 3), 3).tolist(),
                rotation=self.quaternion(float(self.rng.uniform(-3, 3))),
                num_lidar_pts=int(self.rng.integers(0, 90)),
                num_radar_pts=int(self.rng.integers(0, 5)),
                **self.links(tokens, place),
            )


def make_tables(shape: TableShape | None = None, seed: int = 0, shuffle: bool = True) -> Tables:
    """Tables whose rows agree with one another; the large ones in random order by default."""
    maker = _Maker(shape or TableShape(), seed)
    tables = maker.build()
    if shuffle:
        for name in ("sample", "sample_data", "ego_pose", "sample_annotation", "calibrated_sensor"):
            maker.rng.shuffle(tables[name])  # type: ignore[arg-type]
    return tables


def write_tables(dataroot: Path, tables: Tables, version: str = "v1.0-mini") -> Path:
    """Writes the tables of a version, and the map file that the devkit asks for."""
    folder = dataroot / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    (dataroot / "maps").mkdir(exist_ok=True)
    (dataroot / "maps" / "a.png").touch()
    return dataroot


def key_rows(tables: Tables, channel: str) -> Iterator[dict]:
    """The keyframe rows of sample_data of one channel."""
    sensor = {row["token"]: row["channel"] for row in tables["sensor"]}
    of = {row["token"]: sensor[row["sensor_token"]] for row in tables["calibrated_sensor"]}
    for row in tables["sample_data"]:
        if row["is_key_frame"] and of[row["calibrated_sensor_token"]] == channel:
            yield row
