"""Colours: one palette for every class, so that no class is told by its colour."""

import colorsys

import numpy as np

from drivetr.data.synth.mesh import Colour, Mesh

GLASS: Colour = (0.20, 0.17, 0.14)
RUBBER: Colour = (0.09, 0.09, 0.09)
METAL: Colour = (0.50, 0.50, 0.50)
DARK_METAL: Colour = (0.22, 0.22, 0.23)
WHITE: Colour = (0.90, 0.92, 0.92)
HEADLIGHT: Colour = (0.80, 0.95, 1.00)
TAIL_LIGHT: Colour = (0.10, 0.08, 0.80)
AMBER: Colour = (0.10, 0.55, 0.95)
SKINS: tuple[Colour, ...] = (
    (0.55, 0.67, 0.85),
    (0.38, 0.52, 0.72),
    (0.25, 0.36, 0.53),
    (0.16, 0.22, 0.34),
)


def paint(rng: np.random.Generator) -> Colour:
    """A colour for a car body, a coat or a cone alike: a third greys, the rest any hue."""
    if rng.random() < 0.35:
        value = rng.uniform(0.12, 0.95)
        return (value, value * rng.uniform(0.97, 1.0), value * rng.uniform(0.95, 1.0))
    red, green, blue = colorsys.hsv_to_rgb(
        rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.95)
    )
    return (blue, green, red)


def contrast(rng: np.random.Generator, colour: Colour) -> Colour:
    """A second colour that stands out from the first by its brightness."""
    bright = sum(colour) / 3 > 0.45
    other = paint(rng)
    peak = max(other)
    wanted = rng.uniform(0.12, 0.3) if bright else rng.uniform(0.8, 0.98)
    return tuple(float(channel / peak * wanted) for channel in other)  # type: ignore[return-value]


def darker(colour: Colour, factor: float) -> Colour:
    """The colour times `factor`."""
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


# Upper end of each hue in degrees.
_HUES = (
    (14, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (200, "turquoise"), (255, "blue"),
    (290, "purple"), (345, "pink"), (360, "red"),
)  # fmt: skip


def colour_name(colour: Colour) -> str:
    """One English word for a colour: black, grey, white, or the name of its hue."""
    blue, green, red = (min(max(float(channel), 0.0), 1.0) for channel in colour)
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < 0.16:
        return "black"
    if saturation < 0.22:
        return "white" if value > 0.7 else "grey"
    name = next(name for end, name in _HUES if 360 * hue <= end)
    return "brown" if name in ("orange", "red") and value < 0.42 else name


def main_colour(mesh: Mesh) -> str:
    """The name that covers most of an object's surface."""
    diagonals = mesh.quads[:, 2] - mesh.quads[:, 0], mesh.quads[:, 3] - mesh.quads[:, 1]
    areas = np.linalg.norm(np.cross(*diagonals), axis=1) / 2
    covered: dict[str, float] = {}
    for colour, area in zip(mesh.colours.tolist(), areas.tolist(), strict=True):
        name = colour_name(tuple(colour))
        covered[name] = covered.get(name, 0.0) + area
    return max(covered, key=lambda name: covered[name])
