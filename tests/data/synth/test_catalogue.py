"""The shapes of the ten classes."""

import numpy as np
import pytest

from drivetr.data.synth.catalogue import (
    CYCLES,
    KINDS,
    attribute_of,
    build_mesh,
    draw_kind,
    draw_size,
)
from drivetr.data.synth.paint import paint
from drivetr.data.synth.tables import ATTRIBUTES, CATEGORIES
from drivetr.structures.classes import DETECTION_CLASSES


def test_all_detection_classes_have_a_shape() -> None:
    assert set(KINDS) == set(DETECTION_CLASSES)
    assert {kind.category for kinds in KINDS.values() for kind in kinds} <= set(CATEGORIES)


@pytest.mark.parametrize("name", DETECTION_CLASSES)
def test_parts_fill_the_annotated_box_and_stay_inside(name: str) -> None:
    rng = np.random.default_rng(0)
    for number in range(25):
        rider = name in CYCLES and number % 2 == 0
        size = draw_size(name, draw_kind(name, rng), rider, rng)
        mesh = build_mesh(name, size, rider, number % 3 > 0, rng)
        low, high = mesh.quads.min((0, 1)), mesh.quads.max((0, 1))
        box = np.array([size[0] / 2, size[1] / 2, size[2]])
        assert (high <= box + 1e-9).all()
        assert (low >= np.array([-box[0], -box[1], 0]) - 1e-9).all()
        assert (high - low)[2] > 0.9 * size[2]
        assert (high - low)[0] > (0.3 if name == "pedestrian" else 0.9) * size[0]
        assert mesh.convex
        assert (mesh.colours >= 0).all()


@pytest.mark.parametrize(
    "name", [n for n in DETECTION_CLASSES if n not in ("barrier", "traffic_cone")]
)
def test_front_and_rear_differ(name: str) -> None:
    rng = np.random.default_rng(1)
    size = draw_size(name, KINDS[name][0], True, rng)
    mesh = build_mesh(name, size, True, True, rng)
    turned = mesh.quads * (-1, -1, 1)
    same = np.abs(np.sort(mesh.quads.reshape(-1, 12), 0) - np.sort(turned.reshape(-1, 12), 0)).max()
    assert same > 0.05


def test_attributes_are_those_of_the_devkit() -> None:
    for name in DETECTION_CLASSES:
        for moving in (False, True):
            for parked in (False, True):
                attribute = attribute_of(name, moving, parked, rider=moving)
                assert attribute == "" or attribute in ATTRIBUTES
    assert attribute_of("car", True, False, False) == "vehicle.moving"
    assert attribute_of("bicycle", True, False, True) == "cycle.with_rider"


def test_paint_covers_the_circle_of_hues() -> None:
    rng = np.random.default_rng(2)
    colours = np.array([paint(rng) for _ in range(2000)])
    assert colours.min() >= 0
    assert colours.max() <= 1
    strongest = np.bincount(colours.argmax(axis=1), minlength=3) / len(colours)
    assert (strongest > 0.15).all()
