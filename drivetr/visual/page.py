"""A whole picture of a replay: header, cameras, view from above, legend."""

from drivetr.visual.bev import draw_bev
from drivetr.visual.camera_view import draw_camera
from drivetr.visual.canvas import blank
from drivetr.visual.drawables import drawables
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.layout import PageLayout, Rect, lay_out
from drivetr.visual.legend import draw_legend
from drivetr.visual.palette import ACCENT, MUTED, PAGE
from drivetr.visual.text import Canvas, draw_text, fit_text

DEFAULT_WIDTH = 1920


def render_frame(frame: ReplayFrame, width: int = DEFAULT_WIDTH, range_m: float = 50.0) -> Canvas:
    """The picture of a frame as RGB (H, W, 3), both sizes even.

    Pages of frames whose cameras agree in number, direction and aspect have the same size.

    Args:
        frame: what is shown.
        width: of the page in pixels.
        range_m: how far the view from above reaches, in metres.
    """
    layout = lay_out(frame, width)
    page = blank(layout.height, layout.width, PAGE)
    boxes = drawables(frame)
    projections = frame.cameras.img_from_lidar.double().numpy()
    valid = frame.cameras.valid.tolist()
    for i, cell in enumerate(layout.cameras):
        image = frame.images[i] if valid[i] else None
        title = camera_title(frame.camera_names[i])
        size = (cell[3] - cell[1], cell[2] - cell[0])
        _paste(
            page,
            cell,
            draw_camera(image, projections[i], boxes, size, title, max(9, layout.font - 2)),
        )
    size = (layout.bev[3] - layout.bev[1], layout.bev[2] - layout.bev[0])
    _paste(page, layout.bev, draw_bev(frame, boxes, size, range_m, layout.font))
    _draw_header(page, frame, layout)
    draw_legend(page, frame, layout)
    return page


def camera_title(channel: str) -> str:
    """A readable name: `CAM_FRONT_LEFT` becomes `FRONT LEFT`."""
    return channel.removeprefix("CAM_").replace("_", " ")


def _paste(page: Canvas, cell: Rect, panel: Canvas) -> None:
    page[cell[1] : cell[3], cell[0] : cell[2]] = panel


def _draw_header(page: Canvas, frame: ReplayFrame, layout: PageLayout) -> None:
    left, top, right, bottom = layout.header
    font, middle = layout.font, (top + bottom) / 2
    clock = f"{frame.time_s:.1f} s"
    count = f"frame {frame.number} / {frame.count}"
    x = right - draw_text(page, (right, middle), clock, font + 5, bold=True, anchor="r")
    x -= 1.6 * font
    x -= draw_text(page, (x, middle), count, font, colour=MUTED, anchor="r") + 1.6 * font
    if frame.score_threshold is not None:
        words = f"score ≥ {frame.score_threshold:.2f}"
        x -= draw_text(page, (x, middle), words, font, colour=MUTED, anchor="r") + 1.6 * font
    at = left + draw_text(page, (left, middle), frame.scene, font + 5, bold=True) + font
    if frame.note:
        note = fit_text(frame.note, font, x - at)
        at += draw_text(page, (at, middle), note, font, colour=ACCENT) + font
    subtitle = fit_text(frame.subtitle, font, max(0.0, x - at))
    draw_text(page, (at, middle), subtitle, font, colour=MUTED)
