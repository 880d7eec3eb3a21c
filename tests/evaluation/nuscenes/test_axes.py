import numpy as np

from drivetr.evaluation.nuscenes.axes import axes_of
from tests.evaluation.nuscenes.split_factory import CAMERAS, random_facts, random_split


def axes(seed=0):
    split = random_split(seed)
    facts = random_facts(split)
    return split, facts, {axis.name: axis for axis in axes_of(split, facts)}


def test_every_box_is_in_one_slice_of_every_axis():
    split, _, found = axes()
    assert len(found) == 9
    for axis in found.values():
        assert axis.of_truth.shape == (len(split.truth),)
        assert ((axis.of_truth >= 0) & (axis.of_truth < len(axis.slices))).all()
        if axis.of_found is not None:
            assert ((axis.of_found >= 0) & (axis.of_found < len(axis.slices))).all()


def test_border_tells_cut_boxes_and_shared_ones():
    _, facts, found = axes()
    axis, views = found["border of the image"], facts.truth
    for row, place in enumerate(axis.of_truth):
        name = axis.slices[place]
        if views.count[row] == 0:
            assert name == "in no camera"
        else:
            assert name.startswith("whole") == (views.share[row] == 1)
            assert name.endswith("several cameras") == (views.count[row] == 2)


def test_camera_speed_and_time():
    split, facts, found = axes()
    cameras = found["camera"]
    assert cameras.slices == (*CAMERAS, "in no camera")
    assert (cameras.of_truth == facts.truth.camera).all()
    speed = found["speed"]
    unknown = np.array(speed.slices)[speed.of_truth] == "unknown"
    assert (unknown == np.isnan(split.truth.boxes[:, 8])).all()
    time = found["time of day"]
    assert time.slices == ("day", "night", "not told")
    names = np.array(time.slices)[time.of_found]
    assert set(names[split.found.frame < 4]) == {"night"}
    assert set(names[split.found.frame >= 8]) == {"not told"}
