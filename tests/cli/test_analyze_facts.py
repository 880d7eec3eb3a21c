"""What cameras see of boxes and how visible they are, against the devkit and the tables."""

import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import BoxVisibility

from drivetr.cli.analyze_facts import read_facts
from drivetr.data.nuscenes.index import open_index
from drivetr.evaluation.nuscenes.matched import BoxColumns, MatchedSplit
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes


@pytest.fixture(scope="module")
def read(nuscenes_real):
    """All annotations of two real samples as objects, and as predictions in another order."""
    index = open_index(nuscenes_real, "v1.0-mini")
    samples = [index.sample(row) for row in index.samples_of_split("mini_val")]
    boxes = [
        boxes_from_nuscenes(
            s.annotations.center_global, s.annotations.size_wlh, s.annotations.quaternion_wxyz,
            s.annotations.velocity_global, np.eye(4),
        ).numpy()
        for s in samples
    ]  # fmt: skip
    frame = np.repeat(np.arange(len(samples)), [len(b) for b in boxes])
    zeros = np.zeros(len(frame), dtype=np.int64)
    truth = BoxColumns(frame, zeros, zeros - 1.0, np.concatenate(boxes), zeros + 1.0)
    back = np.arange(len(frame))[::-1]
    found = BoxColumns(frame[back], zeros, zeros + 0.5, truth.boxes[back], zeros + 1.0)
    split = MatchedSplit(tuple(s.token for s in samples), truth, found, zeros - 1)
    keys = [token for s in samples for token in s.annotations.token]
    return read_facts([split, split], index), keys, samples


def test_views_agree_with_the_devkit(read, nuscenes_real):
    facts, keys, samples = read
    nusc = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
    row_of = {key: row for row, key in enumerate(keys)}
    seen = {key: set() for key in keys}
    for sample in samples:
        for channel in facts[0].cameras:
            camera = nusc.get("sample", sample.token)["data"][channel]
            _, boxes, _ = nusc.get_sample_data(camera, BoxVisibility.ANY)
            for box in boxes:
                seen[box.token].add(channel)
            _, boxes, _ = nusc.get_sample_data(camera, BoxVisibility.ALL)
            for box in boxes:
                assert facts[0].truth.share[row_of[box.token]] > 0
    views, compared = facts[0].truth, 0
    for row, key in enumerate(keys):
        assert views.count[row] >= len(seen[key])
        assert (views.count[row] == 0) == (views.camera[row] == len(facts[0].cameras))
        if len(seen[key]) == views.count[row] == 1:
            assert facts[0].cameras[views.camera[row]] in seen[key]
            compared += 1
    assert compared > 30


def test_predictions_are_looked_at_like_objects(read):
    facts, _, _ = read
    for name in ("camera", "share", "height_px", "count"):
        theirs = getattr(facts[1].found, name)
        assert theirs[::-1].tolist() == getattr(facts[1].truth, name).tolist()


def test_visibility_and_scenes_are_those_of_the_tables(read):
    facts, _, samples = read
    expected = np.concatenate([s.annotations.visibility for s in samples])
    assert facts[0].visibility.tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 1
    assert [facts[0].scenes[s] for s in facts[0].scene] == [s.scene_name for s in samples]
