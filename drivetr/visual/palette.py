"""Colours and line styles: what is truth, what was predicted, and of which class.

Colours are RGB 0..255. The class colours were spread apart (a search in CIE Lab that began at Okabe
and Ito's set) under normal sight and under simulated protanopia, deuteranopia and tritanopia
(Machado et al. 2009), and all are light enough to read on a dark page.
"""

from dataclasses import dataclass

Colour = tuple[int, int, int]

PAGE: Colour = (15, 17, 21)
PANEL: Colour = (22, 25, 31)
HAIRLINE: Colour = (44, 49, 59)
GUIDE: Colour = (58, 65, 77)
ROAD: Colour = (42, 48, 58)
MUTED: Colour = (139, 147, 161)
TEXT: Colour = (232, 235, 240)
ACCENT: Colour = (255, 196, 61)
EGO: Colour = (214, 219, 228)
TRUTH: Colour = (244, 246, 250)
INK: Colour = (10, 11, 14)

CLASS_COLOURS: dict[str, Colour] = {
    "car": (81, 185, 252),
    "truck": (250, 139, 0),
    "construction_vehicle": (183, 153, 99),
    "bus": (255, 238, 39),
    "trailer": (140, 98, 235),
    "barrier": (178, 200, 166),
    "motorcycle": (226, 75, 37),
    "bicycle": (0, 150, 121),
    "pedestrian": (235, 147, 198),
    "traffic_cone": (181, 252, 153),
}
# For classes of other datasets, and to tell several sets of predictions apart.
OTHER_COLOURS: tuple[Colour, ...] = (
    (81, 185, 252),
    (250, 139, 0),
    (181, 252, 153),
    (235, 147, 198),
    (255, 238, 39),
)

# What became of a box; told apart as the class colours are: blue-green, orange-red, yellow, grey.
OUTCOME_COLOURS: dict[str, Colour] = {
    "hit": (46, 204, 162),
    "false": (255, 107, 61),
    "missed": (255, 221, 51),
    "ignored": (146, 152, 163),
}


@dataclass(frozen=True)
class BoxStyle:
    """How a box is drawn, on an image and from above.

    Attributes:
        colour: of the lines, RGB.
        width: of the lines, relative to the panel's hairline.
        front_alpha: opacity of the front face in images, which shows the heading.
        body_alpha: opacity of the footprint in the bird's-eye view.
    """

    colour: Colour
    width: float
    front_alpha: float
    body_alpha: float


def class_colour(name: str, index: int = 0) -> Colour:
    """The colour of a class; a name that nuScenes lacks gets one by its index."""
    return CLASS_COLOURS.get(name, OTHER_COLOURS[index % len(OTHER_COLOURS)])


def truth_style(label: int, classes: tuple[str, ...], alone: bool) -> BoxStyle:
    """Truth is an outline: neutral beside predictions, in the class colour where it is alone."""
    if alone:
        return BoxStyle(class_colour(classes[label], label), 1.5, 0.18, 0.16)
    return BoxStyle(TRUTH, 1.0, 0.0, 0.0)


def unmeasured_style(style: BoxStyle) -> BoxStyle:
    """The style of truth that no lidar point fell on: it steps back."""
    colour = mix(style.colour, PANEL, 0.55)
    return BoxStyle(colour, 1.0, style.front_alpha / 2, style.body_alpha / 2)


def prediction_style(
    label: int, classes: tuple[str, ...], member: int = 0, members: int = 1
) -> BoxStyle:
    """A prediction is solid: in the class colour, or in that of its set if there are several."""
    if members == 1:
        colour = class_colour(classes[label], label)
    else:
        colour = OTHER_COLOURS[member % len(OTHER_COLOURS)]
    return BoxStyle(colour, 1.6, 0.24, 0.42)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` of `other` stirred in."""
    r, g, b = (round(a * (1 - share) + c * share) for a, c in zip(colour, other, strict=True))
    return r, g, b
