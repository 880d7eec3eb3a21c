from nuscenes.eval.detection.constants import DETECTION_NAMES

from drivetr.structures.classes import DETECTION_CLASSES


def test_are_the_devkit_s_classes():
    assert sorted(DETECTION_CLASSES) == sorted(DETECTION_NAMES)
