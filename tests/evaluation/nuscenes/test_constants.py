"""The official numbers against the devkit's."""

from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.utils import detection_name_to_rel_attributes

from drivetr.evaluation.nuscenes.constants import (
    ATTRIBUTES_OF,
    CAMERA_ONLY_META,
    CLASS_RANGE,
    MAX_BOXES_PER_SAMPLE,
)
from drivetr.structures.classes import DETECTION_CLASSES


def test_ranges_and_limit_are_the_devkit_s():
    config = config_factory("detection_cvpr_2019")
    assert config.class_range == CLASS_RANGE
    assert config.max_boxes_per_sample == MAX_BOXES_PER_SAMPLE
    assert set(CLASS_RANGE) == set(DETECTION_CLASSES)


def test_attributes_are_the_devkit_s():
    assert {n: list(a) for n, a in ATTRIBUTES_OF.items()} == {
        name: detection_name_to_rel_attributes(name) for name in CLASS_RANGE
    }


def test_meta_says_camera_only():
    assert [flag for flag, used in CAMERA_ONLY_META.items() if used] == ["use_camera"]
    assert len(CAMERA_ONLY_META) == 5
