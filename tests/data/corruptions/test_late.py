"""A late camera: an image as old as asked for, with the calibration of now, one camera a scene."""

import numpy as np
import pytest

from drivetr.data.corruptions.late import LateCamera
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables


def opened(tmp_path, sweeps: int) -> NuScenesIndex:
    shape = TableShape(scenes=6, samples_per_scene=4, camera_sweeps=sweeps, lidar_sweeps=0)
    root = write_tables(tmp_path / "data", make_tables(shape))
    return open_index(root, "v1.0-mini", out_dir=tmp_path / "cache")


def delivered(index: NuScenesIndex, row: int, delay_ms: float):
    """Images of a sample as they should be and as they come."""
    sample = index.sample(row)
    found = LateCamera(delay_ms).records(index, row, sample.scene_name, sample.cameras)
    return list(sample.cameras), found


@pytest.mark.parametrize("delay_ms", [100, 200, 300, 400, 500])
def test_one_camera_shows_what_it_saw_earlier(tmp_path, delay_ms):
    index = opened(tmp_path, sweeps=5)
    times = {index.image(n).filename: index.image(n).timestamp_us for n in range(index.num_images)}
    for scene in index.scenes():
        late = set()
        for row in range(scene.first_row + 1, scene.first_row + scene.num_samples):
            right, found = delivered(index, row, delay_ms)
            changed = [n for n in range(6) if found[n].filename != right[n].filename]
            assert len(changed) == 1
            late |= set(changed)
            before, after = right[changed[0]], found[changed[0]]
            age_ms = (times[before.filename] - times[after.filename]) / 1000
            assert age_ms == pytest.approx(delay_ms, abs=60)
            assert f"__{before.channel}__" in after.filename
            for name in ("timestamp_us", "global_from_ego", "ego_from_cam", "intrinsic"):
                assert getattr(after, name) is getattr(before, name)
        assert len(late) == 1


def test_other_scenes_have_other_late_cameras(tmp_path):
    index = opened(tmp_path, sweeps=5)
    late = set()
    for scene in index.scenes():
        right, found = delivered(index, scene.first_row + 2, 300)
        late |= {a.channel for a, b in zip(right, found, strict=True) if a is not b}
    assert len(late) > 1


def test_the_first_frame_of_a_scene_is_in_time(tmp_path):
    index = opened(tmp_path, sweeps=5)
    right, found = delivered(index, index.scenes()[1].first_row, 300)
    assert found == right


def test_without_sweeps_only_the_keyframe_before(tmp_path):
    index = opened(tmp_path, sweeps=0)
    rows = np.arange(len(index))
    right, found = delivered(index, 2, 500)
    changed = [b.filename for a, b in zip(right, found, strict=True) if a is not b]
    assert len(changed) == 1
    assert changed[0] in LateCamera(500).files(index, rows)
    right, found = delivered(index, 2, 100)
    assert found == right
    with pytest.raises(DrivetrError, match="no camera has an image 100 ms before a keyframe"):
        LateCamera(100).files(index, rows)


def test_a_camera_that_is_absent_is_not_late(tmp_path):
    index = opened(tmp_path, sweeps=5)
    sample = index.sample(2)
    nothing = [None] * 6
    assert LateCamera(300).records(index, 2, sample.scene_name, nothing) == nothing
