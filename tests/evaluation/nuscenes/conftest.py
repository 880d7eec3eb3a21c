"""A small dataset that consists of tables only, and random submissions to any dataset."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivetr.evaluation.nuscenes.constants import ATTRIBUTES_OF, CAMERA_ONLY_META

CATEGORIES = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "construction_vehicle": "vehicle.construction",
    "barrier": "movable_object.barrier",
    "motorcycle": "vehicle.motorcycle",
    "bicycle": "vehicle.bicycle",
    "pedestrian": "human.pedestrian.adult",
    "traffic_cone": "movable_object.trafficcone",
    "": "animal",  # no detection class; bus and trailer are absent
    "rack": "static_object.bicycle_rack",
}
SPLITS = {"synth_train": ["scene-0001"], "synth_val": ["scene-0002", "scene-0003", "scene-0404"]}
FRAMES = 4


def _instances(rng: random.Random, scene: str) -> tuple[list[Any], list[Any]]:
    """Instance and annotation rows of one scene; its third sample stays empty."""
    instances, annotations = [], []
    for number in range(60):
        name = rng.choice(list(CATEGORIES))
        frames = sorted(rng.sample([0, 1, 3], rng.choice([1, 2, 3])))  # once seen: velocity NaN
        x, y, yaw = rng.uniform(-40, 40), rng.uniform(-40, 40), rng.uniform(-math.pi, math.pi)
        speed = rng.choice([0.0, 0.1, 5.0])
        token = f"instance-{scene}-{number}"
        keys = [f"annotation-{scene}-{number}-{frame}" for frame in frames]
        for place, frame in enumerate(frames):
            attributes = [f"attribute-{a}" for a in ATTRIBUTES_OF.get(name, ())]
            annotations.append(
                {
                    "token": keys[place],
                    "sample_token": f"sample-{scene}-{frame}",
                    "instance_token": token,
                    "visibility_token": "4",
                    "attribute_tokens": [rng.choice(attributes)] if attributes else [],
                    "translation": [x + 0.5 * frame * speed, y, 1.0],
                    "size": [rng.uniform(0.3, 3), rng.uniform(0.3, 8), rng.uniform(0.5, 3)],
                    "rotation": [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)],
                    "prev": keys[place - 1] if place else "",
                    "next": keys[place + 1] if place + 1 < len(keys) else "",
                    "num_lidar_pts": rng.choice([0, 1, 30]),
                    "num_radar_pts": rng.choice([0, 0, 2]),
                }
            )
        instances.append(
            {
                "token": token,
                "category_token": f"category-{name}",
                "nbr_annotations": len(frames),
                "first_annotation_token": keys[0],
                "last_annotation_token": keys[-1],
            }
        )
    return instances, annotations


def _tables() -> dict[str, list[dict[str, Any]]]:
    """Rows of the thirteen tables: three scenes of four samples, a lidar and no files."""
    rng = random.Random(0)
    attributes = sorted({a for names in ATTRIBUTES_OF.values() for a in names})
    tables: dict[str, list[dict[str, Any]]] = {
        "category": [{"token": f"category-{k}", "name": v} for k, v in CATEGORIES.items()],
        "attribute": [{"token": f"attribute-{name}", "name": name} for name in attributes],
        "visibility": [{"token": "4", "level": "v80-100", "description": ""}],
        "sensor": [{"token": "sensor", "channel": "LIDAR_TOP", "modality": "lidar"}],
        "calibrated_sensor": [
            {
                "token": "calibrated",
                "sensor_token": "sensor",
                "translation": [0.9, 0.0, 1.8],
                "rotation": [1.0, 0.0, 0.0, 0.0],
                "camera_intrinsic": [],
            }
        ],
        "log": [{"token": "log", "logfile": "", "vehicle": "", "location": "nowhere"}],
        "map": [{"token": "map", "log_tokens": ["log"], "filename": "maps/map.png"}],
        "instance": [], "ego_pose": [], "scene": [], "sample": [], "sample_data": [],
        "sample_annotation": [],
    }  # fmt: skip
    for place, scene in enumerate(["scene-0001", "scene-0002", "scene-0003"]):
        start_us = 1_600_000_000_000_000 + place * 100_000_000
        keys = [f"sample-{scene}-{frame}" for frame in range(FRAMES)]
        tables["scene"].append(
            {"token": scene, "name": scene, "log_token": "log", "nbr_samples": FRAMES,
             "first_sample_token": keys[0], "last_sample_token": keys[-1], "description": ""}
        )  # fmt: skip
        for frame, key in enumerate(keys):
            time_us = start_us + frame * 500_000
            links = {"prev": keys[frame - 1] if frame else "", "next": ([*keys, ""])[frame + 1]}
            tables["sample"].append(
                {"token": key, "timestamp": time_us, "scene_token": scene, **links}
            )
            tables["ego_pose"].append(
                {"token": f"pose-{key}", "timestamp": time_us, "rotation": [1.0, 0.0, 0.0, 0.0],
                 "translation": [2.0 * frame, 0.0, 0.0]}
            )  # fmt: skip
            tables["sample_data"].append(
                {"token": f"data-{key}", "sample_token": key, "ego_pose_token": f"pose-{key}",
                 "calibrated_sensor_token": "calibrated", "timestamp": time_us,
                 "fileformat": "pcd", "is_key_frame": True, "height": 0, "width": 0,
                 "filename": f"samples/LIDAR_TOP/{key}.pcd.bin", "prev": "", "next": ""}
            )  # fmt: skip
        instances, annotations = _instances(rng, scene)
        tables["instance"] += instances
        tables["sample_annotation"] += annotations
    return tables


def write_tables(dataroot: Path, version: str, tables: dict[str, Any]) -> None:
    (dataroot / version).mkdir(parents=True)
    for name, rows in tables.items():
        (dataroot / version / f"{name}.json").write_text(json.dumps(rows))


@pytest.fixture
def tables_only(tmp_path: Path) -> Path:
    """Dataroot of a v1.0-synth with splits of its own, without a single sensor file."""
    dataroot = tmp_path / "dataroot"
    write_tables(dataroot, "v1.0-synth", {**_tables(), "splits": SPLITS})
    (dataroot / "maps").mkdir()
    (dataroot / "maps/map.png").touch()  # the devkit wants it to exist; nobody can open it
    return dataroot


def _random_box(rng: random.Random, token: str, annotation: dict[str, Any]) -> dict[str, Any]:
    """A box near an annotation, with a score that many others share."""
    name = rng.choice([*ATTRIBUTES_OF, "car", "pedestrian"])
    yaw = rng.uniform(-math.pi, math.pi)
    return {
        "sample_token": token,
        "translation": [v + rng.gauss(0, 0.7) for v in annotation["translation"]],
        "size": [v * rng.uniform(0.7, 1.3) for v in annotation["size"]],
        "rotation": [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)],
        "velocity": [rng.gauss(0, 2), rng.gauss(0, 2)],
        "detection_name": name,
        "detection_score": round(rng.random(), 1),
        "attribute_name": rng.choice(["", *ATTRIBUTES_OF[name]]),
    }


@pytest.fixture
def random_submission() -> Callable[..., dict[str, Any]]:
    """Makes a submission with tied scores; most boxes are near some object, of its class or not."""

    def make(nusc: Any, tokens: list[str], seed: int) -> dict[str, Any]:
        from nuscenes.eval.detection.utils import category_to_detection_name

        rng = random.Random(seed)
        results = {}
        for number, token in enumerate(tokens):
            boxes = []
            keys = nusc.get("sample", token)["anns"]
            for key in keys * 3:
                annotation = nusc.get("sample_annotation", key)
                box = _random_box(rng, token, annotation)
                name = category_to_detection_name(annotation["category_name"])
                if name is not None and rng.random() < 0.8:
                    box.update(detection_name=name, attribute_name="")
                boxes.append(box)
            results[token] = [] if len(tokens) > 3 and number == 1 else boxes
        return {"meta": CAMERA_ONLY_META, "results": results}

    return make
