"""The part of nuScenes' map masks around scenes.

A mask ("semantic prior": drivable ground) is a grey picture of a whole quarter in which a pixel has
0.1 m. A place x, y of the global frame is in column x / 0.1, and in the row that lies y / 0.1
above the lower border; as in the devkit's `nuscenes.utils.map_mask.MapMask`, which rounds, that is
the middle of a pixel.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from drivetr.data.image_header import read_image_header
from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.json_rows import JsonRows
from drivetr.data.nuscenes.records import SceneRecord
from drivetr.data.paths import resolve_inside
from drivetr.errors import DrivetrError
from drivetr.structures.ground import GroundMap

_logger = logging.getLogger(__name__)
_FILE_PIXEL_M = 0.1
_MAX_PIXELS = 1_500_000_000  # Queenstown, the largest of nuScenes, has 1.2 billion
_SHRINK = 4  # pixels of the file along a side of one of ours


def read_ground_maps(
    index: NuScenesIndex, scenes: Sequence[SceneRecord], reach_m: float
) -> dict[str, GroundMap]:
    """The map around each of some scenes, by the scene's name.

    Each file is decoded once, and whole: that of Boston takes 630 MB for some seconds. Scenes
    without a map are left out, with a warning where the file is missing, broken or too large.

    Args:
        index: of the dataset.
        scenes: of it.
        reach_m: how far around the way of the car the map is wanted, in metres.
    """
    files = _files_by_scene(index)
    found: dict[str, GroundMap] = {}
    for filename in sorted({files[scene.token] for scene in scenes if scene.token in files}):
        try:
            mask = _decode(index, filename)
        except DrivetrError as error:
            _logger.warning("%s; the map is not drawn", error)
            continue
        for scene in scenes:
            if files.get(scene.token) != filename:
                continue
            if (ground := _cut(mask, _way(index, scene), reach_m)) is not None:
                found[scene.name] = ground
    return found


def _files_by_scene(index: NuScenesIndex) -> dict[str, str]:
    """The mask's file of each scene token; tables were checked when the index was built."""
    tables = index.dataroot / index.version
    file_of_log: dict[str, str] = {}
    for row in _rows(tables / "map.json"):
        file_of_log |= dict.fromkeys(row["log_tokens"], row["filename"])
    return {
        row["token"]: file_of_log[row["log_token"]]
        for row in _rows(tables / "scene.json")
        if row["log_token"] in file_of_log
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for row in JsonRows(path):
        assert isinstance(row, dict)
        yield row


def _decode(index: NuScenesIndex, filename: str) -> Image.Image:
    """The whole mask, in grey.

    Raises:
        DrivetrError: it is missing, broken, no PNG file, too large, or outside of the dataroot.
    """
    path = resolve_inside(index.dataroot, filename, "map.json")
    if not path.is_file():
        raise DrivetrError(f"map.json: {filename} is not in {index.dataroot}")
    read_image_header(path, _MAX_PIXELS)
    try:
        # `Image.open` takes any map of nuScenes for a decompression bomb, OpenCV the largest ones.
        with path.open("rb") as file, PngImageFile(file) as mask:
            mask.load()
            return mask if mask.mode == "L" else mask.convert("L")
    except Exception as error:  # of many kinds, for a file from anywhere
        raise DrivetrError(
            f"{path}: the map is no PNG file, or is cut or damaged ({error}); fetch it again"
        ) from error


def _way(index: NuScenesIndex, scene: SceneRecord) -> NDArray[np.float64]:
    """Places x, y (T, 2) of the car in a scene."""
    rows = range(scene.first_row, scene.first_row + scene.num_samples)
    return np.stack([index.sample(row).global_from_ego[:2, 3] for row in rows])


def _cut(mask: Image.Image, way: NDArray[np.float64], reach_m: float) -> GroundMap | None:
    """What is within reach of a way; None where that is outside of the map."""
    width, height = mask.size
    low, high = way.min(axis=0) - reach_m, way.max(axis=0) + reach_m
    left, right = np.clip(np.array([low[0], high[0]]) / _FILE_PIXEL_M, 0, width).astype(int)
    bottom, top = np.clip(height - np.array([low[1], high[1]]) / _FILE_PIXEL_M, 0, height).astype(
        int
    )
    rows, columns = int(bottom - top) // _SHRINK, int(right - left) // _SHRINK
    if not rows or not columns:
        return None
    inside = mask.crop((left, top, left + columns * _SHRINK, top + rows * _SHRINK))
    share = cv2.resize(np.asarray(inside), (columns, rows), interpolation=cv2.INTER_AREA)
    corner = (
        (float(left) - 0.5) * _FILE_PIXEL_M,
        (float(height - top) + 0.5) * _FILE_PIXEL_M,
    )
    return GroundMap(share.astype(np.uint8, copy=False), _SHRINK * _FILE_PIXEL_M, corner)
