"""Where the panels of a page go: cameras in ring order, the view from above to their right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.visual.frames import ReplayFrame

Rect = tuple[int, int, int, int]  # left, top, right, bottom in pixels

_MIN_BEV_SHARE = 0.25  # of the page's width
# Directions this near are one: the car turns between lidar and camera, panels must not swap.
_TIE = np.deg2rad(15)


@dataclass(frozen=True)
class PageLayout:
    """Rectangles of a page, in pixels.

    Attributes:
        width: of the page, even.
        height: of the page, even.
        font: size of plain text.
        header: title and time.
        cameras: one a camera, in the order of the frame's cameras.
        bev: view from above.
        legend: below the cameras.
    """

    width: int
    height: int
    font: int
    header: Rect
    cameras: tuple[Rect, ...]
    bev: Rect
    legend: Rect


def viewing_azimuths(
    img_from_lidar: NDArray[np.float64], ego_from_lidar: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Direction of each optical axis in ego: radians from forward, positive to the left.

    Args:
        img_from_lidar: (N, 4, 4); the third row is the depth, which grows along the optical axis.
        ego_from_lidar: (4, 4).
    """
    axes = img_from_lidar[:, 2, :3] @ ego_from_lidar[:3, :3].T
    return np.asarray(np.arctan2(axes[:, 1], axes[:, 0]), dtype=np.float64)


def ring_rows(azimuths: Sequence[float]) -> list[list[int]]:
    """Rows of cameras as somebody in the car would lay them out.

    Cameras to the front stand in the first row from left to right, those to the back in the second
    one with the left side of the car at the left: front left, front, front right / back left, back,
    back right for six cameras around a car.
    """
    count = len(azimuths)
    by_angle = sorted(range(count), key=lambda i: (round(abs(azimuths[i]) / _TIE), i))
    if count > 3:
        ahead = by_angle[: (count + 1) // 2]
    else:
        ahead = [i for i in by_angle if abs(azimuths[i]) < np.pi / 2 + _TIE]
    behind = [i for i in by_angle if i not in ahead]
    rows = [
        sorted(ahead, key=lambda i: -azimuths[i]),
        sorted(behind, key=lambda i: azimuths[i] % (2 * np.pi)),
    ]
    return [row for row in rows if row]


def lay_out(frame: ReplayFrame, width: int) -> PageLayout:
    """The layout of a page for the cameras of a frame, `width` pixels wide."""
    azimuths = viewing_azimuths(
        frame.cameras.img_from_lidar.double().numpy(), frame.ego_from_lidar.double().numpy()
    )
    rows = ring_rows(azimuths.tolist())
    columns = max((len(row) for row in rows), default=1)
    sizes = frame.cameras.image_size.double().numpy().reshape(-1, 2)
    aspect = float(np.median(sizes[:, 0] / sizes[:, 1])) if len(sizes) else 9 / 16
    width -= width % 2
    font = max(9, round(width / 130))
    margin, gap = round(1.4 * font), max(3, round(0.5 * font))
    header, legend = round(3.1 * font), round(5.6 * font)
    inner = width - 2 * margin - 2 * gap - (columns - 1) * gap
    # The view from above is a square as high as the cameras and the legend below them together.
    fixed = (len(rows) - 1) * gap + legend + margin
    bev = (len(rows) * aspect * inner + columns * fixed) / (columns + len(rows) * aspect)
    bev = round(max(bev, _MIN_BEV_SHARE * width))
    cell_w = (inner - bev) // columns
    cell_h = round(cell_w * aspect)
    height = header + bev + 2 * margin
    height += height % 2
    cells: dict[int, Rect] = {}
    for r, row in enumerate(rows):
        indent = (columns - len(row)) * (cell_w + gap) // 2
        for c, camera in enumerate(row):
            left = margin + indent + c * (cell_w + gap)
            top = margin + header + r * (cell_h + gap)
            cells[camera] = (left, top, left + cell_w, top + cell_h)
    left_end = margin + columns * cell_w + (columns - 1) * gap
    below = margin + header + len(rows) * cell_h + (len(rows) - 1) * gap + margin
    return PageLayout(
        width=width,
        height=height,
        font=font,
        header=(margin, margin // 2, width - margin, margin // 2 + header),
        cameras=tuple(cells[i] for i in range(len(azimuths))),
        bev=(width - margin - bev, margin + header, width - margin, margin + header + bev),
        legend=(margin, below, left_end, margin + header + bev),
    )
