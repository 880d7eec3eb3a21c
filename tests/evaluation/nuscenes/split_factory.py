"""Random truth and predictions of a whole split, without a dataset."""

import numpy as np

from drivetr.evaluation.nuscenes.axes import SplitFacts, Views
from drivetr.evaluation.nuscenes.matched import BoxColumns, MatchedSplit, match
from drivetr.geometry.boxes import CENTER, SIZE, VELOCITY

CAMERAS = ("CAM_FRONT", "CAM_BACK", "CAM_SIDE")
SCENES = ("scene-a", "scene-b", "scene-c")
DESCRIPTIONS = ("Night, rain", "Day, sunny", "")
FRAMES = 12


def random_boxes(rng, count):
    boxes = np.zeros((count, 10))
    boxes[:, CENTER] = rng.uniform(-9, 9, (count, 3))
    boxes[:, SIZE] = rng.uniform(0.4, 7, (count, 3))
    yaw = rng.uniform(-np.pi, np.pi, count)
    boxes[:, 6], boxes[:, 7] = np.sin(yaw), np.cos(yaw)
    boxes[:, VELOCITY] = rng.choice([0.0, 1.0, 6.0], (count, 2)) * rng.uniform(0.9, 1.1, (count, 2))
    return boxes


def columns(frame, labels, scores, boxes):
    distance = np.linalg.norm(boxes[:, :2], axis=1)
    return BoxColumns(np.asarray(frame), np.asarray(labels), np.asarray(scores), boxes, distance)


def random_split(seed=0, objects=150):
    """Objects in 12 frames, the fifth of them empty; predictions near them, with tied scores."""
    rng = np.random.default_rng(seed)
    frame = np.sort(rng.choice([f for f in range(FRAMES) if f != 4], objects))
    labels = rng.integers(0, 10, objects)
    boxes = random_boxes(rng, objects)
    boxes[rng.random(objects) < 0.1, 8:] = np.nan
    truth = columns(frame, labels, np.full(objects, -1.0), boxes)
    near = np.sort(rng.integers(0, objects, 3 * objects))
    moved = np.nan_to_num(boxes[near])
    moved[:, :2] += rng.normal(0, 1.2, (len(near), 2))
    moved[:, SIZE] *= rng.uniform(0.8, 1.2, (len(near), 3))
    named = np.where(rng.random(len(near)) < 0.7, labels[near], rng.integers(0, 10, len(near)))
    found = columns(frame[near], named, rng.integers(0, 11, len(near)) / 10, moved)
    return split_of(truth, found)


def split_of(truth, found):
    tokens = tuple(f"frame-{number}" for number in range(FRAMES))
    return MatchedSplit(tokens, truth, found, match(found, truth, FRAMES))


def only(split, keep):
    """The split with some of its predictions, matched anew."""
    found = split.found
    kept = BoxColumns(
        *(getattr(found, name)[keep] for name in ("frame", "labels", "scores", "boxes", "distance"))
    )
    return split_of(split.truth, kept)


def random_facts(split, seed=0):
    rng = np.random.default_rng(seed)
    return SplitFacts(
        cameras=CAMERAS,
        truth=random_views(rng, len(split.truth)),
        found=random_views(rng, len(split.found)),
        visibility=rng.integers(0, 5, len(split.truth)),
        scene=np.arange(FRAMES) * len(SCENES) // FRAMES,
        scenes=SCENES,
        descriptions=DESCRIPTIONS,
    )


def random_views(rng, count):
    camera = rng.integers(0, len(CAMERAS) + 1, count)
    seen = camera < len(CAMERAS)
    share = np.where(seen, rng.choice([0.5, 1.0], count), 0.0)
    return Views(
        camera,
        share,
        seen * rng.uniform(5, 200, count),
        np.where(seen, rng.integers(1, 3, count), 0),
    )
