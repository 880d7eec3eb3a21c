import numpy as np

from drivetr.evaluation.nuscenes.frame_counts import count_frames
from tests.evaluation.nuscenes.split_factory import random_facts, random_split


def test_counts_by_brute_force():
    split = random_split(7)
    counts = count_frames(split, 0.5)
    assert len(counts.wrong) == len(split.tokens)
    for frame in range(len(split.tokens)):
        shown = [
            split.partner[row] >= 0
            for row in range(len(split.found))
            if split.found.frame[row] == frame and split.found.scores[row] >= 0.5
        ]
        objects = (split.truth.frame == frame).sum()
        assert counts.hits[frame] == sum(shown)
        assert counts.false[frame] == len(shown) - sum(shown)
        assert counts.wrong[frame] == objects - sum(shown) + len(shown) - sum(shown)


def test_scenes_add_their_frames():
    split = random_split(7)
    scene = random_facts(split).scene
    counts = count_frames(split, 0.5)
    scenes = counts.by_scene(scene, 4)
    assert scenes.wrong.tolist() == [counts.wrong[scene == s].sum() for s in range(3)] + [0]
    assert scenes.hits.dtype == np.int64
