"""Class colours stay apart for colour-blind readers and readable on the page."""

import numpy as np
import pytest

from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.palette import CLASS_COLOURS, PAGE, class_colour, mix

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def _linear(colour: object) -> np.ndarray:
    value = np.asarray(colour, dtype=float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear.clip(0, 1) @ matrix.T / np.array([0.9505, 1.0, 1.0890])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    a, b = 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return np.stack([116 * f[..., 1] - 16, a, b], axis=-1)


def test_every_class_has_a_colour() -> None:
    assert set(CLASS_COLOURS) == set(DETECTION_CLASSES)
    assert class_colour("cyclist", 7) != class_colour("tram", 8)


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_apart(sight: str) -> None:
    lab = _lab(_linear(list(CLASS_COLOURS.values())) @ np.array(SIGHT[sight]).T)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert distance[np.triu_indices(len(lab), 1)].min() > 18  # just noticeable is about 2.3


def test_colours_read_on_the_page() -> None:
    """Contrast of at least 4.5, which WCAG 2 asks of text."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    ground = _linear(PAGE) @ weights
    for name, colour in CLASS_COLOURS.items():
        assert (_linear(colour) @ weights + 0.05) / (ground + 0.05) > 4.0, name


def test_mix() -> None:
    assert mix((0, 100, 200), (100, 100, 100), 0.25) == (25, 100, 175)
