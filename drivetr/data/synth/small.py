"""The shapes of the five small classes: pedestrian, bicycle, motorcycle, traffic cone, barrier."""

import math

import numpy as np

from drivetr.data.synth.mesh import Colour, Mesh, MeshBuilder, beam, block, post, wheel
from drivetr.data.synth.paint import (
    DARK_METAL,
    HEADLIGHT,
    METAL,
    RUBBER,
    SKINS,
    TAIL_LIGHT,
    contrast,
    darker,
    paint,
)

Size = tuple[float, float, float]  # length, width, height


def pedestrian(size: Size, rng: np.random.Generator, walking: bool) -> Mesh:
    """Legs in stride, torso, arms, head with a face in front; often a rucksack behind."""
    length, width, height = size
    mesh, coat, trousers = MeshBuilder(), paint(rng), paint(rng)
    skin, hair = SKINS[rng.integers(len(SKINS))], darker(paint(rng), 0.45)
    stride = (0.36 if walking else 0.08) * length * rng.choice([-1.0, 1.0])
    hip, neck, hand = 0.50 * height, 0.84 * height, 0.46 * height
    leg, arm = 0.085 * height, 0.055 * height
    for side in (-1, 1):
        y, foot = side * 0.16 * width, side * stride
        mesh.add(beam((0, y, hip), (foot, y, 0.04), leg, leg), trousers)
        toe = (foot - 0.06, min(foot + 0.17, length / 2))
        mesh.add(block(toe, (y - 0.05, y + 0.05), (0.0, 0.07)), darker(trousers, 0.4), solid=False)
        wrist = (-side * stride * 0.9, side * (width / 2 - arm / 2), hand)
        mesh.add(beam((0, side * 0.36 * width, 0.79 * height), wrist, arm, arm), darker(coat, 0.85))
    mesh.add(post(0, 0, (hip - 0.03, neck), (0.27 * width, 0.34 * width), 0.62), coat)
    mesh.add(post(0, 0, (neck, 0.97 * height), (0.062 * height, 0.055 * height)), skin)
    mesh.add(
        post(-0.012 * height, 0, (0.93 * height, height), (0.064 * height, 0.035 * height)),
        hair,
        solid=False,
    )
    back = -0.06 * height
    mesh.decal_x(back, (-0.05 * height, 0.05 * height), (0.85 * height, 0.95 * height), hair)
    if rng.random() < 0.5:
        pack = (-0.4 * length, -0.14 * width)
        mesh.add(
            block(pack, (-0.2 * width, 0.2 * width), (0.58 * height, 0.8 * height)),
            contrast(rng, coat),
        )
    return mesh.build()


def _ring(
    mesh: MeshBuilder, x: float, z: float, radius: float, tyre: float, colour: Colour
) -> None:
    """A wheel one can look through: eight flat segments, both sides."""
    angles = (np.arange(9) + 0.5) * math.pi / 4
    outer = np.column_stack([x + radius * np.cos(angles), np.zeros(9), z + radius * np.sin(angles)])
    inner = np.column_stack(
        [x + (radius - tyre) * np.cos(angles), np.zeros(9), z + (radius - tyre) * np.sin(angles)]
    )
    for i in range(8):
        quad = np.stack([outer[i], outer[i + 1], inner[i + 1], inner[i]])
        mesh.decal(quad, colour)
        mesh.decal(quad[::-1], colour)


def _rider(
    mesh: MeshBuilder,
    seat: tuple[float, float],
    grip: tuple[float, float],
    size: Size,
    rng: np.random.Generator,
) -> None:
    """Somebody who sits at (x, z) `seat` and holds (x, z) `grip`; head and helmet reach the top."""
    _, width, height = size
    coat, trousers = paint(rng), paint(rng)
    shoulder = (seat[0] + 0.28 * (grip[0] - seat[0]), 0.80 * height)
    mesh.add(
        beam((seat[0], 0, seat[1]), (shoulder[0], 0, shoulder[1]), min(0.38, 0.55 * width), 0.24),
        coat,
    )
    pedal = (seat[0] + 0.42 * (grip[0] - seat[0]), 0.18 * height)
    for side in (-1, 1):
        y = side * min(0.16, 0.3 * width)
        knee = (seat[0] + 0.6 * (grip[0] - seat[0]), y, seat[1] * 0.82)
        mesh.add(beam((seat[0], y, seat[1]), knee, 0.13, 0.14), trousers)
        mesh.add(beam(knee, (pedal[0], y, pedal[1]), 0.11, 0.11), trousers)
        mesh.add(
            beam(
                (shoulder[0], y * 1.25, shoulder[1] - 0.05),
                (grip[0], y * 1.35, grip[1]),
                0.08,
                0.08,
            ),
            coat,
        )
    head = shoulder[0] + 0.06
    mesh.add(
        post(head, 0, (0.84 * height, 0.93 * height), (0.10, 0.11)), SKINS[rng.integers(len(SKINS))]
    )
    mesh.add(post(head - 0.02, 0, (0.91 * height, height), (0.13, 0.08)), paint(rng))


def bicycle(size: Size, rng: np.random.Generator, rider: bool) -> Mesh:
    """Two see-through wheels, a frame of tubes, handlebar, saddle, and maybe a rider."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    radius = min(0.34, length * 0.2)
    rear, front = -length / 2 + radius, length / 2 - radius
    bar = min(height, 1.08) if rider else height
    for x in (rear, front):
        _ring(mesh, x, radius, radius, 0.075, RUBBER)
    crank, head, saddle = (
        (-0.06, 0, radius),
        (front - 0.16, 0, 0.78 * bar),
        (rear + 0.3, 0, 0.82 * bar),
    )
    for start, end in (
        (crank, head),
        (crank, saddle),
        (saddle, head),
        ((rear, 0, radius), crank),
        ((rear, 0, radius), saddle),
        (head, (front, 0, radius)),
    ):
        mesh.add(beam(start, end, 0.07, 0.07), colour)
    mesh.add(beam(head, (front - 0.22, 0, bar - 0.03), 0.05, 0.05), METAL, solid=False)
    mesh.add(
        block((front - 0.25, front - 0.17), (-width / 2, width / 2), (bar - 0.07, bar)), DARK_METAL
    )
    mesh.add(
        block((saddle[0] - 0.14, saddle[0] + 0.12), (-0.08, 0.08), (0.82 * bar, 0.88 * bar)),
        DARK_METAL,
    )
    mesh.decal_x(front - 0.12, (-0.06, 0.06), (0.7 * bar, 0.8 * bar), HEADLIGHT, 1.0)
    if rider:
        _rider(mesh, (saddle[0], 0.9 * bar), (front - 0.2, bar - 0.03), size, rng)
    return mesh.build()


def motorcycle(size: Size, rng: np.random.Generator, rider: bool) -> Mesh:
    """Fat wheels, engine, tank, seat, fork, lamp; and maybe a rider with a helmet."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    radius = min(0.33, length * 0.16)
    rear, front = -length / 2 + radius, length / 2 - radius
    bar = min(height, 1.12) if rider else height
    for x in (rear, front):
        mesh.add(wheel(x, (-0.08, 0.08), radius, radius), RUBBER)
        for y in (-0.085, 0.085):
            mesh.decal_y(y, (x - 0.12, x + 0.12), (radius - 0.12, radius + 0.12), METAL)
    mesh.add(
        block(
            (rear + 0.25, front - 0.35), (-0.16, 0.16), (0.24 * bar, 0.55 * bar), (0.1, 0.1, 0, 0)
        ),
        DARK_METAL,
    )
    mesh.add(
        block(
            (-0.1, front - 0.25), (-0.17, 0.17), (0.55 * bar, 0.82 * bar), (0.05, 0.2, 0.05, 0.05)
        ),
        colour,
    )
    mesh.add(
        block(
            (rear - 0.2, -0.05), (-0.15, 0.15), (0.58 * bar, 0.72 * bar), (0.0, 0.05, 0.03, 0.03)
        ),
        darker(colour, 0.5),
    )
    mesh.add(block((rear - 0.25, rear + 0.3), (-0.1, 0.1), (0.48 * bar, 0.6 * bar)), colour)
    mesh.add(beam((front - 0.3, 0, 0.88 * bar), (front, 0, radius), 0.14, 0.1), METAL)
    mesh.add(
        block((front - 0.42, front - 0.3), (-width / 2, width / 2), (0.9 * bar, 0.97 * bar)),
        DARK_METAL,
    )
    mesh.add(
        block(
            (front - 0.32, front - 0.1), (-0.16, 0.16), (0.72 * bar, bar), (0.1, 0.0, 0.03, 0.03)
        ),
        colour,
    )
    mesh.decal_x(front - 0.09, (-0.1, 0.1), (0.74 * bar, 0.88 * bar), HEADLIGHT, 1.0)
    mesh.decal_x(rear - 0.26, (-0.09, 0.09), (0.5 * bar, 0.58 * bar), TAIL_LIGHT, 0.7)
    if rider:
        _rider(mesh, (rear + 0.4, 0.75 * bar), (front - 0.36, 0.93 * bar), size, rng)
    return mesh.build()


def traffic_cone(size: Size, rng: np.random.Generator) -> Mesh:
    """A square foot and a tapering body with bright rings."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    band = contrast(rng, colour)
    foot = 0.06 * height
    mesh.add(
        block((-length / 2, length / 2), (-width / 2, width / 2), (0, foot)), darker(colour, 0.6)
    )
    wide, narrow = 0.40 * min(length, width), 0.09 * min(length, width)
    cuts = (foot, 0.38 * height, 0.55 * height, 0.68 * height, 0.82 * height, height)
    radii = [wide + (narrow - wide) * (cut - foot) / (height - foot) for cut in cuts]
    for number in range(5):
        shade = band if number % 2 else colour
        mesh.add(
            post(0, 0, (cuts[number], cuts[number + 1]), (radii[number], radii[number + 1])), shade
        )
    return mesh.build()


def barrier(size: Size, rng: np.random.Generator) -> Mesh:
    """A concrete profile or two planks on feet, striped; long across its heading."""
    length, width, height = size
    mesh, colour = MeshBuilder(), paint(rng)
    other, half, side = contrast(rng, colour), length / 2, width / 2
    if rng.random() < 0.5:
        mesh.add(
            block(
                (-half, half), (-side, side), (0, 0.3 * height), (half * 0.45, half * 0.45, 0, 0)
            ),
            colour,
        )
        thick = half * 0.55
        mesh.add(
            block(
                (-thick, thick),
                (-side, side),
                (0.3 * height, height),
                (thick * 0.35, thick * 0.35, 0, 0),
            ),
            colour,
        )
        _stripes(mesh, thick * 0.98, side, (0.55 * height, 0.85 * height), other)
        return mesh.build()
    thick = 0.06
    for y in (-side * 0.8, side * 0.8):
        mesh.add(block((-half, half), (y - 0.06, y + 0.06), (0, 0.08)), DARK_METAL)
        mesh.add(block((-0.04, 0.04), (y - 0.04, y + 0.04), (0.08, height)), METAL)
    for z in ((0.32 * height, 0.55 * height), (0.7 * height, 0.98 * height)):
        mesh.add(block((-thick, thick), (-side, side), z), colour)
        _stripes(mesh, thick + 0.012, side, z, other)
    return mesh.build()


def _stripes(
    mesh: MeshBuilder, x: float, side: float, z: tuple[float, float], colour: Colour
) -> None:
    """Slanted stripes on both faces."""
    count = max(3, round(side * 2 / 0.5))
    step, lean = side * 2 / count, 0.4 * (z[1] - z[0])
    for number in range(count):
        left = -side + number * step
        right = min(left + step * 0.5, side - lean)
        for end in (-1, 1):
            quad = np.array(
                [
                    (end * x, left, z[0]),
                    (end * x, right, z[0]),
                    (end * x, right + lean, z[1]),
                    (end * x, left + lean, z[1]),
                ]
            )
            mesh.decal(quad if end > 0 else quad[::-1], colour)
