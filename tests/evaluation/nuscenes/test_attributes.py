"""The written rules, row by row."""

import math

import pytest

from drivetr.evaluation.nuscenes.attributes import attribute_name
from drivetr.evaluation.nuscenes.constants import ATTRIBUTES_OF

RULES = [
    # class, faster than 0.2 m/s, otherwise
    ("car", "vehicle.moving", "vehicle.parked"),
    ("construction_vehicle", "vehicle.moving", "vehicle.parked"),
    ("bus", "vehicle.moving", "vehicle.stopped"),
    ("truck", "vehicle.moving", "vehicle.parked"),
    ("trailer", "vehicle.moving", "vehicle.parked"),
    ("bicycle", "cycle.with_rider", "cycle.without_rider"),
    ("motorcycle", "cycle.with_rider", "cycle.without_rider"),
    ("pedestrian", "pedestrian.moving", "pedestrian.standing"),
    ("barrier", "", ""),
    ("traffic_cone", "", ""),
]


@pytest.mark.parametrize(("name", "moving", "still"), RULES)
def test_rules(name, moving, still):
    assert attribute_name(name, math.nextafter(0.2, 1)) == moving
    assert attribute_name(name, 30.0) == moving
    assert attribute_name(name, 0.2) == still  # strictly faster
    assert attribute_name(name, 0.0) == still
    assert attribute_name(name, math.nan) == still
    assert {moving, still} <= {"", *ATTRIBUTES_OF[name]}


def test_every_class_has_a_rule():
    assert {name for name, _, _ in RULES} == set(ATTRIBUTES_OF)
