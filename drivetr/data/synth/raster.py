"""The rasteriser: textured, shaded quads into a colour, a depth and an owner buffer.

Depth is kept as 1/z, which is linear over the image plane of a flat face, so the test is exact per pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
NEAR = 0.12  # metres before the camera that are cut away
_SHIFT = 4  # fractional bits of polygon corners
_STIPPLE = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16.0


@dataclass(frozen=True)
class Faces:
    """Faces to draw, in any frame; faces of one owner are contiguous."""

    quads: Array  # (F, 4, 3) metres
    colours: Array  # (F, 3) BGR 0..255, light included
    textures: NDArray[np.int64]  # (F,) -1 none
    owners: NDArray[np.int64]  # (F,) -1 scenery
    opacity: Array  # (F,) 0..1


@dataclass
class Buffers:
    """What is drawn into; all of one size."""

    colour: Image  # (H, W, 3)
    inverse_depth: NDArray[np.float32]  # (H, W) 1/m
    owner: NDArray[np.int32]  # (H, W)


def clip_near(polygon: Array, near: float = NEAR) -> Array:
    """The part of a camera-frame polygon (n, 3) with z >= near (Sutherland and Hodgman 1974)."""
    kept = []
    for here, after in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if here[2] >= near:
            kept.append(here)
        if (here[2] >= near) != (after[2] >= near):
            share = (near - here[2]) / (after[2] - here[2])
            kept.append(here + share * (after - here))
    return np.array(kept).reshape(-1, 3)


def project(points_cam: Array, intrinsic: Array) -> Array:
    """Pixels (..., 2) of camera-frame points (..., 3) with z > 0."""
    flat = points_cam[..., :2] / points_cam[..., 2:]
    return flat @ intrinsic[:2, :2].T + intrinsic[:2, 2]


def draw(
    buffers: Buffers,
    faces: Faces,
    cam_from_frame: Array,
    intrinsic: Array,
    textures: tuple[tuple[Image, ...], ...],
) -> dict[int, int]:
    """Draws all faces; returns the pixels of each owner's silhouette as if it stood alone.

    `textures` are pyramids, each level half of the one before.
    """
    quads = faces.quads @ cam_from_frame[:3, :3].T + cam_from_frame[:3, 3]
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    offset = np.einsum(
        "fk,fk->f", normals, quads[:, 0]
    )  # n . x of the plane; negative when seen from outside
    height, width = buffers.owner.shape
    rows = np.flatnonzero(_candidates(quads, offset, intrinsic, width, height))
    slopes = (normals[rows] / offset[rows, None]) @ np.linalg.inv(
        intrinsic
    )  # 1/z = slope . (u, v, 1)
    straddles = (quads[rows, :, 2] < NEAR).any(axis=1)
    safe = quads[rows].copy()
    safe[..., 2] = np.maximum(safe[..., 2], NEAR)
    pixels = project(safe, intrinsic)
    silhouette = np.zeros((height, width), np.uint8)
    counts: dict[int, int] = {}
    touched = _Extent(width, height)
    current = -1
    for number, row in enumerate(rows):
        owner = int(faces.owners[row])
        if owner != current:
            _close(silhouette, touched, current, counts)
            touched, current = _Extent(width, height), owner
        corners = pixels[number]
        if straddles[number]:
            polygon = clip_near(quads[row])
            if len(polygon) < 3:
                continue
            corners = project(polygon, intrinsic)
        box = _bounds(corners, width, height)
        if box is None:
            continue
        mask = _mask(corners, box)
        if owner >= 0:
            silhouette[box[1] : box[3], box[0] : box[2]] |= mask
            touched.include(box)
        if faces.opacity[row] < 1:
            _stipple(mask, box, faces.opacity[row])
        texture = faces.textures[row]
        picture = _warped(textures[texture], quads[row], intrinsic, box) if texture >= 0 else None
        _paint(buffers, mask, box, slopes[number], faces.colours[row], picture, owner)
    _close(silhouette, touched, current, counts)
    return counts


def _candidates(
    quads: Array, offset: Array, intrinsic: Array, width: int, height: int
) -> NDArray[np.bool_]:
    """Faces that look at the camera and are not wholly beside the picture."""
    x, y, z = quads[..., 0], quads[..., 1], quads[..., 2]
    left = (0.5 + intrinsic[0, 2]) / intrinsic[0, 0]
    right = (width - 0.5 - intrinsic[0, 2]) / intrinsic[0, 0]
    top = (0.5 + intrinsic[1, 2]) / intrinsic[1, 1]
    bottom = (height - 0.5 - intrinsic[1, 2]) / intrinsic[1, 1]
    outside = (
        (x < -left * z).all(1)
        | (x > right * z).all(1)
        | (y < -top * z).all(1)
        | (y > bottom * z).all(1)
    )
    return (offset < -1e-9) & ~outside & (z >= NEAR).any(axis=1)


class _Extent:
    """The bounding box of what one owner has touched."""

    def __init__(self, width: int, height: int) -> None:
        self.box = [width, height, 0, 0]

    def include(self, box: tuple[int, int, int, int]) -> None:
        mine = self.box
        self.box = [
            min(mine[0], box[0]),
            min(mine[1], box[1]),
            max(mine[2], box[2]),
            max(mine[3], box[3]),
        ]


def _close(silhouette: Image, touched: _Extent, owner: int, counts: dict[int, int]) -> None:
    """Counts the finished owner's silhouette and wipes it."""
    left, top, right, bottom = touched.box
    if owner < 0 or right <= left:
        return
    region = silhouette[top:bottom, left:right]
    counts[owner] = counts.get(owner, 0) + int(cv2.countNonZero(region))
    region[:] = 0


def _bounds(corners: Array, width: int, height: int) -> tuple[int, int, int, int] | None:
    low, high = corners.min(axis=0), corners.max(axis=0)
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0]) + 2), min(height, int(high[1]) + 2)
    if high[0] < 0 or high[1] < 0 or left >= right or top >= bottom:
        return None
    return left, top, right, bottom


def _mask(corners: Array, box: tuple[int, int, int, int]) -> Image:
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    fixed = ((corners - (box[0], box[1])) * (1 << _SHIFT)).round().astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 1, cv2.LINE_8, _SHIFT)
    return mask


def _stipple(mask: Image, box: tuple[int, int, int, int], opacity: float) -> None:
    """Screen-door transparency: leaves the share `opacity` of the pixels."""
    rows = (np.arange(box[1], box[3]) % 4)[:, None]
    columns = (np.arange(box[0], box[2]) % 4)[None]
    mask &= (_STIPPLE[rows, columns] < opacity).astype(np.uint8)


def _warped(
    pyramid: tuple[Image, ...], quad: Array, intrinsic: Array, box: tuple[int, int, int, int]
) -> Image:
    """The texture as the camera sees it inside the box; corner 0 of the quad is its lower left."""
    right, up = quad[1] - quad[0], quad[3] - quad[0]
    middle = quad.mean(axis=0)
    level = 0
    metre = intrinsic[0, 0] / max(float(np.linalg.norm(middle)), 0.5)
    texels = pyramid[0].shape[1] / max(float(np.linalg.norm(right)), 1e-6)
    while level + 1 < len(pyramid) and texels > 1.5 * metre:
        texels, level = texels / 2, level + 1
    texture = pyramid[level]
    rows, columns = texture.shape[:2]
    pixel_from_unit = intrinsic @ np.column_stack([right, up, quad[0]])
    unit_from_texel = np.array(
        [[1 / columns, 0, 0.5 / columns], [0, -1 / rows, 1 - 0.5 / rows], [0, 0, 1]]
    )
    shift = np.array([[1, 0, -box[0]], [0, 1, -box[1]], [0, 0, 1.0]])
    matrix = shift @ pixel_from_unit @ unit_from_texel
    size = (box[2] - box[0], box[3] - box[1])
    return cv2.warpPerspective(
        texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _paint(
    buffers: Buffers,
    mask: Image,
    box: tuple[int, int, int, int],
    slope: Array,
    colour: Array,
    picture: Image | None,
    owner: int,
) -> None:
    """Writes where the face is nearer than what is there."""
    left, top, right, bottom = box
    across = slope[0] * np.arange(left, right)
    down = slope[1] * np.arange(top, bottom) + slope[2]
    inverse = (across[None] + down[:, None]).astype(np.float32)
    region = buffers.inverse_depth[top:bottom, left:right]
    wins = (inverse > region) & mask.view(np.bool_)
    np.copyto(region, inverse, where=wins)
    np.copyto(buffers.owner[top:bottom, left:right], owner, where=wins)
    target = buffers.colour[top:bottom, left:right]
    source = colour.astype(np.uint8) if picture is None else picture
    np.copyto(target, source, where=wins[..., None])
