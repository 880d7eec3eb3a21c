"""The table of classes is the devkit's."""

from nuscenes.eval.detection.utils import category_to_detection_name

from drivetr.data.nuscenes.categories import (
    DETECTION_CLASS_OF,
    IGNORED_CATEGORIES,
    is_known_category,
)
from drivetr.structures.classes import DETECTION_CLASSES


def test_classes_are_the_devkits():
    for category in [*DETECTION_CLASS_OF, *IGNORED_CATEGORIES, "vehicle", "vehicle.car.taxi"]:
        assert DETECTION_CLASS_OF.get(category) == category_to_detection_name(category)


def test_every_detection_class_has_a_category():
    assert set(DETECTION_CLASS_OF.values()) == set(DETECTION_CLASSES)


def test_nuscenes_has_23_box_categories():
    assert len(DETECTION_CLASS_OF) + len(IGNORED_CATEGORIES) == 23


def test_known():
    assert is_known_category("vehicle.emergency.police")
    assert is_known_category("flat.driveable_surface")
    assert not is_known_category("vehicle.hovercraft")
