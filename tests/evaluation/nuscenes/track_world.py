"""A dataset of tables only, with cars and pedestrians on straight lines, for tests of tracks."""

import json
from pathlib import Path
from typing import Any

from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables

VERSION = "v1.0-mine"
SPLITS = {"mine_val": ["scene-0000", "scene-0001"], "mine_train": ["scene-0002"]}
SAMPLES = 16
OBJECTS = {"vehicle.car": 4, "human.pedestrian.adult": 3}  # in each scene
NAMES = {"vehicle.car": "car", "human.pedestrian.adult": "pedestrian"}
META = {f"use_{word}": word == "camera" for word in ("camera", "lidar", "radar", "map", "external")}


def write_track_world(dataroot: Path, lidar: bool = True, break_us: int = 0) -> Path:
    """Three scenes of 16 samples in which every object is seen in every sample.

    Args:
        dataroot: folder to write to.
        lidar: whether the rig has one.
        break_us: how much later the second half of each scene is.
    """
    shape = TableShape(
        scenes=3, samples_per_scene=SAMPLES, cameras=("CAM_FRONT",), camera_sweeps=0, lidar=lidar,
        lidar_sweeps=0, radars=0, annotated=False,
    )  # fmt: skip
    tables = make_tables(shape, shuffle=False)
    categories = {row["name"]: row["token"] for row in tables["category"]}
    for scene in tables["scene"]:
        samples = [s for s in tables["sample"] if s["scene_token"] == scene["token"]]
        late = {sample["token"] for sample in samples[SAMPLES // 2 :]}
        for row in [*samples, *(r for r in tables["sample_data"] if r["sample_token"] in late)]:
            row["timestamp"] += break_us * (row.get("sample_token", row["token"]) in late)
        lane = 0
        for category, count in OBJECTS.items():
            for number in range(count):
                lane += 1
                speed = (-1) ** number * (2.0 if category == "vehicle.car" else 0.8)
                _object(tables, samples, categories[category], -20.0 + 6 * lane, speed)
    write_tables(dataroot, tables, VERSION)
    (dataroot / VERSION / "splits.json").write_text(json.dumps(SPLITS))
    return dataroot


def _object(tables: Any, samples: list[Any], category: str, y: float, speed: float) -> None:
    name = f"object-{len(tables['instance'])}"
    keys = [f"{name}-{place}" for place in range(len(samples))]
    tables["instance"].append(
        {"token": name, "category_token": category, "nbr_annotations": len(keys),
         "first_annotation_token": keys[0], "last_annotation_token": keys[-1]}
    )  # fmt: skip
    for place, sample in enumerate(samples):
        seconds = (sample["timestamp"] - samples[0]["timestamp"]) * 1e-6
        tables["sample_annotation"].append(
            {"token": keys[place], "sample_token": sample["token"], "instance_token": name,
             "visibility_token": "4", "attribute_tokens": [],
             "translation": [1004.0 + speed * seconds, 2000.0 + y, 1.0],
             "size": [1.0, 2.0, 1.5], "rotation": [1.0, 0.0, 0.0, 0.0],
             "prev": keys[place - 1] if place else "", "next": ([*keys, ""])[place + 1],
             "num_lidar_pts": 9, "num_radar_pts": 0}
        )  # fmt: skip


def true_detections(dataroot: Path, split: str = "mine_val") -> dict[str, Any]:
    """The truth of a split as a detection submission with `query_id`s.

    All scores are the same, so that the devkit has one threshold to try instead of forty.
    """
    tables = {
        name: json.loads((dataroot / VERSION / f"{name}.json").read_text())
        for name in ("scene", "sample", "sample_annotation", "instance", "category")
    }
    category = {row["token"]: NAMES.get(row["name"]) for row in tables["category"]}
    number = {row["token"]: place for place, row in enumerate(tables["instance"])}
    class_of = {row["token"]: category[row["category_token"]] for row in tables["instance"]}
    speed = {}
    for name, place in number.items():
        first, second = [r for r in tables["sample_annotation"] if r["instance_token"] == name][:2]
        times = {row["token"]: row["timestamp"] for row in tables["sample"]}
        seconds = (times[second["sample_token"]] - times[first["sample_token"]]) * 1e-6
        speed[place] = (second["translation"][0] - first["translation"][0]) / seconds
    scenes = {row["token"] for row in tables["scene"] if row["name"] in SPLITS[split]}
    results: dict[str, Any] = {
        row["token"]: [] for row in tables["sample"] if row["scene_token"] in scenes
    }
    for row in tables["sample_annotation"]:
        if row["sample_token"] in results:
            place = number[row["instance_token"]]
            results[row["sample_token"]].append(
                {**{key: row[key] for key in ("sample_token", "translation", "size", "rotation")},
                 "velocity": [speed[place], 0.0], "detection_name": class_of[row["instance_token"]],
                 "detection_score": 0.5, "attribute_name": "",
                 "query_id": place}
            )  # fmt: skip
    return {"meta": META, "results": results}


def true_tracks(dataroot: Path, split: str = "mine_val") -> dict[str, Any]:
    """The same as a tracking submission, whose ids are the objects'."""
    found = true_detections(dataroot, split)
    for boxes in found["results"].values():
        for box in boxes:
            del box["attribute_name"]
            box["tracking_id"] = str(box.pop("query_id"))
            box["tracking_name"] = box.pop("detection_name")
            box["tracking_score"] = box.pop("detection_score")
    return found


def write_json(path: Path, content: Any) -> Path:
    """Writes, and gives the path back."""
    path.write_text(json.dumps(content))
    return path
