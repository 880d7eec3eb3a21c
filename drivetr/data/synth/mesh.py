"""Convex parts: what every object and every piece of scenery is built from.

A part is a prismatoid: a lower and an upper polygon of n corners. It gives quads for the
rasteriser and planes for the lidar. Object frame: x forward, y left, z up, origin on the ground
below the box centre.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Colour = tuple[float, float, float]  # linear BGR in 0..1

RIGHT, FRONT, LEFT, REAR, TOP, BOTTOM = range(6)  # faces of a box
NO_TEXTURE = -1


@dataclass(frozen=True)
class Part:
    """A convex prismatoid; both rings run counter-clockwise seen from the upper ring's outside."""

    lower: Array  # (n, 3)
    upper: Array  # (n, 3)

    def quads(self) -> Array:
        """Faces (F, 4, 3), counter-clockwise from outside: n sides, upper cap, lower cap."""
        sides = np.stack(
            [self.lower, np.roll(self.lower, -1, 0), np.roll(self.upper, -1, 0), self.upper], axis=1
        )
        return np.concatenate([sides, _cap(self.upper), _cap(self.lower[::-1])])

    def planes(self) -> Array:
        """Half-spaces (F, 4): a point p is inside when n . p <= d for every row (n, d)."""
        quads = self.quads()
        normals = quad_normals(quads)
        keep = np.linalg.norm(normals, axis=1) > 0.5
        normals, corners = normals[keep], quads[keep].mean(axis=1)
        return np.column_stack([normals, np.einsum("fk,fk->f", normals, corners)])


def _cap(ring: Array) -> Array:
    """A convex ring of 4 or 8 corners as quads with the same winding."""
    if len(ring) == 4:
        return ring[None]
    return np.stack([ring[[0, 1, 2, 3]], ring[[0, 3, 4, 7]], ring[[4, 5, 6, 7]]])


def quad_normals(quads: Array) -> Array:
    """Unit normals (F, 3) from the diagonals; zero for a face without area."""
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 1e-9)


def block(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    top: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> Part:
    """An axis-aligned block; `top` pulls the upper face in by (rear, front, right, left) metres."""
    x0, x1, y0, y1 = x[0], x[1], y[0], y[1]
    lower = np.array([(x0, y0, z[0]), (x1, y0, z[0]), (x1, y1, z[0]), (x0, y1, z[0])], float)
    x0, x1, y0, y1 = x0 + top[0], x1 - top[1], y0 + top[2], y1 - top[3]
    upper = np.array([(x0, y0, z[1]), (x1, y0, z[1]), (x1, y1, z[1]), (x0, y1, z[1])], float)
    return Part(lower, upper)


def _octagon(radius: float) -> Array:
    angle = (np.arange(8) + 0.5) * np.pi / 4
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def post(
    x: float, y: float, z: tuple[float, float], radii: tuple[float, float], squash: float = 1.0
) -> Part:
    """An upright octagonal frustum; `squash` shortens it along x (a torso is wider than deep)."""
    rings = []
    for height, radius in zip(z, radii, strict=True):
        ring = _octagon(radius) * (squash, 1.0) + (x, y)
        rings.append(np.column_stack([ring, np.full(8, height)]))
    return Part(rings[0], rings[1])


def wheel(x: float, y: tuple[float, float], z: float, radius: float) -> Part:
    """An octagonal disc about the y axis."""
    ring = _octagon(radius)
    rings = [np.column_stack([x + ring[:, 1], np.full(8, side), z + ring[:, 0]]) for side in y]
    return Part(rings[0], rings[1])


def beam(start: Sequence[float], end: Sequence[float], width: float, depth: float) -> Part:
    """A square tube from `start` to `end`: `width` across y, `depth` in the plane of x and z."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    axis = (last - first) / max(float(np.linalg.norm(last - first)), 1e-9)
    side = np.cross(axis, (0.0, 1.0, 0.0))
    if np.linalg.norm(side) < 1e-6:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    across = np.cross(axis, side)
    ring = np.stack([-side * depth - across * width, side * depth - across * width])
    ring = np.concatenate([ring, -ring]) / 2
    return Part(first + ring, last + ring)


@dataclass(frozen=True)
class Mesh:
    """Quads with their looks, and the convex parts that a laser hits."""

    quads: Array  # (F, 4, 3) metres
    normals: Array  # (F, 3)
    colours: Array  # (F, 3) BGR in 0..1
    glow: Array  # (F,) 0 = lit by the sky, 1 = shines by itself
    textures: NDArray[np.int64]  # (F,) row of the texture table, -1 none
    convex: list[Array]  # planes (P, 4) of every solid part


@dataclass
class MeshBuilder:
    """Collects parts and decals."""

    quads: list[Array] = field(default_factory=list)
    colours: list[Colour] = field(default_factory=list)
    glow: list[float] = field(default_factory=list)
    textures: list[int] = field(default_factory=list)
    convex: list[Array] = field(default_factory=list)

    def add(
        self,
        part: Part,
        colour: Colour,
        faces: Mapping[int, Colour] | None = None,
        textures: Mapping[int, int] | None = None,
        solid: bool = True,
    ) -> None:
        """Adds a part; `faces` and `textures` change single faces by their number."""
        for number, quad in enumerate(part.quads()):
            self.quads.append(quad)
            self.colours.append((faces or {}).get(number, colour))
            self.textures.append((textures or {}).get(number, NO_TEXTURE))
            self.glow.append(0.0)
        if solid:
            self.convex.append(part.planes())

    def decal(
        self, quad: Array, colour: Colour, glow: float = 0.0, texture: int = NO_TEXTURE
    ) -> None:
        """Adds one flat quad without volume (a window, a lamp, a stripe)."""
        self.quads.append(np.asarray(quad, float))
        self.colours.append(colour)
        self.glow.append(glow)
        self.textures.append(texture)

    def decal_x(
        self,
        x: float,
        y: tuple[float, float],
        z: tuple[float, float],
        colour: Colour,
        glow: float = 0.0,
    ) -> None:
        """A decal that looks along +x where x > 0 and along -x where x < 0."""
        low, high = sorted(y)
        if x < 0:
            low, high = high, low
        quad = [(x, low, z[0]), (x, high, z[0]), (x, high, z[1]), (x, low, z[1])]
        self.decal(np.array(quad), colour, glow)

    def decal_y(
        self,
        y: float,
        x: tuple[float, float],
        z: tuple[float, float],
        colour: Colour,
        glow: float = 0.0,
    ) -> None:
        """A decal that looks along +y where y > 0 and along -y where y < 0."""
        low, high = sorted(x)
        if y > 0:
            low, high = high, low
        quad = [(low, y, z[0]), (high, y, z[0]), (high, y, z[1]), (low, y, z[1])]
        self.decal(np.array(quad), colour, glow)

    def build(self) -> Mesh:
        """The finished mesh; faces without area are dropped."""
        quads = np.array(self.quads, dtype=float).reshape(-1, 4, 3)
        normals = quad_normals(quads)
        keep = np.linalg.norm(normals, axis=1) > 0.5
        return Mesh(
            quads[keep],
            normals[keep],
            np.array(self.colours, float).reshape(-1, 3)[keep],
            np.array(self.glow, float)[keep],
            np.array(self.textures, dtype=np.int64)[keep],
            self.convex,
        )
