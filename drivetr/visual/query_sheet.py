"""A sheet of stories: for each prediction where its query looked, what counted, where it went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drivetr.geometry.boxes import CENTER
from drivetr.visual.attention_sheet import glow, resize_map
from drivetr.visual.bev import BevScale, draw_bev
from drivetr.visual.camera_view import draw_camera
from drivetr.visual.canvas import blank, draw_circle, draw_path, resize
from drivetr.visual.drawables import Drawable, drawables
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.layout import ring_rows, viewing_azimuths
from drivetr.visual.page import camera_title
from drivetr.visual.palette import ACCENT, INK, MUTED, PAGE
from drivetr.visual.recording import AttentionMap, QueryStory
from drivetr.visual.share_table import ShareTable, draw_shares
from drivetr.visual.text import Canvas, draw_text, fit_text

_WIDTH, _MARGIN, _GAP, _FONT = 1800, 18, 6, 14
_TABLE, _ABOVE, _TITLE, _LEGEND = 320, 310, 36, 62
_REACH_M = (8.0, 60.0)  # least and most metres that the view from above reaches

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class PastImages:
    """The earlier images of a frame's cameras, for detectors that look at these too.

    Attributes:
        images: RGB (H, W, 3), one a camera of the frame; None where it is missing.
    """

    images: tuple[Image | None, ...]


def query_sheet(
    frame: ReplayFrame,
    stories: Sequence[QueryStory],
    layer: int = -1,
    head: int = -1,
    past: PastImages | None = None,
) -> Canvas:
    """One block for each story: the cameras under heat, the view from above, the shares.

    In all cameras of a block the same colour means the same weight.

    Args:
        frame: with one set of predictions, the one that the stories tell of.
        stories: at least one.
        layer: whose map is drawn, from 0; -1 for the mean of all.
        head: likewise.
        past: of the cameras, to be drawn below those of now.

    Raises:
        ValueError: a story has no map of this layer and head.
    """
    blocks = [_block(frame, story, layer, head, past) for story in stories]
    height = _LEGEND + sum(block.shape[0] + 2 * _GAP for block in blocks) + _MARGIN
    sheet = blank(height, _WIDTH, PAGE)
    _draw_header(sheet, frame)
    top = _LEGEND
    for block in blocks:
        sheet[top : top + block.shape[0], _MARGIN : _WIDTH - _MARGIN] = block
        top += block.shape[0] + 2 * _GAP
    return sheet


def _draw_header(sheet: Canvas, frame: ReplayFrame) -> None:
    told = _MARGIN + draw_text(sheet, (_MARGIN, 22), frame.scene, _FONT + 5, bold=True) + _FONT
    words = fit_text(frame.subtitle, _FONT, _WIDTH - told - _MARGIN)
    draw_text(sheet, (told, 22), words, _FONT, colour=MUTED)
    legend = (
        "Cameras: bright where the query looked, % of all its weight. From above: ring = where the"
        " query started, dots = the box after each layer, white = truth."
    )
    draw_text(sheet, (_MARGIN, 46), legend, _FONT - 1, colour=MUTED)


def _block(
    frame: ReplayFrame, story: QueryStory, layer: int, head: int, past: PastImages | None
) -> Canvas:
    """The picture of one story."""
    ((name, found),) = frame.predictions.items()
    alone = replace(frame, predictions={name: found[story.row : story.row + 1]})
    boxes = drawables(alone)
    width = _WIDTH - 2 * _MARGIN
    across = width - _TABLE - _ABOVE - 4 * _GAP
    maps = [_map_of(story.attention, layer, head)]
    images = [frame.images]
    if past is not None:
        maps.append(_map_of(story.past_attention, layer, head))
        images.append(past.images)
    peak = max(float(one.max()) for one in maps)
    rings = [
        _cameras(replace(frame, images=shown), boxes[-1:], one, peak, across, when)
        for shown, one, when in zip(images, maps, ("", " before"), strict=False)
    ]
    tall = sum(ring.shape[0] + _GAP for ring in rings) - _GAP
    block = blank(_TITLE + max(tall, _ABOVE), width, PAGE)
    _draw_title(block, story, boxes[-1], layer, head)
    top = _TITLE
    for ring in rings:
        block[top : top + ring.shape[0], :across] = ring
        top += ring.shape[0] + _GAP
    left = across + 2 * _GAP
    view = slice(_TITLE, _TITLE + _ABOVE)
    block[view, left : left + _ABOVE] = _from_above(alone, boxes, story, _ABOVE)
    _draw_table(block[view, left + _ABOVE + 2 * _GAP :], frame, story)
    return block


def _map_of(maps: Sequence[AttentionMap], layer: int, head: int) -> NDArray[np.float32]:
    for one in maps:
        if (one.layer, one.head) == (layer, head):
            values: NDArray[np.float32] = one.maps.float().numpy()
            return values
    raise ValueError(f"the story has no map of layer {layer} and head {head}")


def _draw_title(block: Canvas, story: QueryStory, box: Drawable, layer: int, head: int) -> None:
    away = float(np.hypot(*box.box[CENTER][:2]))
    heads = "mean of heads" if head < 0 else f"head {head}"
    layers = "mean of layers" if layer < 0 else f"layer {layer} of 0 to {len(story.path) - 2}"
    words = f"query {story.query}    {away:.1f} m away    {layers}, {heads}"
    end = draw_text(block, (0, _TITLE / 2), box.text, _FONT + 3, colour=box.style.colour, bold=True)
    draw_text(block, (end + 2 * _FONT, _TITLE / 2), words, _FONT, colour=MUTED)


def _ring(frame: ReplayFrame) -> list[list[int]]:
    """Rows of the frame's cameras as they stand around the car."""
    projections = frame.cameras.img_from_lidar.double().numpy()
    azimuths = viewing_azimuths(projections, frame.ego_from_lidar.double().numpy())
    return ring_rows(azimuths.tolist())


def _draw_table(canvas: Canvas, frame: ReplayFrame, story: QueryStory) -> None:
    """The cameras' shares in the order of the pictures, and how far each layer moved the box."""
    order = [camera for row in _ring(frame) for camera in row]
    names = [camera_title(frame.camera_names[camera]) for camera in order]
    shares = story.camera_shares[:, order].double().numpy()
    past = None if story.past_shares is None else story.past_shares[:, order].double().numpy()
    steps = (story.path[1:] - story.path[:-1]).double().norm(dim=-1).tolist()
    draw_shares(canvas, ShareTable(names, shares, past, steps), _FONT - 1)


def _cameras(
    frame: ReplayFrame,
    boxes: Sequence[Drawable],
    maps: NDArray[np.float32],
    peak: float,
    width: int,
    when: str,
) -> Canvas:
    """The cameras as they stand around the car, each under its heat."""
    projections = frame.cameras.img_from_lidar.double().numpy()
    rows = _ring(frame)
    columns = max(len(row) for row in rows)
    sizes = frame.cameras.image_size.double().numpy()
    cell_w = (width - (columns - 1) * _GAP) // columns
    cell_h = round(cell_w * float(np.median(sizes[:, 0] / sizes[:, 1])))
    ring = blank(len(rows) * (cell_h + _GAP) - _GAP, width, PAGE)
    for r, row in enumerate(rows):
        for c, camera in enumerate(row):
            title = f"{camera_title(frame.camera_names[camera])}{when}  {maps[camera].sum():.0%}"
            heated = _heated(frame.images[camera], maps[camera], peak, (cell_h, cell_w))
            scale = np.diag([cell_w / sizes[camera, 1], cell_h / sizes[camera, 0], 1.0, 1.0])
            shown = () if when else boxes  # the object stood elsewhere before
            panel = draw_camera(
                heated, scale @ projections[camera], shown, (cell_h, cell_w), title, _FONT - 2
            )
            top, left = r * (cell_h + _GAP), c * (cell_w + _GAP)
            ring[top : top + cell_h, left : left + cell_w] = panel
    return ring


def _heated(
    image: Image | None, weights: NDArray[np.float32], peak: float, size: tuple[int, int]
) -> Image | None:
    if image is None:
        return None
    heat = resize_map(weights, size)
    return glow(resize(image, *size), heat / peak if peak > 0 else heat)


def _from_above(
    frame: ReplayFrame, boxes: Sequence[Drawable], story: QueryStory, side: int
) -> Canvas:
    """The ground around the car with truth, the box and the way of its reference point."""
    ego_from_lidar = frame.ego_from_lidar.double().numpy()
    way = story.path.double().numpy() @ ego_from_lidar[:3, :3].T + ego_from_lidar[:3, 3]
    reach = float(np.clip(1.2 * np.abs(way[:, :2]).max() + 2, *_REACH_M))
    canvas = draw_bev(frame, boxes, (side, side), reach, _FONT - 2)
    stops = BevScale(side, side, reach).pixels(way[:, :2])
    draw_path(canvas, stops, INK, 4)
    draw_path(canvas, stops, ACCENT, 2)
    draw_circle(canvas, (stops[0, 0], stops[0, 1]), 6, ACCENT, 2)
    for stop in stops[1:]:
        draw_circle(canvas, (stop[0], stop[1]), 3, ACCENT, -1)
    return canvas
