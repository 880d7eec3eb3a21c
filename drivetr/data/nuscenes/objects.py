"""Annotated objects as cameras see them: in which image, where, and what is known of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.captions import ObjectFacts, weather_of
from drivetr.data.nuscenes.categories import DETECTION_CLASS_OF
from drivetr.data.nuscenes.dataset import img_from_reference
from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.json_rows import JsonRows
from drivetr.data.nuscenes.records import CameraRecord, SampleRecord
from drivetr.geometry.image_boxes import best_views, image_boxes
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes

Bounds = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class SeenObject:
    """An object in the camera that shows most of it.

    Attributes:
        token: of the annotation.
        camera: the image.
        bounds: of the visible part of its 3D box.
        facts: about it.
    """

    token: str
    camera: CameraRecord
    bounds: Bounds
    facts: ObjectFacts


def view_boxes(
    cameras: tuple[CameraRecord, ...],
    boxes: Float[Tensor, "G 10"],
    global_from_boxes: Float[Tensor, "4 4"],
) -> tuple[list[CameraRecord], list[Bounds]]:
    """For each box the camera that shows most of it, and its bounds there; all 0 if none does.

    Args:
        cameras: of one sample, at least one.
        boxes: in any frame.
        global_from_boxes: float64 pose of that frame.
    """
    projections = torch.stack([img_from_reference(c, global_from_boxes) for c in cameras])
    sizes = torch.tensor([(camera.height, camera.width) for camera in cameras])
    chosen, bounds = best_views(image_boxes(projections, sizes, boxes))
    corners = [(left, top, right, bottom) for left, top, right, bottom in bounds.tolist()]
    return [cameras[i] for i in chosen.tolist()], corners


def longer_side(bounds: Bounds) -> float:
    """In pixels."""
    return max(bounds[2] - bounds[0], bounds[3] - bounds[1])


def colours_of(index: NuScenesIndex) -> dict[str, str]:
    """Instance token -> colour, where the tables tell it, as those of `drivetr synth` do."""
    path = index.dataroot / index.version / "instance.json"
    rows = (row for row in JsonRows(path) if isinstance(row, dict))
    return {str(row["token"]): str(row["colour"]) for row in rows if row.get("colour")}


def seen_objects(
    index: NuScenesIndex, rows: Iterable[int], min_side: float, min_visibility: int
) -> list[SeenObject]:
    """The objects of the ten classes in some samples, in their order.

    Args:
        index: of the dataset.
        rows: of the samples.
        min_side: pixels that the longer side of an object's bounds needs.
        min_visibility: nuScenes level 1..4 that it needs; objects of unknown level are kept.
    """
    weathers = [weather_of(scene.description) for scene in index.scenes()]
    colours = colours_of(index)
    found: list[SeenObject] = []
    for row in rows:
        sample = index.sample(int(row))
        objects = _objects_of(sample, weathers[sample.scene_row], colours)
        visibility = sample.annotations.visibility
        for seen, level in zip(objects, visibility.tolist(), strict=True):
            is_class = seen is not None and longer_side(seen.bounds) >= min_side
            if seen is not None and is_class and (level == 0 or level >= min_visibility):
                found.append(seen)
    return found


def _objects_of(
    sample: SampleRecord, weather: str | None, colours: dict[str, str]
) -> list[SeenObject | None]:
    """One entry an annotation; None for other classes than the ten."""
    known = sample.annotations
    if not len(known) or not sample.cameras:
        return [None] * len(known)
    world = torch.eye(4, dtype=torch.float64)
    boxes = boxes_from_nuscenes(
        known.center_global, known.size_wlh, known.quaternion_wxyz, known.velocity_global, world
    )
    cameras, bounds = view_boxes(sample.cameras, boxes, world)
    gaps = known.center_global[:, :2] - sample.global_from_ego[:2, 3]
    distances = np.linalg.norm(gaps, axis=1).tolist()
    found: list[SeenObject | None] = []
    for i, category in enumerate(known.category):
        name = DETECTION_CLASS_OF.get(category)
        colour = colours.get(known.instance_token[i])
        facts = name and ObjectFacts(name, distances[i], weather, colour)
        found.append(SeenObject(known.token[i], cameras[i], bounds[i], facts) if facts else None)
    return found
