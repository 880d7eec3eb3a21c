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
        in_view: share of its 3D box's bounds that is within the image.
    """

    token: str
    camera: CameraRecord
    bounds: Bounds
    facts: ObjectFacts
    in_view: float = 1.0


def view_boxes(
    cameras: tuple[CameraRecord, ...],
    boxes: Float[Tensor, "G 10"],
    global_from_boxes: Float[Tensor, "4 4"],
) -> tuple[list[CameraRecord], list[Bounds], list[float]]:
    """For each box the camera that shows most of it, its bounds there, and the share within.

    Bounds and share are 0 if no camera shows it.

    Args:
        cameras: of one sample, at least one.
        boxes: in any frame.
        global_from_boxes: float64 pose of that frame.
    """
    projections = torch.stack([img_from_reference(c, global_from_boxes) for c in cameras])
    sizes = torch.tensor([(camera.height, camera.width) for camera in cameras])
    bounds, shares = image_boxes(projections, sizes, boxes)
    chosen = best_views(bounds)
    there = (chosen, torch.arange(len(boxes)))
    corners = [(left, top, right, bottom) for left, top, right, bottom in bounds[there].tolist()]
    return [cameras[i] for i in chosen.tolist()], corners, shares[there].tolist()


def longer_side(bounds: Bounds) -> float:
    """In pixels."""
    return max(bounds[2] - bounds[0], bounds[3] - bounds[1])


def colours_of(index: NuScenesIndex) -> dict[str, str]:
    """Instance token -> colour, where the tables tell it, as those of `drivetr synth` do."""
    path = index.dataroot / index.version / "instance.json"
    rows = (row for row in JsonRows(path) if isinstance(row, dict))
    return {str(row["token"]): str(row["colour"]) for row in rows if row.get("colour")}


def seen_objects(
    index: NuScenesIndex,
    rows: Iterable[int],
    min_side: float = 0.0,
    min_visibility: int = 0,
    min_in_view: float = 0.0,
) -> list[SeenObject]:
    """The objects of the ten classes in some samples, in their order.

    Args:
        index: of the dataset.
        rows: of the samples.
        min_side: pixels that the longer side of an object's bounds needs; it is in view anyway.
        min_visibility: nuScenes level 1..4 that it needs; objects of unknown level are kept.
        min_in_view: share of its bounds that has to be within the image.
    """
    weathers = [weather_of(scene.description) for scene in index.scenes()]
    colours = colours_of(index)
    found: list[SeenObject] = []
    for row in rows:
        sample = index.sample(int(row))
        objects = _objects_of(sample, weathers[sample.scene_row], colours)
        levels = sample.annotations.visibility.tolist()
        found += [
            seen
            for seen, level in zip(objects, levels, strict=True)
            if seen is not None
            and longer_side(seen.bounds) >= max(min_side, 1e-3)
            and (level == 0 or level >= min_visibility)
            and seen.in_view >= min_in_view
        ]
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
    cameras, bounds, shares = view_boxes(sample.cameras, boxes, world)
    gaps = known.center_global[:, :2] - sample.global_from_ego[:2, 3]
    distances = np.linalg.norm(gaps, axis=1).tolist()
    found: list[SeenObject | None] = []
    for i, category in enumerate(known.category):
        name = DETECTION_CLASS_OF.get(category)
        colour = colours.get(known.instance_token[i])
        facts = name and ObjectFacts(name, distances[i], weather, colour)
        seen = facts and SeenObject(known.token[i], cameras[i], bounds[i], facts, shares[i])
        found.append(seen or None)
    return found
