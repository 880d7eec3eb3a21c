"""3D boxes on camera images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.geometry.boxes import BOX_EDGES
from drivetr.visual.canvas import blank, draw_lines, fill_polygon, fill_rect, resize
from drivetr.visual.clip import clip_polygon, clip_segments
from drivetr.visual.drawables import Drawable
from drivetr.visual.palette import HAIRLINE, INK, MUTED, PANEL, TEXT, Colour, mix
from drivetr.visual.text import Canvas, draw_text, text_width

Plate = tuple[int, int, int, int]  # left, top, right, bottom in pixels

OVERSAMPLE = 2  # lines are drawn on a finer canvas, so that their width need not be whole
FRONT_FACE = (0, 3, 7, 4)  # corners of `box_corners` on the side the object is heading to
_EDGES = np.array(BOX_EDGES)
_FULL_WIDTH_PX = 50.0  # of hairlines; a box that looks smaller is drawn with thinner lines
_MIN_LABEL_PX = 18.0  # a box that looks smaller than this has no text beside it


@dataclass(frozen=True)
class Seen:
    """A box as a camera sees it.

    Attributes:
        drawable: the box.
        depth: of its centre in metres.
        segments: (S, 2, 2) visible parts of its edges in pixels.
        front: (V, 2) visible part of its front face in pixels.
    """

    drawable: Drawable
    depth: float
    segments: NDArray[np.float64]
    front: NDArray[np.float64]

    @property
    def bounds(self) -> NDArray[np.float64]:
        """Left, top, right, bottom in pixels."""
        points = self.segments.reshape(-1, 2)
        return np.concatenate([points.min(axis=0), points.max(axis=0)])

    @property
    def extent(self) -> float:
        """The longer side of `bounds` in pixels."""
        left, top, right, bottom = self.bounds.tolist()
        return float(max(right - left, bottom - top))


def look_at(
    boxes: Sequence[Drawable], img_from_lidar: NDArray[np.float64], height: int, width: int
) -> list[Seen]:
    """The boxes of which a camera sees something, far ones first.

    Args:
        boxes: in the reference frame.
        img_from_lidar: (4, 4) projection in pixels of the canvas.
        height: of the canvas in pixels.
        width: of the canvas in pixels.
    """
    seen = []
    for drawable in boxes:
        corners = drawable.corners @ img_from_lidar[:3, :3].T + img_from_lidar[:3, 3]  # 8 3
        if not np.isfinite(corners).all():
            continue
        segments, visible = clip_segments(corners[_EDGES], height, width, margin=4.0)
        if visible.any():
            front = clip_polygon(corners[list(FRONT_FACE)], height, width, margin=4.0)
            depth = float(corners[:, 2].mean())
            seen.append(Seen(drawable, depth, segments[visible], front))
    return sorted(seen, key=lambda s: -s.depth)


def draw_seen(canvas: Canvas, seen: Sequence[Seen], hairline: float) -> None:
    """Draws boxes: a dark rim for bright streets, the tinted front face, the edges.

    Args:
        canvas: RGB image, changed in place.
        seen: from `look_at` with the size of this canvas.
        hairline: width of the thinnest line in pixels.
    """
    for box in seen:
        style = box.drawable.style
        slim = min(1.0, 0.45 + box.extent / (_FULL_WIDTH_PX * hairline))
        width = max(1, round(style.width * hairline * slim))
        rim = width + max(1, round(hairline * slim))
        draw_lines(canvas, box.segments, mix(style.colour, INK, 0.8), rim)
        fill_polygon(canvas, box.front, style.colour, style.front_alpha)
        draw_lines(canvas, box.segments, style.colour, width)


def draw_labels(canvas: Canvas, seen: Sequence[Seen], size: int, title_plate: Plate) -> None:
    """Writes the texts of boxes on small plates, near boxes first, none over another.

    Args:
        canvas: RGB image, changed in place.
        seen: from `look_at` with the size of this canvas.
        size: of the font in pixels.
        title_plate: where nothing may be written.
    """
    taken = [title_plate]
    for box in reversed(seen):
        if not box.drawable.text or box.extent < _MIN_LABEL_PX:
            continue
        plate = _label_plate(box, size, canvas.shape[0], canvas.shape[1])
        if any(_overlap(plate, other) for other in taken):
            continue
        taken.append(plate)
        fill_rect(canvas, plate, INK, 0.72)
        middle = (plate[1] + plate[3]) / 2
        draw_text(canvas, (plate[0] + 3, middle), box.drawable.text, size, colour=_text_on_ink(box))


def _label_plate(box: Seen, size: int, height: int, width: int) -> Plate:
    """Where a label stands: above the box, and inside the image."""
    left, top, right, _ = box.bounds.tolist()
    across, down = text_width(box.drawable.text, size) + 6, size + 4
    x = round(min(max((left + right - across) / 2, 0), max(0, width - across)))
    y = round(min(max(top - down - 1, 0), height - down))
    return x, y, x + across, y + down


def _overlap(a: Plate, b: Plate) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _text_on_ink(box: Seen) -> Colour:
    return mix(box.drawable.style.colour, TEXT, 0.35)


def draw_camera(
    image: Canvas | None,
    img_from_lidar: NDArray[np.float64],
    boxes: Sequence[Drawable],
    size: tuple[int, int],
    title: str,
    font: int,
) -> Canvas:
    """A panel with one camera: its image, the boxes in it and its name.

    Args:
        image: RGB; None draws a placeholder.
        img_from_lidar: (4, 4) projection in pixels of `image`.
        boxes: in the reference frame.
        size: height and width of the panel in pixels; the image keeps its aspect in it.
        title: written into the top-left corner.
        font: size of the labels in pixels.
    """
    panel = blank(*size, PANEL)
    if image is None:
        _draw_placeholder(panel, title, font)
        return panel
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(2, round(n * scale)) for n in image.shape[:2])
    fine = (height * OVERSAMPLE, width * OVERSAMPLE)
    canvas = resize(image, *fine)
    to_canvas = np.diag([fine[1] / image.shape[1], fine[0] / image.shape[0], 1.0, 1.0])
    seen = look_at(boxes, to_canvas @ img_from_lidar, *fine)
    draw_seen(canvas, seen, OVERSAMPLE * max(0.6, width / 520))
    canvas = resize(canvas, height, width)
    small = [Seen(s.drawable, s.depth, s.segments / OVERSAMPLE, s.front / OVERSAMPLE) for s in seen]
    draw_labels(canvas, small, font, _draw_title(canvas, title, font))
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    panel[top : top + height, left : left + width] = canvas
    return panel


def _draw_title(canvas: Canvas, title: str, font: int) -> Plate:
    plate = (0, 0, text_width(title, font, True) + 14, font + 9)
    fill_rect(canvas, plate, INK, 0.72)
    draw_text(canvas, (7, (font + 9) / 2), title, font, bold=True)
    return plate


def _draw_placeholder(panel: Canvas, title: str, font: int) -> None:
    height, width = panel.shape[:2]
    step = max(12, width // 24)
    slants = [((x, height), (x + height, 0)) for x in range(-height, width, step)]
    draw_lines(panel, slants, mix(HAIRLINE, PANEL, 0.5))
    fill_rect(
        panel,
        (
            width / 2 - 5.5 * font,
            height / 2 - font * 1.4,
            width / 2 + 5.5 * font,
            height / 2 + font * 1.4,
        ),
        PANEL,
    )
    draw_text(panel, (width / 2, height / 2), "no image", font + 2, colour=MUTED, anchor="m")
    _draw_title(panel, title, font)
