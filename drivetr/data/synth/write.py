"""Writes a whole dataset: scenes in parallel, tables, maps, splits; all or nothing."""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from drivetr.data.png_file import write_png
from drivetr.data.synth.folder import holds, whole_folder
from drivetr.data.synth.recipe import FORMAT, Recipe
from drivetr.data.synth.simulate import SceneWriter, log_of, scene_name, street_of
from drivetr.data.synth.street import Street, map_side
from drivetr.data.synth.tables import VERSION, Row, fixed_tables, token
from drivetr.errors import DrivetrError

MAP_RESOLUTION = 0.1  # metres; the devkit reads maps at this by default


def write_dataset(recipe: Recipe, out: Path, workers: int) -> bool:
    """Writes the dataset to `out`; returns False when the same set is there already.

    Everything is built beside `out` and renamed at the end: a broken run leaves nothing half done.
    The processes are spawned, so a script that calls this with several workers needs the usual
    `if __name__ == "__main__"`.

    Raises:
        DrivetrError: `out` is a file or holds something else, or the disk is too small.
    """
    out = out.absolute()
    described = {"format": FORMAT, **asdict(recipe)}
    if holds(out, described):
        return False
    _check_disk(recipe, out)
    with whole_folder(out, described) as folder:
        _make_folders(recipe, folder)
        tables = fixed_tables(recipe.rig)
        for rows in _scenes(recipe, folder, workers):
            for name, found in rows.items():
                tables[name].extend(found)
        _write_json_tables(recipe, tables, folder)
    return True


def _check_disk(recipe: Recipe, out: Path) -> None:
    folder = next(parent for parent in out.parents if parent.is_dir())
    per_frame = sum(camera.width * camera.height * 0.35 for camera in recipe.rig.cameras)
    per_frame += (
        0 if recipe.rig.lidar is None else recipe.rig.lidar.rings * recipe.rig.lidar.azimuths * 16
    )
    frames = recipe.scenes * recipe.frames_per_scene * (5 if recipe.sweeps else 1)
    need, free = frames * per_frame, shutil.disk_usage(folder).free
    if need > free:
        raise DrivetrError(
            f"{folder} has {free / 2**30:.1f} GiB free, about {need / 2**30:.1f} GiB are "
            "needed; ask for fewer scenes."
        )


def _make_folders(recipe: Recipe, root: Path) -> None:
    channels = [camera.name for camera in recipe.rig.cameras] + (
        ["LIDAR_TOP"] if recipe.rig.lidar else []
    )
    for kind in ("samples", "sweeps"):
        for channel in channels:
            (root / kind / channel).mkdir(parents=True)
    (root / "maps").mkdir()
    (root / VERSION).mkdir()


def _scenes(recipe: Recipe, root: Path, workers: int) -> Iterator[dict[str, list[Row]]]:
    """The rows of all scenes in order, whatever process drew them."""
    logs: dict[int, list[int]] = {}
    for number in range(recipe.scenes):
        logs.setdefault(log_of(recipe, number), []).append(number)
    # A street is baked once: its scenes go to one process, unless there are too few streets.
    jobs = (
        list(logs.values())
        if len(logs) >= 2 * workers
        else [[number] for number in range(recipe.scenes)]
    )
    with tqdm(total=recipe.scenes, unit="scene", desc="synthetic scenes") as bar:
        if workers == 1:
            for numbers in jobs:
                for rows in _draw_scenes(recipe, numbers, root):
                    bar.update()
                    yield rows
            return
        with (
            _single_threaded_children(),
            ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), initializer=_start_worker
            ) as pool,
        ):
            pending = [pool.submit(_draw_scenes, recipe, numbers, root) for numbers in jobs]
            for future in pending:
                for rows in future.result():
                    bar.update()
                    yield rows


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Processes that start meanwhile multiply matrices in one thread, not in one for each core."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    cv2.setNumThreads(1)


def _draw_scenes(recipe: Recipe, numbers: list[int], root: Path) -> list[dict[str, list[Row]]]:
    return [SceneWriter(recipe, number, root).run() for number in numbers]


def _write_json_tables(recipe: Recipe, tables: dict[str, list[Row]], root: Path) -> None:
    for log in sorted({log_of(recipe, number) for number in range(recipe.scenes)}):
        name = token("log", log)
        tables["log"].append(
            {
                "token": name,
                "logfile": f"synth-{log:04d}",
                "vehicle": "synth",
                "date_captured": "2026-01-01",
                "location": f"street-{log:04d}",
            }
        )
        picture = f"maps/{token('map', log)}.png"
        tables["map"].append(
            {
                "category": "semantic_prior",
                "token": token("map", log),
                "filename": picture,
                "log_tokens": [name],
            }
        )
        write_png(root / picture, _drivable(street_of(recipe, log)))
    for name, rows in tables.items():
        _write_json(root / VERSION / f"{name}.json", rows)
    names = [scene_name(number) for number in range(recipe.scenes)]
    train = recipe.scenes - recipe.val_scenes
    _write_json(
        root / VERSION / "splits.json", {"synth_train": names[:train], "synth_val": names[train:]}
    )


def _drivable(street: Street) -> NDArray[np.uint8]:
    """The map mask: 255 where one may drive; row 0 is the largest y, as the devkit reads it."""
    size = round(map_side(street.x) / MAP_RESOLUTION)
    mask = np.zeros((size, size), np.uint8)
    y0, y1 = -street.kerb, street.kerb
    if street.lot_side:
        y0, y1 = (y0, street.facade(1)) if street.lot_side > 0 else (-street.facade(-1), y1)
    corners = np.array(
        [
            (x, y, 0, 1)
            for x, y in ((street.x[0], y0), (street.x[1], y0), (street.x[1], y1), (street.x[0], y1))
        ]
    )
    places = (corners @ street.global_from_street.T)[:, :2] / MAP_RESOLUTION
    cv2.fillConvexPoly(
        mask, np.column_stack([places[:, 0], size - places[:, 1]]).round().astype(np.int32), (255,)
    )
    return mask


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False), encoding="utf-8")
