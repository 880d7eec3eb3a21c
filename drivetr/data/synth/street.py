"""The street of one drive: its cross-section, buildings, trees and lamps.

Street frame: x along the street (the ego drives towards +x), y left, z up, ground z = 0. Traffic
keeps right.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.mesh import Colour, Mesh, MeshBuilder, block, post
from drivetr.data.synth.paint import DARK_METAL, darker, paint
from drivetr.data.synth.weather import Weather

Array = NDArray[np.float64]
Trees = tuple[tuple[float, float, float], ...]  # x, y, height
Lamps = tuple[tuple[float, float], ...]  # x, y
MARGIN = 75.0  # metres of street before the first and after the last place of the ego


@dataclass(frozen=True)
class Building:
    """An upright box with facades."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: float
    colour: tuple[float, float, float]
    style: int


@dataclass(frozen=True)
class Street:
    """The cross-section (metres from the centre line) and what stands beside it."""

    lanes: int  # in each direction
    lane_width: float
    parking_width: float
    pavement_width: float
    lot_side: int  # +1 left, -1 right: a yard between pavement and buildings; 0 none
    lot_depth: float
    x: tuple[float, float]
    heading: float  # of the street in the global frame, radians
    origin: tuple[float, float]  # of the street frame in the global frame
    crossings: tuple[float, ...]  # x of zebra crossings
    buildings: tuple[Building, ...]
    trees: Trees
    lamps: Lamps
    weather: Weather
    seed: int

    @property
    def road_half(self) -> float:
        """Half the width of the driving lanes."""
        return self.lanes * self.lane_width

    @property
    def kerb(self) -> float:
        """From the centre line to the kerb."""
        return self.road_half + self.parking_width

    def facade(self, side: int) -> float:
        """From the centre line to the buildings on one side."""
        depth = self.lot_depth if side == self.lot_side else 0.0
        return self.kerb + self.pavement_width + depth

    @property
    def global_from_street(self) -> Array:
        """4x4 pose of the street frame."""
        return planar(self.heading, self.origin[0], self.origin[1])


def planar(yaw: float, x: float, y: float) -> Array:
    """A 4x4 pose on the flat ground."""
    pose = np.eye(4)
    cos, sin = math.cos(yaw), math.sin(yaw)
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[:2, 3] = x, y
    return pose


def map_side(extent: tuple[float, float]) -> float:
    """Side in metres of the square map in whose middle a street of this extent lies."""
    return float(math.ceil(extent[1] - extent[0] + 60.0))


def draw_street(rng: np.random.Generator, weather: Weather, travel: float) -> Street:
    """A street long enough for an ego that travels `travel` metres."""
    extent = (-MARGIN, travel + MARGIN)
    lanes = int(rng.integers(1, 3))
    lot_side = int(rng.choice([-1, 0, 1], p=[0.4, 0.2, 0.4]))
    widths = {
        "lane_width": float(rng.uniform(3.2, 3.6)),
        "parking_width": float(rng.uniform(2.7, 3.0)),
        "pavement_width": float(rng.uniform(3.5, 5.5)),
        "lot_depth": float(rng.uniform(11.0, 15.0)),
    }
    heading = float(rng.uniform(-math.pi, math.pi))
    middle = planar(heading, 0, 0)[:2, 0] * (extent[0] + extent[1]) / 2
    side = map_side(extent)
    origin = (side / 2 - float(middle[0]), side / 2 - float(middle[1]))
    first = extent[0] + float(rng.uniform(0, 40))
    crossings = tuple(np.arange(first, extent[1], float(rng.uniform(45, 70))).tolist())
    bare = Street(
        lanes=lanes,
        lot_side=lot_side,
        **widths,
        x=extent,
        heading=heading,
        origin=origin,
        crossings=crossings,
        buildings=(),
        trees=(),
        lamps=(),
        weather=weather,
        seed=int(rng.integers(2**31)),
    )
    buildings = tuple(b for side in (-1, 1) for b in _row_of_houses(rng, bare, side))
    trees, lamps = _furniture(rng, bare)
    return replace(bare, buildings=buildings, trees=trees, lamps=lamps)


def _row_of_houses(rng: np.random.Generator, street: Street, side: int) -> list[Building]:
    houses, x, line = [], street.x[0], street.facade(side)
    while x < street.x[1]:
        length = float(rng.uniform(9, 20))
        setback = float(rng.uniform(0, 1.2))
        near, far = line + setback, line + setback + float(rng.uniform(9, 14))
        y = (near, far) if side > 0 else (-far, -near)
        height = 3.2 * float(rng.integers(2, 7)) + 1.0
        tint = paint(rng)
        grey = sum(tint) / 3
        muted = tuple(0.30 + 0.35 * (0.55 * grey + 0.45 * channel) * 1.5 for channel in tint)
        houses.append(Building((x, x + length), y, height, muted, int(rng.integers(4))))  # type: ignore[arg-type]
        x += length + (float(rng.uniform(2, 6)) if rng.random() < 0.3 else 0.0)
    return houses


def _furniture(rng: np.random.Generator, street: Street) -> tuple[Trees, Lamps]:
    """Trees and lamps just behind the kerb, alternating."""
    trees, lamps = [], []
    for side in (-1, 1):
        y = side * (street.kerb + 0.6)
        for number, x in enumerate(np.arange(street.x[0] + rng.uniform(0, 8), street.x[1], 8.0)):
            if any(abs(x - crossing) < 4 for crossing in street.crossings):
                continue
            if number % 2:
                lamps.append((float(x), float(y)))
            elif rng.random() < 0.8:
                trees.append((float(x), float(y), float(rng.uniform(4.5, 7.5))))
    return tuple(trees), tuple(lamps)


def furniture_mesh(street: Street) -> Mesh:
    """Trees and lamp posts as one mesh in the street frame."""
    rng = np.random.default_rng(street.seed)
    mesh = MeshBuilder()
    for x, y, height in street.trees:
        leaf = (rng.uniform(0.10, 0.25), rng.uniform(0.32, 0.5), rng.uniform(0.2, 0.5))
        mesh.add(post(x, y, (0, height * 0.5), (0.14, 0.10)), (0.16, 0.24, 0.32))
        _crown(mesh, rng, x, y, height, leaf)
    for x, y in street.lamps:
        reach = -np.sign(y) * 1.6
        mesh.add(post(x, y, (0, 6.0), (0.09, 0.06)), DARK_METAL)
        mesh.add(
            block((x - 0.06, x + 0.06), tuple(sorted((y, y + reach))), (5.9, 6.02)), DARK_METAL
        )
        head = sorted((y + reach * 0.65, y + reach))
        mesh.decal(
            np.array(
                [
                    (x + 0.14, head[0], 5.88),
                    (x - 0.14, head[0], 5.88),
                    (x - 0.14, head[1], 5.88),
                    (x + 0.14, head[1], 5.88),
                ]
            ),
            (0.75, 0.92, 1.0),
            1.0,
        )
    return mesh.build()


def _crown(
    mesh: MeshBuilder, rng: np.random.Generator, x: float, y: float, height: float, leaf: Colour
) -> None:
    """Several clumps of leaves of different brightness."""
    wide = 0.24 * height
    for clump in range(7):
        dx, dy = rng.uniform(-0.75, 0.75, 2) * wide * (clump > 0)
        low = height * (0.4 if clump == 0 else rng.uniform(0.36, 0.72))
        size = wide * (0.8 if clump == 0 else rng.uniform(0.4, 0.65))
        tall = min(size * 1.7, height - low)
        colour = darker(leaf, rng.uniform(0.7, 1.25))
        mesh.add(
            post(x + dx, y + dy, (low, low + 0.45 * tall), (size * 0.5, size)), darker(colour, 0.75)
        )
        mesh.add(post(x + dx, y + dy, (low + 0.45 * tall, low + tall), (size, size * 0.4)), colour)
