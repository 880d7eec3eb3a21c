"""One picture of coloured shapes: every shape comes several times, so that only places differ.

A detector sees two copies of a shape as the same features in two places. Without an encoding of
places it can say what there is, but hardly where, which is what the set is made to show.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Name -> corners (V, 2) about (0, 0), of which the farthest are 1 away; a circle has many.
OUTLINES: dict[str, NDArray[np.float64]] = {}


def _regular(corners: int) -> NDArray[np.float64]:
    angles = np.arange(corners) * 2 * np.pi / corners - np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star(points: int, inner: float) -> NDArray[np.float64]:
    corners = _regular(2 * points)
    corners[1::2] *= inner
    return corners


OUTLINES |= {
    "circle": _regular(48),
    "square": _regular(4),
    "triangle": _regular(3),
    "star": _star(5, 0.45),
}
SHAPES = tuple(OUTLINES)
_HUES = {"circle": 5, "square": 50, "triangle": 95, "star": 140}  # of cv2's 180, a few to each side
_SHIFT = 6  # cv2 takes corners with this many binary digits after the point
_ROOM = 2.0  # pixels between the boxes of two shapes, at least
_TRIES = 60  # places that are tried for one shape before it is left out


@dataclass(frozen=True)
class Picture:
    """A drawn image and its truth.

    Attributes:
        image: (H, W, 3) BGR, as cv2 writes it.
        boxes: (G, 4) left, top, right, bottom in pixels.
        labels: (G,) index into `SHAPES`.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]


def draw_picture(rng: np.random.Generator, size: int, most: int) -> Picture:
    """A picture of 2 to `most` shapes on a restless ground.

    Args:
        rng: the only source of chance.
        size: height and width in pixels.
        most: largest number of shapes.
    """
    image = _ground(rng, size)
    boxes: list[NDArray[np.float64]] = []
    labels: list[int] = []
    wanted = int(rng.integers(2, most + 1))
    while wanted > 0:
        copies = min(int(rng.integers(2, 4)), wanted)
        wanted -= copies
        label = int(rng.integers(len(SHAPES)))
        colour = _colour(rng, _HUES[SHAPES[label]] + rng.integers(-8, 9))
        outline = _turned(OUTLINES[SHAPES[label]], rng.uniform(0, 2 * np.pi))
        outline = outline * rng.uniform(0.1, 0.18) * size
        for _ in range(copies):
            corners = _placed(rng, outline, boxes, size)
            if corners is not None:
                _fill(image, corners, colour)
                boxes.append(np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
                labels.append(label)
    noise = rng.normal(0, 6, image.shape)
    image = (image + noise).round().clip(0, 255).astype(np.uint8)
    return Picture(image, np.array(boxes).reshape(-1, 4), np.array(labels, np.int64))


def _ground(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Soft blotches, and thin lines that are no shapes."""
    coarse = rng.uniform(60, 150, (4, 4, 3)).astype(np.float32)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    image = np.ascontiguousarray(image.astype(np.uint8))
    for _ in range(int(rng.integers(3, 7))):
        start, end = _fixed(rng.uniform(0, size, (2, 2))).tolist()
        colour = _colour(rng, rng.integers(180))
        cv2.line(image, start, end, colour, 1, cv2.LINE_AA, _SHIFT)
    return image


def _colour(rng: np.random.Generator, hue: int) -> tuple[float, ...]:
    """A saturated colour, which stands out from the ground; `hue` in cv2's 0..179."""
    pixel = np.array([[[hue % 180, 230, rng.integers(200, 256)]]], np.uint8)
    return tuple(cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist())


def _turned(outline: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return outline @ np.array([[c, s], [-s, c]])


def _placed(
    rng: np.random.Generator,
    outline: NDArray[np.float64],
    boxes: list[NDArray[np.float64]],
    size: int,
) -> NDArray[np.float64] | None:
    """The outline at a free place wholly inside the picture; None where none was found."""
    low, high = 1 - outline.min(axis=0), size - 1 - outline.max(axis=0)
    for _ in range(_TRIES):
        corners = outline + rng.uniform(low, high)
        left, top = corners.min(axis=0) - _ROOM
        right, bottom = corners.max(axis=0) + _ROOM
        apart = (right < b[0] or b[2] < left or bottom < b[1] or b[3] < top for b in boxes)
        if all(apart):
            return corners
    return None


def _fill(
    image: NDArray[np.uint8], corners: NDArray[np.float64], colour: tuple[float, ...]
) -> None:
    cv2.fillPoly(image, [_fixed(corners)], colour, cv2.LINE_AA, _SHIFT)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """cv2's fixed-point numbers; a pixel's middle is at a whole number there, at .5 here."""
    return np.rint((points - 0.5) * (1 << _SHIFT)).astype(np.int32)
