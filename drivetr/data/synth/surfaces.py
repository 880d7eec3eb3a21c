"""Baked pictures of one street: the ground from above, facades, the sky; light is in them."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.street import Building, Street
from drivetr.data.synth.weather import Weather

Image = NDArray[np.uint8]
Array = NDArray[np.float64]
GROUND_HALF = 44.0  # metres to both sides of the centre line
SKY_WIDTH, SKY_HEIGHT = 1536, 192
SKY_LOW, SKY_HIGH = math.radians(-3), math.radians(45)  # elevations of the panorama


@dataclass(frozen=True)
class Ground:
    """The street from above as a pyramid (each level a quarter of the one before)."""

    levels: tuple[Image, ...]
    pixels_per_metre: float
    texture_from_street: Array  # (3, 3): (x, y, 1) to pixels of level 0


def noise(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> NDArray[np.float32]:
    """Smooth noise around 0 with deviation of about 1; `cell` pixels is its coarsest wavelength."""
    total = np.zeros(shape, np.float32)
    weight = 1.0
    while cell >= 1:
        rows, columns = max(2, int(shape[0] / cell) + 1), max(2, int(shape[1] / cell) + 1)
        small = rng.standard_normal((rows, columns)).astype(np.float32)
        total += weight * cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        cell, weight = cell / 4, weight * 0.8
    return total


class _Canvas:
    """Draws on the ground texture in metres."""

    def __init__(self, street: Street, pixels_per_metre: float) -> None:
        self.scale = pixels_per_metre
        self.x0 = street.x[0]
        width = round((street.x[1] - street.x[0]) * pixels_per_metre)
        self.image = np.zeros((round(2 * GROUND_HALF * pixels_per_metre), width, 3), np.uint8)

    def strip(
        self, y0: float, y1: float, colour: tuple[float, ...], x: tuple[float, float] | None = None
    ) -> None:
        """Fills the rectangle between two distances from the centre line."""
        top, bottom = sorted(((GROUND_HALF - y0) * self.scale, (GROUND_HALF - y1) * self.scale))
        left, right = (
            (0.0, float(self.image.shape[1]))
            if x is None
            else tuple((v - self.x0) * self.scale for v in x)
        )
        pixels = [(left, top), (right, top), (right, bottom), (left, bottom)]
        cv2.fillConvexPoly(
            self.image,
            (np.array(pixels) * 16).astype(np.int32),
            [round(255 * c) for c in colour],
            cv2.LINE_AA,
            4,
        )


_PAINT = (0.78, 0.80, 0.80)
_ASPHALT = (0.38, 0.37, 0.36)


def bake_ground(street: Street, pixels_per_metre: float) -> Ground:
    """Asphalt, lanes, kerbs, paving, yard and grass, lit."""
    rng = np.random.default_rng([street.seed, 1])
    canvas = _Canvas(street, pixels_per_metre)
    tone = rng.uniform(0.85, 1.15)
    canvas.strip(-GROUND_HALF, GROUND_HALF, (0.24, 0.40, 0.33))
    for side in (-1, 1):
        edge = street.kerb + street.pavement_width
        if side == street.lot_side:
            canvas.strip(
                side * edge,
                side * street.facade(side),
                tuple(0.42 * tone * c for c in (1.0, 0.98, 0.95)),
            )
            _bays(canvas, street, side)
        canvas.strip(
            side * (street.facade(side)), side * (street.facade(side) + 2.5), (0.45, 0.46, 0.47)
        )
        _pavement(canvas, street, side, rng)
    canvas.strip(-street.kerb, street.kerb, tuple(tone * c for c in _ASPHALT))
    for side in (-1, 1):
        canvas.strip(
            side * street.road_half, side * street.kerb, tuple(0.9 * tone * c for c in _ASPHALT)
        )
    _wear(canvas.image, rng, pixels_per_metre)
    _markings(canvas, street)
    image = _lit(canvas, street, rng)
    levels = [image]
    for _ in range(2):
        levels.append(cv2.resize(levels[-1], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))
    ppm = pixels_per_metre
    matrix = np.array([[ppm, 0, -street.x[0] * ppm], [0, -ppm, GROUND_HALF * ppm], [0, 0, 1.0]])
    return Ground(tuple(levels), ppm, matrix)


def _pavement(canvas: _Canvas, street: Street, side: int, rng: np.random.Generator) -> None:
    inner, outer = street.kerb, street.kerb + street.pavement_width
    base = rng.uniform(0.48, 0.60)
    slab = (base, base * 1.01, base * 1.03)
    canvas.strip(side * inner, side * outer, slab)
    dark = tuple(0.82 * c for c in slab)
    for y in np.arange(inner + 1.3, outer, 0.8):
        canvas.strip(side * y, side * (y + 0.05), dark)
    for x in np.arange(street.x[0], street.x[1], 0.8):
        canvas.strip(side * (inner + 0.2), side * outer, dark, (x, x + 0.05))
    canvas.strip(side * (inner + 0.25), side * (inner + 1.1), (0.22, 0.36, 0.30))  # green verge
    for crossing in street.crossings:
        canvas.strip(side * inner, side * (inner + 1.3), slab, (crossing - 2.2, crossing + 2.2))
    canvas.strip(side * inner, side * (inner + 0.22), (0.66, 0.67, 0.68))  # kerb stone


def _bays(canvas: _Canvas, street: Street, side: int) -> None:
    inner = street.kerb + street.pavement_width
    for x in np.arange(street.x[0], street.x[1], 3.2):
        canvas.strip(
            side * (street.facade(side) - 5.2),
            side * street.facade(side),
            (0.62, 0.63, 0.63),
            (x, x + 0.1),
        )
    canvas.strip(side * inner, side * (inner + 0.15), (0.62, 0.62, 0.62))


def _markings(canvas: _Canvas, street: Street) -> None:
    for gap in (-0.14, 0.14):
        canvas.strip(gap - 0.06, gap + 0.06, (0.35, 0.68, 0.75))
    for side in (-1, 1):
        canvas.strip(side * street.road_half - 0.06, side * street.road_half + 0.06, _PAINT)
        for lane in range(1, street.lanes):
            y = side * lane * street.lane_width
            for x in np.arange(street.x[0], street.x[1], 7.5):
                canvas.strip(y - 0.07, y + 0.07, _PAINT, (x, x + 3.0))
        for x in np.arange(street.x[0], street.x[1], 6.5):
            canvas.strip(
                side * street.road_half,
                side * (street.kerb - 0.2),
                tuple(0.7 * c for c in _PAINT),
                (x, x + 0.09),
            )
    for crossing in street.crossings:
        canvas.strip(-street.kerb, street.kerb, _ASPHALT, (crossing - 1.9, crossing + 1.9))
        for y in np.arange(-street.kerb + 0.4, street.kerb - 0.4, 1.0):
            canvas.strip(y, y + 0.5, _PAINT, (crossing - 1.5, crossing + 1.5))
        canvas.strip(-street.road_half, -0.2, _PAINT, (crossing - 3.1, crossing - 2.75))
        canvas.strip(0.2, street.road_half, _PAINT, (crossing + 2.75, crossing + 3.1))


def _wear(image: Image, rng: np.random.Generator, ppm: float) -> None:
    """Stains, patches and grain on everything."""
    shape = image.shape[:2]
    field = (
        1.0
        + 0.055 * noise(rng, shape, 6 * ppm)
        + 0.03 * rng.standard_normal(shape).astype(np.float32)
    )
    image[:] = np.clip(image * field[..., None], 0, 255).astype(np.uint8)


def _lit(canvas: _Canvas, street: Street, rng: np.random.Generator) -> Image:
    """Sun with the shadows of houses, or pools of lamp light."""
    weather, scale = street.weather, canvas.scale
    up = weather.light(np.array([[0.0, 0.0, 1.0]]))[0]
    shade = np.array(weather.ambient)
    step = max(1, int(scale / 2))
    small = (canvas.image.shape[0] // step + 1, canvas.image.shape[1] // step + 1)
    light = np.ones((*small, 3), np.float32) * up.astype(np.float32)
    to_small = scale / step
    if weather.sun_elevation_deg < 58:
        sun = weather.sun_direction
        for house in street.buildings:
            base = np.array([(x, y) for x in house.x for y in house.y])
            hull = cv2.convexHull(
                np.concatenate([base, base - house.height * sun[:2] / sun[2]]).astype(np.float32)
            )[:, 0]
            pixels = (
                np.column_stack([hull[:, 0] - street.x[0], GROUND_HALF - hull[:, 1]]) * to_small
            )
            cv2.fillConvexPoly(light, pixels.round().astype(np.int32), shade.tolist())
    if weather.lamps > 0.5:
        rows, columns = np.mgrid[: small[0] : 2, : small[1] : 2]
        places = np.column_stack(
            [columns.ravel() / to_small + street.x[0], GROUND_HALF - rows.ravel() / to_small]
        )
        pools = lamp_light(street, places).reshape(*rows.shape, 3).astype(np.float32)
        light += cv2.resize(pools, (small[1], small[0]), interpolation=cv2.INTER_LINEAR)
    light = cv2.GaussianBlur(light, (0, 0), 1.0)
    full = cv2.resize(
        light, (canvas.image.shape[1], canvas.image.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    lit = canvas.image.astype(np.float32) * full
    if weather.rain:
        wet = np.clip(noise(rng, canvas.image.shape[:2], 8 * scale) * 0.5 + 0.5, 0, 1)[..., None]
        sheen = 255 * np.array(weather.horizon, np.float32)
        lit = lit * (0.82 - 0.25 * wet) + sheen * 0.22 * wet
    return np.clip(lit, 0, 255).astype(np.uint8)


def lamp_light(street: Street, places: Array) -> Array:
    """Light (P, 3) of the street lamps at ground places (P, 2)."""
    strength = street.weather.lamps * (1.0 if street.weather.name == "night" else 0.35)
    total = np.zeros(len(places))
    for x, y in street.lamps:
        near = np.flatnonzero(np.abs(places[:, 0] - x) < 16)
        far2 = (places[near, 0] - x) ** 2 + (places[near, 1] - y * 0.85) ** 2
        total[near] += np.exp(-far2 / 36)
    return 0.55 * strength * total[:, None] * np.array([0.55, 0.80, 1.0])


def bake_facade(
    house: Building,
    size: tuple[float, float],
    light: Array,
    weather: Weather,
    seed: list[int],
    ppm: float,
) -> Image:
    """One wall (metres wide, high): plinth, rows of windows, some of them lit, cornice."""
    rng = np.random.default_rng(seed)
    width, height = max(8, round(size[0] * ppm)), max(8, round(size[1] * ppm))
    wall = np.ones((height, width, 3), np.float32) * np.array(house.colour, np.float32)
    wall *= (1 + 0.03 * noise(rng, (height, width), 3 * ppm))[..., None]
    if house.style == 1:  # courses of brick
        wall[:: max(2, int(0.35 * ppm))] *= 0.86
    glow = np.zeros((height, width, 3), np.float32)
    storeys = max(1, round((size[1] - 1) / 3.2))
    columns = max(1, int(size[0] / (2.2, 2.6, 1.8, 3.2)[house.style]))
    pitch = size[0] / columns
    for storey in range(storeys):
        shop = storey == 0
        low, high = (
            (0.5, 2.6)
            if shop
            else (3.2 * storey + 0.9, 3.2 * storey + (2.5, 2.3, 2.7, 2.4)[house.style])
        )
        half = pitch * (0.42 if shop else (0.28, 0.24, 0.36, 0.38)[house.style])
        for column in range(columns):
            centre = (column + 0.5) * pitch
            box = [
                round((centre - half) * ppm),
                round((centre + half) * ppm),
                round((size[1] - high) * ppm),
                round((size[1] - low) * ppm),
            ]
            _window(wall, glow, box, rng, weather, shop)
        if house.style in (0, 3) and storey:
            line = round((size[1] - 3.2 * storey - 0.3) * ppm)
            wall[line : line + max(1, int(0.2 * ppm))] *= 1.14
    wall[: max(1, int(0.5 * ppm))] *= 0.72
    wall[-max(1, int(0.45 * ppm)) :] *= 0.6
    lit = np.maximum(wall * light.astype(np.float32), glow)
    return np.clip(255 * lit, 0, 255).astype(np.uint8)


def _window(
    wall: NDArray[np.float32],
    glow: NDArray[np.float32],
    box: list[int],
    rng: np.random.Generator,
    weather: Weather,
    shop: bool,
) -> None:
    left, right, top, bottom = box
    frame = max(1, (right - left) // 10)
    wall[top - frame : bottom + frame, left - frame : right + frame] *= 1.25
    sky = np.array(weather.horizon, np.float32)
    wall[top:bottom, left:right] = (0.12 + 0.22 * rng.random()) * sky + 0.06
    if weather.lamps > 0.5 and rng.random() < (0.75 if shop else 0.35):
        tone = np.array([0.45, 0.75, 0.95], np.float32) * rng.uniform(0.5, 0.95) * weather.lamps
        glow[top:bottom, left:right] = tone
    middle = (left + right) // 2
    wall[top:bottom, middle : middle + 1] *= 1.6
    glow[top:bottom, middle : middle + 1] *= 0.5


def bake_sky(weather: Weather, seed: int) -> Image:
    """A panorama of the sky with a skyline in the haze; columns wrap round."""
    rng = np.random.default_rng([seed, 2])
    up = np.linspace(SKY_HIGH, SKY_LOW, SKY_HEIGHT, dtype=np.float32)
    blend = np.clip(np.sin(np.clip(up, 0, None)) / math.sin(0.6), 0, 1)[:, None, None] ** 0.6
    horizon, zenith = (np.array(c, np.float32) for c in (weather.horizon, weather.zenith))
    image: NDArray[np.float32] = np.repeat(
        horizon * (1 - blend) + zenith * blend, SKY_WIDTH, axis=1
    )
    puffs = noise(rng, (SKY_HEIGHT, SKY_WIDTH // 2), 64)
    puffs = np.concatenate([puffs, puffs[:, ::-1]], axis=1)  # mirrored, so that the ends meet
    cover = (
        1
        / (1 + np.exp(-(puffs * 2.2 + 4.0 * (weather.clouds - 0.6))))
        * np.clip(blend[..., 0] * 2.5, 0, 1)
    )
    bright = np.array(weather.ambient, np.float32) + np.array(weather.sun, np.float32)
    cloud = np.clip(0.2 * zenith + 0.72 * bright + 0.07 * puffs[..., None], 0, 1)
    image += (0.85 * cover)[..., None] * (cloud - image)
    _skyline(image, weather, rng)
    return np.clip(255 * image, 0, 255).astype(np.uint8)


def _skyline(image: NDArray[np.float32], weather: Weather, rng: np.random.Generator) -> None:
    """Two rows of far towers, the further one paler."""
    per_radian = SKY_HEIGHT / (SKY_HIGH - SKY_LOW)
    base = round(SKY_HIGH * per_radian) + 2
    haze = np.array(weather.horizon, np.float32)
    tower = np.array(weather.ambient, np.float32) * 0.55
    for share, tallest in ((0.3, 15), (0.5, 9)):
        x = 0
        while x < SKY_WIDTH:
            wide, tall = int(rng.integers(6, 30)), int(rng.integers(1, tallest))
            image[base - tall :, x : x + wide] = haze * (1 - share) + tower * share
            x += wide
