"""The view from above: the car looks up the page, left of the car is left on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from drivetr.geometry.boxes import VELOCITY
from drivetr.structures.ground import GroundMap
from drivetr.visual.canvas import blank, draw_circle, draw_lines, draw_path, fill_polygon, resize
from drivetr.visual.drawables import Drawable
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.palette import (
    ACCENT,
    EGO,
    GUIDE,
    HAIRLINE,
    INK,
    MUTED,
    PANEL,
    ROAD,
    Colour,
    mix,
)
from drivetr.visual.text import Canvas, draw_text

OVERSAMPLE = 2
ARROW_SECONDS = 1.0  # a velocity arrow ends where the object will be after this time
_MIN_SPEED = 0.3  # metres per second; below, an arrow would be a blot
_TINY = 7.0  # hairlines across a footprint; below, thick lines and a heading tick would fill it
# The car around the nuScenes ego frame, whose origin is on the ground below the rear axle (metres).
_EGO_BACK, _EGO_FRONT, _EGO_HALF = -0.75, 3.33, 0.87

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BevScale:
    """Where a place on the ground is on a canvas.

    Attributes:
        height: of the canvas in pixels.
        width: of the canvas in pixels.
        range_m: metres from the ego frame's origin to the nearer pair of borders.
    """

    height: int
    width: int
    range_m: float

    @property
    def px_per_m(self) -> float:
        """Pixels in a metre."""
        return min(self.height, self.width) / (2 * self.range_m)

    def pixels(self, xy_ego: FloatArray) -> FloatArray:
        """Pixels (P, 2) of points (P, 2): ego x (forward) goes up, ego y (left) goes left."""
        forward, left = xy_ego[..., 0], xy_ego[..., 1]
        u = self.width / 2 - left * self.px_per_m
        v = self.height / 2 - forward * self.px_per_m
        return np.stack([u, v], axis=-1)


def draw_bev(
    frame: ReplayFrame, boxes: Sequence[Drawable], size: tuple[int, int], range_m: float, font: int
) -> Canvas:
    """A panel with map and ground around the car, rings, points, boxes and their motion.

    Args:
        frame: what is shown.
        boxes: in the reference frame of `frame`.
        size: height and width of the panel in pixels.
        range_m: metres from the car to the nearer pair of borders.
        font: size of the labels in pixels.
    """
    fine = BevScale(size[0] * OVERSAMPLE, size[1] * OVERSAMPLE, range_m)
    ego_from_lidar = frame.ego_from_lidar.double().numpy()
    canvas = _ground(fine).copy()
    if frame.ground is not None and frame.ego_from_global is not None:
        canvas = _lay_map(canvas, frame.ground, frame.ego_from_global, fine)
    if frame.points is not None:
        _draw_points(canvas, frame.points.double().numpy(), ego_from_lidar, fine)
    hairline = OVERSAMPLE * max(0.75, min(size) / 600)
    if frame.path is not None:
        path = frame.path.double().numpy() @ ego_from_lidar[:3, :3].T + ego_from_lidar[:3, 3]
        _draw_trail(canvas, fine.pixels(path[:, :2]), frame.path_index, hairline)
    _draw_ego(canvas, fine)
    for box in boxes:
        draw_box(canvas, box, ego_from_lidar, fine, hairline)
    canvas = resize(canvas, *size)
    _write_rings(canvas, BevScale(*size, range_m), font)
    return canvas


def ring_step(range_m: float) -> float:
    """Metres between rings: a round number that gives at most five of them."""
    steps = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    return next((s for s in steps if range_m / s <= 5), steps[-1])


def _rings(scale: BevScale) -> list[float]:
    step = ring_step(scale.range_m)
    reach = np.hypot(scale.height, scale.width) / 2 / scale.px_per_m
    return np.arange(step, reach, step).tolist()


@lru_cache(maxsize=4)
def _ground(scale: BevScale) -> Canvas:
    """Panel with grid, rings and axes; the caller copies it."""
    canvas = blank(scale.height, scale.width, PANEL)
    step = ring_step(scale.range_m)
    reach = np.ceil(max(scale.height, scale.width) / 2 / scale.px_per_m / step) * step
    faint = mix(HAIRLINE, PANEL, 0.6)
    for at in np.arange(-reach, reach + step / 2, step):
        ends = np.array([[[at, -reach], [at, reach]], [[-reach, at], [reach, at]]])
        draw_lines(canvas, scale.pixels(ends), HAIRLINE if at == 0 else faint, OVERSAMPLE)
    middle = (scale.width / 2, scale.height / 2)
    for radius in _rings(scale):
        draw_circle(canvas, middle, radius * scale.px_per_m, mix(GUIDE, PANEL, 0.25), OVERSAMPLE)
    return canvas


def _lay_map(canvas: Canvas, ground: GroundMap, ego_from_global: Tensor, scale: BevScale) -> Canvas:
    """The panel, lighter where the map has drivable ground; its lines stay above."""
    # A map's pixel has its middle at a half, for cv2 it is at a whole number.
    pixels = np.array([[0, 0], [1, 0], [0, 1]], dtype=np.float64) + 0.5
    in_map = np.column_stack([pixels, np.zeros(3), np.ones(3)])
    in_ego = in_map @ (ego_from_global.double().numpy() @ ground.global_from_pixel).T
    origin, column, row = scale.pixels(in_ego[:, :2]) - 0.5
    matrix = np.column_stack([column - origin, row - origin, origin])
    share = cv2.warpAffine(
        ground.share, matrix, (scale.width, scale.height), flags=cv2.INTER_LINEAR
    )
    lighter = np.array(ROAD) - np.array(PANEL)
    return np.rint(canvas + share[..., None] / 255 * lighter).clip(0, 255).astype(np.uint8)


def _write_rings(canvas: Canvas, scale: BevScale, font: int) -> None:
    """Writes the distances along the diagonal to the front right, where few things drive."""
    for radius in _rings(scale):
        if radius <= scale.range_m * 1.25:
            u, v = scale.pixels(np.array([1.0, -1.0]) * radius * np.sqrt(0.5))
            draw_text(canvas, (u, v), f"{radius:g} m", font - 1, colour=MUTED, anchor="m")


def _draw_points(
    canvas: Canvas, points: FloatArray, ego_from_lidar: FloatArray, scale: BevScale
) -> None:
    """Points as dim dots, lighter where they are higher above the ground."""
    points = points @ ego_from_lidar[:3, :3].T + ego_from_lidar[:3, 3]
    points = points[np.argsort(points[:, 2], kind="stable")]
    pixel = np.floor(scale.pixels(points[:, :2])).astype(int)
    shade = (0.22 + 0.30 * ((points[:, 2] + 0.5) / 3.0).clip(0, 1))[:, None]
    colour = np.rint(np.array(PANEL) * (1 - shade) + np.array([150, 170, 200]) * shade)
    for du in range(OVERSAMPLE):
        for dv in range(OVERSAMPLE):
            u, v = pixel[:, 0] + du, pixel[:, 1] + dv
            inside = (u >= 0) & (v >= 0) & (u < scale.width) & (v < scale.height)
            canvas[v[inside], u[inside]] = colour[inside]


def _draw_trail(canvas: Canvas, pixels: FloatArray, index: int, hairline: float) -> None:
    width = max(1, round(hairline * 1.2))
    draw_path(canvas, pixels[: index + 1], mix(ACCENT, PANEL, 0.25), width)
    for place in pixels[index + 1 :]:
        draw_circle(canvas, (place[0], place[1]), hairline, mix(ACCENT, PANEL, 0.45), -1)


def _draw_ego(canvas: Canvas, scale: BevScale) -> None:
    """The car itself, rounded at the corners, with a windscreen that shows the front."""
    length, nose = _EGO_FRONT - _EGO_BACK, 0.35
    half, back, front = _EGO_HALF, _EGO_BACK, _EGO_FRONT
    right_side = [
        (back, -half * 0.7),
        (back + nose / 2, -half),
        (front - nose * 1.6, -half),
        (front - nose / 2, -half * 0.86),
        (front, -half * 0.5),
    ]
    body = right_side + [(forward, -left) for forward, left in reversed(right_side)]
    fill_polygon(canvas, scale.pixels(np.array(body)), EGO)
    low, high = back + 0.52 * length, back + 0.7 * length
    glass = [(low, -half * 0.68), (high, -half * 0.8), (high, half * 0.8), (low, half * 0.68)]
    fill_polygon(canvas, scale.pixels(np.array(glass)), mix(INK, EGO, 0.15))


def draw_box(
    canvas: Canvas, box: Drawable, ego_from_lidar: FloatArray, scale: BevScale, hairline: float
) -> None:
    """A footprint: outline, tinted body, a tick from the middle out of the front, an arrow."""
    base = box.corners[:4] @ ego_from_lidar[:3, :3].T + ego_from_lidar[:3, 3]
    if not np.isfinite(base).all():
        return
    outline = scale.pixels(base[:, :2])
    style = box.style
    middle, front = outline.mean(axis=0), (outline[0] + outline[3]) / 2
    tiny = np.hypot(*(outline[0] - outline[2])) < _TINY * hairline
    width = 1 if tiny else max(1, round(style.width * hairline))
    fill_polygon(canvas, outline, style.colour, style.body_alpha ** (0.5 if tiny else 1.0))
    draw_path(canvas, outline, style.colour, width, closed=True)
    if not tiny:
        draw_lines(canvas, [[middle, front]], style.colour, width)
    velocity = ego_from_lidar[:2, :2] @ box.box[VELOCITY]
    if np.isfinite(velocity).all() and np.hypot(*velocity) >= _MIN_SPEED:
        tip = scale.pixels(base.mean(axis=0)[:2] + velocity * ARROW_SECONDS)
        _draw_arrow(canvas, middle, tip, style.colour, hairline)


def _draw_arrow(
    canvas: Canvas, start: FloatArray, tip: FloatArray, colour: Colour, hairline: float
) -> None:
    along = (tip - start) / max(np.hypot(*(tip - start)), 1e-9)
    across = np.array([-along[1], along[0]])
    head = 4.5 * hairline
    neck = tip - along * head
    draw_lines(canvas, [[start, neck]], colour, max(1, round(hairline)))
    fill_polygon(canvas, [tip, neck + across * head * 0.42, neck - across * head * 0.42], colour)
