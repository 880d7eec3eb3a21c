"""The shapes of the five large classes: car, truck, bus, trailer, construction vehicle.

Every builder fills the box of (length, width, height); all parts lie inside it, and front and rear
differ.
"""

import numpy as np

from drivetr.data.synth.mesh import (
    FRONT,
    LEFT,
    REAR,
    RIGHT,
    TOP,
    Colour,
    Mesh,
    MeshBuilder,
    beam,
    block,
    wheel,
)
from drivetr.data.synth.paint import (
    AMBER,
    DARK_METAL,
    GLASS,
    HEADLIGHT,
    METAL,
    RUBBER,
    TAIL_LIGHT,
    WHITE,
    contrast,
    darker,
    paint,
)

Size = tuple[float, float, float]  # length, width, height
_SKIN = 0.015  # how far decals stand off the body, metres


def _wheels(mesh: MeshBuilder, places: tuple[float, ...], width: float, radius: float) -> None:
    """Pairs of wheels with hubs at the given x, flush with the sides."""
    half = width / 2 - _SKIN
    for x in places:
        for side in (-1, 1):
            sides = (half - 0.22, half) if side > 0 else (-half, -half + 0.22)
            mesh.add(wheel(x, sides, radius, radius), RUBBER, solid=False)
            hub = wheel(
                x, (side * (half - 0.01), side * (half + _SKIN * 0.8)), radius, radius * 0.55
            )
            mesh.add(
                hub
                if side > 0
                else wheel(x, (hub.upper[0, 1], hub.lower[0, 1]), radius, radius * 0.55),
                METAL,
                solid=False,
            )


def _lamps(mesh: MeshBuilder, size: Size, z: tuple[float, float], inset: float = 0.0) -> None:
    """White lamps in front, red ones behind, a number plate at both ends."""
    length, width, _ = size
    x, half = length / 2 - inset, width / 2 - 0.06
    for side in (-1, 1):
        outer, inner = side * half, side * half * 0.62
        mesh.decal_x(x, (outer, inner), z, HEADLIGHT, 1.0)
        mesh.decal_x(-x, (outer, inner), z, TAIL_LIGHT, 0.7)
    low = z[0] - 0.2
    for end in (x, -x):
        mesh.decal_x(end, (-0.26, 0.26), (low, low + 0.13), WHITE)


def car(size: Size, rng: np.random.Generator) -> Mesh:
    """Saloon, estate, hatchback or van: bonnet, slanted cabin, lamps, wheels."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    half, side, floor, belt = length / 2 - _SKIN, width / 2 - _SKIN, 0.16 * height, 0.58 * height
    mesh.add(block((-half, half), (-side, side), (floor, belt), (0.06, 0.1, 0.05, 0.05)), colour)
    kind = rng.integers(4)
    rear = (-0.36, -0.49, -0.46, -0.49)[kind] * length
    front = (0.22, 0.20, 0.24, 0.36)[kind] * length
    slope = ((0.10, 0.16), (0.03, 0.15), (0.09, 0.16), (0.02, 0.12))[kind]
    top = (slope[0] * length, slope[1] * length, 0.14, 0.14)
    glass = {FRONT: GLASS, LEFT: GLASS, RIGHT: GLASS, REAR: GLASS}
    cabin = block((rear, front), (-side + 0.05, side - 0.05), (belt, height), top)
    mesh.add(cabin, darker(colour, 0.95), faces=glass)
    for y in (-side + 0.03, side - 0.03):  # door pillars stand out of the glass
        x = (rear + front) / 2
        mesh.add(
            beam((x, y * 0.985, belt), (x, y * 0.88, height - 0.02), 0.07, 0.1), colour, solid=False
        )
        mesh.decal_y(
            y + np.sign(y) * 0.035, (x - 0.02, x + 0.02), (floor + 0.1, belt), darker(colour, 0.5)
        )
    _wheels(mesh, (-0.31 * length, 0.31 * length), width, 0.21 * height)
    _lamps(mesh, size, (0.40 * height, 0.51 * height))
    mesh.decal_x(length / 2, (-0.4, 0.4), (0.36 * height, 0.48 * height), DARK_METAL)
    return mesh.build()


def truck(size: Size, rng: np.random.Generator) -> Mesh:
    """A cab with a windscreen before a box, a tipper or a tarpaulin."""
    length, width, height = size
    mesh, cab, load = MeshBuilder(), paint(rng), paint(rng)
    half, side, deck = length / 2 - _SKIN, width / 2 - _SKIN, 0.30 * height
    seam = half - max(1.6, 0.25 * length)
    cab_top = height * rng.uniform(0.78, 0.95)
    mesh.add(block((-half, half), (-side * 0.75, side * 0.75), (0.13 * height, deck)), DARK_METAL)
    faces = {FRONT: darker(cab, 0.95)}
    mesh.add(
        block((seam, half), (-side, side), (0.16 * height, cab_top), (0, 0.12, 0.04, 0.04)),
        cab,
        faces,
    )
    window = (0.52 * cab_top, 0.88 * cab_top)
    mesh.decal_x(half + _SKIN, (-side * 0.88, side * 0.88), window, GLASS)
    mesh.decal_x(
        half + _SKIN, (-side * 0.6, side * 0.6), (0.27 * cab_top, 0.42 * cab_top), DARK_METAL
    )
    for y in (-side - _SKIN, side + _SKIN):
        mesh.decal_y(y, (seam + 0.45, half - 0.12), window, GLASS)
    rear = (-half, seam - 0.18)
    if rng.random() < 0.65:
        mesh.add(block(rear, (-side, side), (deck, height)), load, {TOP: darker(load, 1.05)})
        for y in (-side - _SKIN, side + _SKIN):  # a band with the name of the firm
            mesh.decal_y(
                y,
                (rear[0] * 0.8, rear[1] - 0.5),
                (0.5 * height, 0.72 * height),
                contrast(rng, load),
            )
    else:
        mesh.add(block(rear, (-side, side), (deck, 0.62 * height), (0, 0, 0, 0)), load)
        mesh.add(
            block(
                (rear[0] + 0.3, rear[1] - 0.2),
                (-side * 0.85, side * 0.85),
                (0.62 * height, height),
                (0.9, 0.5, 0.6, 0.6),
            ),
            darker(contrast(rng, load), 0.8),
        )
    mesh.decal_x(-half - _SKIN, (-0.02, 0.02), (deck, 0.6 * height), darker(load, 0.4))
    _wheels(mesh, (seam + 0.75, -0.18 * length, -0.32 * length), width, 0.15 * height)
    _lamps(mesh, size, (0.19 * height, 0.26 * height))
    return mesh.build()


def bus(size: Size, rng: np.random.Generator) -> Mesh:
    """One long body with a band of windows, doors on the right and a large windscreen."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    half, side, roof = length / 2 - _SKIN, width / 2 - _SKIN, height * 0.93
    mesh.add(
        block((-half, half), (-side, side), (0.10 * height, roof), (0, 0.05, 0.06, 0.06)), colour
    )
    mesh.add(
        block((-0.2 * length, 0.1 * length), (-side * 0.6, side * 0.6), (roof, height)),
        darker(colour, 0.8),
    )
    band, skin = (0.42 * height, 0.76 * height), side + _SKIN
    panes = max(4, round(length / 1.7))
    edges = np.linspace(-half + 0.3, half - 1.6, panes + 1)
    stripe = contrast(rng, colour)
    for y in (-skin, skin):
        for left, right in zip(edges[:-1], edges[1:], strict=True):
            mesh.decal_y(y, (left + 0.07, right - 0.07), band, GLASS, 0.25)
        mesh.decal_y(y, (-half, half), (0.24 * height, 0.31 * height), stripe)
        mesh.decal_y(
            y,
            (half - 1.35, half - 0.25),
            (0.16 * height if y < 0 else band[0], band[1]),
            GLASS,
            0.25,
        )
    mesh.decal_y(-skin, (-0.5, 0.7), (0.16 * height, 0.76 * height), GLASS, 0.25)
    mesh.decal_x(half + _SKIN, (-side * 0.92, side * 0.92), (0.34 * height, 0.74 * height), GLASS)
    mesh.decal_x(
        half + _SKIN, (-side * 0.6, side * 0.6), (0.79 * height, 0.89 * height), AMBER, 0.9
    )
    mesh.decal_x(-half - _SKIN, (-side * 0.7, side * 0.7), (0.52 * height, 0.76 * height), GLASS)
    mesh.decal_x(
        -half - _SKIN,
        (-side * 0.7, side * 0.7),
        (0.22 * height, 0.42 * height),
        darker(colour, 0.5),
    )
    _wheels(mesh, (0.31 * length, -0.27 * length), width, 0.15 * height)
    _lamps(mesh, size, (0.17 * height, 0.24 * height))
    return mesh.build()


def trailer(size: Size, rng: np.random.Generator) -> Mesh:
    """A box on a chassis: axles at the rear, landing legs and a drawbar in front, no cab."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    half, side, deck = length / 2 - _SKIN, width / 2 - _SKIN, 0.31 * height
    nose = half - 0.9
    mesh.add(block((-half, nose), (-side * 0.45, side * 0.45), (0.22 * height, deck)), DARK_METAL)
    mesh.add(
        block((-half, nose), (-side, side), (deck, height)), colour, {FRONT: darker(colour, 0.8)}
    )
    for y in (-side * 0.5, side * 0.5):
        mesh.add(
            beam((nose - 0.2, y, 0.26 * height), (half - 0.05, 0, 0.2 * height), 0.12, 0.12), METAL
        )
        mesh.add(
            block(
                (0.22 * length, 0.22 * length + 0.14), (y - 0.07, y + 0.07), (0.0, 0.24 * height)
            ),
            METAL,
        )
    second = contrast(rng, colour)
    ribs = np.linspace(-half + 0.3, nose - 0.3, max(5, round(length / 1.1)))
    for y in (-side - _SKIN, side + _SKIN):
        for x in ribs:
            mesh.decal_y(y, (x - 0.04, x + 0.04), (deck + 0.1, height - 0.1), darker(colour, 0.7))
        mesh.decal_y(y, (-half, nose), (deck, deck + 0.12), second)
    mesh.decal_x(-half - _SKIN, (-0.03, 0.03), (deck, height - 0.05), darker(colour, 0.35))
    for y in (-0.25, 0.25):
        mesh.decal_x(-half - _SKIN, (y - 0.02, y + 0.02), (deck, height - 0.05), METAL)
    for y in (-side * 0.8, side * 0.8):
        mesh.decal_x(
            -half - _SKIN, (y - 0.15, y + 0.15), (deck - 0.16, deck - 0.02), TAIL_LIGHT, 0.7
        )
    _wheels(mesh, (-0.22 * length, -0.34 * length), width, 0.14 * height)
    return mesh.build()


def construction_vehicle(size: Size, rng: np.random.Generator) -> Mesh:
    """An excavator on tracks, or a wheel loader; the bucket is in front."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    half, side = length / 2, width / 2
    if rng.random() < 0.6:
        _excavator(mesh, half, side, height, colour)
    else:
        _loader(mesh, half, side, height, colour)
    return mesh.build()


def _excavator(mesh: MeshBuilder, half: float, side: float, height: float, colour: Colour) -> None:
    track = (-half * 0.95, half * 0.25)
    for y in ((-side, -side * 0.5), (side * 0.5, side)):
        mesh.add(block(track, y, (0.0, 0.12 * height), (-0.0, 0, 0, 0)), RUBBER)
        mesh.add(block(track, y, (0.12 * height, 0.24 * height), (0.3, 0.3, 0, 0)), DARK_METAL)
    mesh.add(
        block((-half, half * 0.15), (-side * 0.85, side * 0.85), (0.27 * height, 0.58 * height)),
        colour,
    )
    mesh.add(
        block((-half, -half * 0.6), (-side * 0.85, side * 0.85), (0.58 * height, 0.68 * height)),
        darker(colour, 0.6),
    )
    cabin = block(
        (-half * 0.35, half * 0.22),
        (side * 0.1, side * 0.85),
        (0.58 * height, 0.96 * height),
        (0.05, 0.2, 0.05, 0.05),
    )
    mesh.add(cabin, colour, {FRONT: GLASS, LEFT: GLASS, RIGHT: GLASS, REAR: GLASS})
    arm = darker(colour, 0.9)
    elbow = (half * 0.62, -side * 0.25, height * 0.9)
    wrist = (half * 0.78, -side * 0.25, height * 0.28)
    mesh.add(beam((half * 0.05, -side * 0.25, height * 0.5), elbow, 0.3, 0.32), arm)
    mesh.add(beam(elbow, wrist, 0.24, 0.26), arm)
    bucket = block(
        (half * 0.6, half),
        (-side * 0.6, side * 0.1),
        (0.05 * height, 0.32 * height),
        (0.25, 0, 0, 0),
    )
    mesh.add(bucket, METAL)
    mesh.add(block((-0.15, 0.15), (side * 0.4, side * 0.6), (0.96 * height, height)), AMBER)


def _loader(mesh: MeshBuilder, half: float, side: float, height: float, colour: Colour) -> None:
    radius = 0.24 * height
    for x in (-half * 0.6, half * 0.22):
        for edge in ((-side, -side * 0.62), (side * 0.62, side)):
            mesh.add(wheel(x, (edge[0] + 0.02, edge[1] - 0.02), radius, radius), RUBBER)
            inner = (edge[0], edge[0] + 0.03) if edge[0] < 0 else (edge[1] - 0.03, edge[1])
            mesh.add(wheel(x, inner, radius, radius * 0.5), colour, solid=False)
    mesh.add(
        block(
            (-half, -half * 0.15),
            (-side * 0.62, side * 0.62),
            (0.28 * height, 0.62 * height),
            (0.1, 0, 0.05, 0.05),
        ),
        colour,
    )
    mesh.add(
        block(
            (-half * 0.15, half * 0.4), (-side * 0.45, side * 0.45), (0.22 * height, 0.48 * height)
        ),
        darker(colour, 0.85),
    )
    cabin = block(
        (-half * 0.32, half * 0.2),
        (-side * 0.55, side * 0.55),
        (0.5 * height, 0.97 * height),
        (0.1, 0.15, 0.08, 0.08),
    )
    mesh.add(cabin, colour, {FRONT: GLASS, LEFT: GLASS, RIGHT: GLASS, REAR: GLASS})
    for y in (-side * 0.4, side * 0.4):
        mesh.add(
            beam((half * 0.1, y, 0.52 * height), (half * 0.72, y, 0.2 * height), 0.16, 0.24),
            darker(colour, 0.9),
        )
    mesh.add(
        block(
            (half * 0.62, half), (-side, side), (0.04 * height, 0.34 * height), (0.0, 0.35, 0, 0)
        ),
        METAL,
    )
    mesh.add(block((-0.3, 0.0), (-0.12, 0.12), (0.97 * height, height)), AMBER)
