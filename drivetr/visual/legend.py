"""The legend: what lines, colours and arrows mean, and how many boxes of each class there are."""

from collections.abc import Callable

from drivetr.visual.canvas import draw_lines, draw_path, fill_polygon
from drivetr.visual.drawables import measured
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.layout import PageLayout
from drivetr.visual.palette import (
    ACCENT,
    MUTED,
    TEXT,
    BoxStyle,
    Colour,
    class_colour,
    prediction_style,
    truth_style,
    unmeasured_style,
)
from drivetr.visual.text import Canvas, draw_text, text_width

Swatch = Callable[[Canvas, float, float, float], None]  # canvas, left, middle, size


def draw_legend(page: Canvas, frame: ReplayFrame, layout: PageLayout) -> None:
    """Writes the legend of a frame below its cameras: a row of line styles and rows of classes."""
    left, top, right, bottom = layout.legend
    line = 1.75 * layout.font
    row = top + line / 2
    for swatches, indent in ((_styles(frame), 2.0), (_classes(frame), 1.3)):
        x, indent = float(left), indent * layout.font
        for swatch, words, count in swatches:
            width = indent + _words_width(words, count, layout.font)
            if x > left and x + width > right:
                x, row = float(left), row + line
            if row + line / 2 > bottom + 1:
                return
            swatch(page, x, row, layout.font)
            _draw_words(page, x + indent, row, words, count, layout.font)
            x += width + 1.2 * layout.font
        row += line * 1.15


def _words_width(words: str, count: str, font: int) -> float:
    number = text_width(count, font, True) + 0.5 * font if count else 0.0
    return text_width(words, font) + number


def _draw_words(page: Canvas, x: float, y: float, words: str, count: str, font: int) -> None:
    x += draw_text(page, (x, y), words, font, colour=TEXT if count else MUTED)
    if count:
        draw_text(page, (x + 0.5 * font, y), count, font, bold=True)


def _styles(frame: ReplayFrame) -> list[tuple[Swatch, str, str]]:
    entries: list[tuple[Swatch, str, str]] = []
    members = len(frame.predictions)
    if frame.truth is not None:
        style = truth_style(0, frame.classes, alone=members == 0)
        entries.append((_box_swatch(style), "truth", str(len(frame.truth))))
        unseen = measured(frame, frame.truth).count(False)
        if unseen:
            swatch = _box_swatch(unmeasured_style(style))
            entries.append((swatch, "of it without points", str(unseen)))
    for member, (name, found) in enumerate(frame.predictions.items()):
        style = prediction_style(0, frame.classes, member, members)
        entries.append((_box_swatch(style), name, str(len(found))))
    entries.append((_arrow_swatch, "velocity: way in 1 s", ""))
    if frame.path is not None:
        entries.append((_trail_swatch, "way of the car", ""))
    return entries


def _classes(frame: ReplayFrame) -> list[tuple[Swatch, str, str]]:
    if len(frame.predictions) > 1:  # colours tell the sets apart, not the classes
        return []
    shown = next(iter(frame.predictions.values()), frame.truth)
    labels = [] if shown is None else shown.labels.tolist()
    return [
        (
            _class_swatch(class_colour(name, i)),
            name.replace("_", " "),
            str(labels.count(i)) if i in labels else "",
        )
        for i, name in enumerate(frame.classes)
    ]


def _square(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    top, bottom = y - height / 2, y + height / 2
    return [(x, top), (x + width, top), (x + width, bottom), (x, bottom)]


def _box_swatch(style: BoxStyle) -> Swatch:
    def draw(page: Canvas, x: float, y: float, font: float) -> None:
        corners = _square(x, y, 1.4 * font, 0.8 * font)
        fill_polygon(page, corners, style.colour, style.body_alpha)
        draw_path(page, corners, style.colour, max(1, round(style.width * font / 15)), closed=True)

    return draw


def _class_swatch(colour: Colour) -> Swatch:
    def draw(page: Canvas, x: float, y: float, font: float) -> None:
        fill_polygon(page, _square(x, y, 0.85 * font, 0.85 * font), colour)

    return draw


def _arrow_swatch(page: Canvas, x: float, y: float, font: float) -> None:
    end = x + 1.4 * font
    draw_lines(page, [[(x, y), (end - 0.3 * font, y)]], MUTED)
    fill_polygon(
        page,
        [(end, y), (end - 0.45 * font, y - 0.2 * font), (end - 0.45 * font, y + 0.2 * font)],
        MUTED,
    )


def _trail_swatch(page: Canvas, x: float, y: float, font: float) -> None:
    draw_lines(page, [[(x, y), (x + 1.4 * font, y)]], ACCENT, 2)
