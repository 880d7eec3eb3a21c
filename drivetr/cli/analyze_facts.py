"""What an analysis has to know of the boxes of a split from its dataset."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from drivetr.data.nuscenes.dataset import img_from_reference
from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.records import Annotations, SampleRecord
from drivetr.evaluation.nuscenes.axes import SplitFacts, Views
from drivetr.evaluation.nuscenes.matched import BoxColumns, MatchedSplit
from drivetr.geometry.boxes import CENTER, SIZE
from drivetr.geometry.image_boxes import best_views, image_boxes

_SAME_M = 1e-6  # how far numbers of the same annotation may be apart
_WORLD = torch.eye(4, dtype=torch.float64)


def read_facts(splits: Sequence[MatchedSplit], index: NuScenesIndex) -> list[SplitFacts]:
    """The facts of submissions to one split, in their order; each sample is read once.

    Raises:
        DrivetrError: a sample is not in the index.
    """
    tokens, truth = splits[0].tokens, splits[0].truth
    rows = np.array([index.row_of(token) for token in tokens], dtype=np.int64)
    tables = [truth, *(split.found for split in splits)]
    views = [_unseen(len(table), len(index.camera_names)) for table in tables]
    places = [table.by_frame(len(tokens)) for table in tables]
    visibility = np.zeros(len(truth), dtype=np.int64)
    scene_rows = np.zeros(len(tokens), dtype=np.int64)
    for frame, row in enumerate(tqdm(rows.tolist(), desc="look", unit="frame", delay=2)):
        sample = index.sample(row)
        scene_rows[frame] = sample.scene_row
        for table, seen, place in zip(tables, views, places, strict=True):
            _look(seen, table, place[frame], sample, index.camera_names)
        here = places[0][frame]
        visibility[here] = _visibility(truth.boxes[here], sample.annotations)
    used, scene = np.unique(scene_rows, return_inverse=True)
    scenes = [index.scenes()[row] for row in used.tolist()]
    return [
        SplitFacts(
            cameras=index.camera_names,
            truth=views[0],
            found=found,
            visibility=visibility,
            scene=scene.astype(np.int64),
            scenes=tuple(s.name for s in scenes),
            descriptions=tuple(s.description for s in scenes),
        )
        for found in views[1:]
    ]


def _unseen(count: int, cameras: int) -> Views:
    """Views of boxes that no camera sees."""
    zeros = [np.zeros(count) for _ in range(2)]
    return Views(np.full(count, cameras), zeros[0], zeros[1], np.zeros(count, dtype=np.int64))


def _look(
    views: Views,
    table: BoxColumns,
    rows: NDArray[np.int64],
    sample: SampleRecord,
    names: tuple[str, ...],
) -> None:
    """Fills in how the cameras of a sample see some boxes."""
    if not len(rows) or not sample.cameras:
        return
    projections = torch.stack([img_from_reference(c, _WORLD) for c in sample.cameras])
    sizes = torch.tensor([(camera.height, camera.width) for camera in sample.cameras])
    bounds, shares = image_boxes(projections, sizes, torch.from_numpy(table.boxes[rows]))
    best = best_views(bounds)
    there = (best, torch.arange(len(rows)))
    number_of = torch.tensor([names.index(camera.channel) for camera in sample.cameras])
    count = (shares > 0).sum(0)
    views.camera[rows] = number_of[best].where(count > 0, len(names)).numpy()
    views.share[rows] = shares[there].numpy()
    views.height_px[rows] = (bounds[..., 3] - bounds[..., 1])[there].numpy()
    views.count[rows] = count.numpy()


def _visibility(boxes: NDArray[np.float64], known: Annotations) -> NDArray[np.int64]:
    """Level of each box, found by its place and size among the annotations; 0 for none."""
    if not len(boxes) or not len(known):
        return np.zeros(len(boxes), dtype=np.int64)
    theirs = np.concatenate([known.center_global, known.size_wlh[:, [1, 0, 2]]], axis=1)
    ours = np.concatenate([boxes[:, CENTER], boxes[:, SIZE]], axis=1)
    away = np.abs(ours[:, None] - theirs).max(axis=2)
    levels = known.visibility[away.argmin(axis=1)]
    return np.where(away.min(axis=1) < _SAME_M, levels, 0)
