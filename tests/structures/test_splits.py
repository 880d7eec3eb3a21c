from nuscenes.utils.splits import create_splits_scenes

from drivetr.structures.splits import OFFICIAL_SPLITS


def test_are_the_devkit_s_splits():
    assert set(OFFICIAL_SPLITS) == set(create_splits_scenes())
