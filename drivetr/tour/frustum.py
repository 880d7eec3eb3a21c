"""The frusta of six cameras from above, and how alike their position encodings are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from drivetr.data.synth.rig import Rig, nuscenes_rig
from drivetr.geometry.camera import img_from_cam, project_points
from drivetr.geometry.frustum import cell_pixels, depth_bins, frustum_points
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.structures.cameras import Cameras
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import faint, graph, ink, line_colours, panels, picture
from drivetr.visual.page import camera_title

SIZE, STRIDE = (256, 704), 16
PLACE = (13.5, 7.0, 1.0)  # metres forward, left and up: the front left and front cameras see it
RING = (  # as one turns the head from left to right; the second row looks back
    "CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT",
    "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT",
)  # fmt: skip


def compute(settings: Settings) -> Data:
    """Frustum points and encodings of PETR's published sizes, with weights of the seed."""
    torch.manual_seed(settings.seed)
    encoding = FrustumPositionEncoding().eval()
    return as_data(look(encoding, cameras_of(nuscenes_rig(*SIZE))), digits=4)


def cameras_of(rig: Rig) -> Cameras:
    """The cameras of a rig in the frame of the car, in the order of RING, as a batch of one."""
    found = {camera.name: camera for camera in rig.cameras}
    cameras = [found[name] for name in RING]
    matrices = [
        img_from_cam(torch.from_numpy(camera.intrinsic))
        @ torch.from_numpy(np.linalg.inv(camera.ego_from_cam))
        for camera in cameras
    ]
    return Cameras(
        img_from_lidar=torch.stack(matrices)[None],
        image_size=torch.tensor([[(camera.height, camera.width) for camera in cameras]]),
        pad_size=SIZE,
        valid=torch.ones(1, len(cameras), dtype=torch.bool),
    )


@torch.no_grad()
def look(encoding: FrustumPositionEncoding, cameras: Cameras) -> dict[str, Any]:
    """What the figures show: points on the cameras' horizon rows, depths, likeness of cells.

    The likeness of a cell is the cosine of its 3D encoding and that of the cell which the place
    falls into, in the camera that has it nearest to its middle. The mean of all cells was taken
    off before.
    """
    grid = (SIZE[0] // STRIDE, SIZE[1] // STRIDE)
    uv, depth = project_points(cameras.img_from_lidar[0], torch.tensor([[PLACE]]).double())
    cells = (uv[:, 0] / STRIDE).floor().long()  # N 2: column, row
    inside = (depth[:, 0] > 0) & (cells >= 0).all(-1) & (cells < torch.tensor(grid[::-1])).all(-1)
    off = (uv[:, 0, 0] - SIZE[1] / 2).abs().masked_fill(~inside, torch.inf)
    asked = int(off.argmin())
    logits = encoding.frustum_logits(grid, cameras)[0]  # N 3D H W
    codes = encoding.position_encoder(logits).movedim(1, -1)  # N H W E
    codes = torch.nn.functional.normalize(codes - codes.mean((0, 1, 2)), dim=-1)
    column, row = cells[asked]
    depths = encoding.depths
    horizon = cell_pixels(grid, SIZE, offset=0.0)[grid[0] // 2 : grid[0] // 2 + 1, ::4]
    points = frustum_points(cameras.lidar_from_img[0].float(), horizon, depths[::3])
    return {
        "cameras": RING,
        "points": points[:, 0, :, :, :2],  # N columns depths 2
        "depths": depths,
        "uniform": depth_bins(len(depths), 1.0, encoding.position_range[3], False),
        "place": PLACE,
        "asked": asked,
        "cells": [cells[i].tolist() if inside[i] else None for i in range(len(cells))],
        "likeness": codes @ codes[asked, row, column],
    }


def draw(data: Data) -> Mapping[str, Figure]:
    """From above, and camera by camera."""
    return {"frustum-points": _draw_points(data), "frustum-likeness": _draw_likeness(data)}


def _draw_points(data: Data) -> Figure:
    figure, axes = panels(1, 2, 5.4, width_ratios=[1.5, 1])
    plot = axes[0, 0]
    graph(plot, "Points behind one row of cells, from above", "left  ←  metres", "metres  →  ahead")
    for name, colour, points in zip(
        data["cameras"], line_colours(), np.array(data["points"]), strict=False
    ):
        x, y = points[..., 0].ravel(), points[..., 1].ravel()
        plot.plot(y, x, ".", ms=2.5, color=colour, label=camera_title(name))
    plot.plot(data["place"][1], data["place"][0], "*", ms=15, color=ink(), label="the place below")
    plot.set(xlim=(62, -62), ylim=(-62, 62), aspect="equal")
    key = plot.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    for dots in key.legend_handles[:-1]:
        dots.set_markersize(8)
    graph(axes[0, 1], "Depth of the points", "number of the point", "metres")
    axes[0, 1].plot(data["depths"], label="linearly increasing (PETR)")
    axes[0, 1].plot(data["uniform"], "--", label="uniform")
    axes[0, 1].legend()
    return figure


def _draw_likeness(data: Data) -> Figure:
    figure, axes = panels(2, 3, 3.3)
    likeness = np.array(data["likeness"])
    for number, plot in enumerate(axes.flat):
        title = camera_title(data["cameras"][number])
        shown = picture(plot, likeness[number], title, vmin=0, vmax=1, cmap="cividis")
        if data["cells"][number] is not None:
            column, row = data["cells"][number]
            style = "-" if number == data["asked"] else ":"
            frame = Rectangle((column - 1, row - 1), 2, 2, fill=False, ls=style, lw=2.2)
            frame.set_edgecolor("#d55e00")
            plot.add_patch(frame)
        for spine in plot.spines.values():
            spine.set_color(faint())
    figure.colorbar(
        shown, ax=axes.ravel().tolist(), shrink=0.9, extend="min", label="cosine (0 and less: dark)"
    )
    figure.suptitle("How alike the encoding of each cell is to that of the framed one")
    return figure


def tell(data: Data) -> list[Block]:
    """PETR's position embedding."""
    pairs = zip(data["cameras"], data["cells"], strict=True)
    seen = [camera_title(name) for name, cell in pairs if cell is not None]
    place = data["place"]
    depths = data["depths"]
    return [
        Text(
            "With one camera, a cell's row and column say where it is. With six they do not: the"
            " same row and column of two cameras look at different parts of the world. PETR gives"
            " every cell a place in the world instead. A cell does not know how far away the thing"
            f" is that it shows, so it takes {len(depths)} points along its viewing ray, from"
            f" {depths[0]:g} m to {depths[-1]:.0f} m, computed with the camera's calibration."
        ),
        Formula(
            "d_i = d_min + (d_max − d_min) · i (i + 1) / (D (D + 1)),   i = 0 … D − 1",
            "CaDDN, arXiv:2103.01100, used by PETR, arXiv:2203.05625, section 3.2",
        ),
        Picture(
            "frustum-points",
            "Left: every fourth cell of the row at the horizon, every third depth. The fields of"
            " view of neighbours overlap. Right: steps grow, since near things need finer ones.",
        ),
        Text(
            "The coordinates of these points go through a small network, and its output is added to"
            f" the cell's content. The place marked with a star ({place[0]:g} m ahead,"
            f" {place[1]:g} m to the left) is seen by {' and by '.join(seen)}. The figure"
            " compares the encoding of the solidly framed cell, which sees the place, with"
            " that of every other cell. The network here has its random weights of the start, so"
            " all that one sees is geometry: what looks along nearly the same ray is alike, across"
            " the border between two images too. Training begins with that knowledge."
        ),
        Picture(
            "frustum-likeness",
            "Solid frame: the cell that is asked about. Dotted: where the place falls in the other"
            " camera. Bright: alike. Straight edges within an image are"
            " where rays leave the range of 61.2 m that coordinates are written in.",
        ),
    ]


PART = Part("Many cameras: positions in the world", compute, draw, tell)
