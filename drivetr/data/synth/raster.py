"""The rasteriser: textured, shaded quads into a colour, a depth and an owner buffer.

Depth is kept as 1/z, which is linear over the image plane of a flat face: the test is exact in
every pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
NEAR = 0.12  # metres before the camera that are cut away
Box = tuple[int, int, int, int]  # left, top, right, bottom (exclusive), pixels
_SHIFT = 4  # fractional bits of polygon corners
_LEAST_ACTOR, _LEAST_SCENERY = 0.4, 4.0  # faces with fewer pixels are left out
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
    face: NDArray[np.int32]  # (H, W) row of the face, -1 none


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


@dataclass(frozen=True)
class _Projected:
    """Faces that may show in one picture."""

    rows: NDArray[np.int64]  # of the faces that were given
    corners: list[Array]  # pixels (n, 2) of each, cut at the near plane
    boxes: list[Box]
    slopes: Array  # (F, 3): 1/z = slope . (u, v, 1)
    quads_cam: Array  # (F, 4, 3)


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
    height, width = buffers.face.shape
    shapes = _project_faces(faces, cam_from_frame, intrinsic, (height, width))
    silhouette = _Silhouette(width, height)
    columns, lines = (
        np.arange(width, dtype=np.float32),
        np.arange(height, dtype=np.float32)[:, None],
    )
    for number, row in enumerate(shapes.rows.tolist()):
        box = shapes.boxes[number]
        left, top, right, bottom = box
        mask = _mask(shapes.corners[number], box)
        silhouette.add(int(faces.owners[row]), mask, box)
        if faces.opacity[row] < 1:
            _stipple(mask, box, faces.opacity[row])
        across, down, base = shapes.slopes[number].tolist()
        inverse = columns[left:right] * np.float32(across) + (
            lines[top:bottom] * np.float32(down) + np.float32(base)
        )
        region = buffers.inverse_depth[top:bottom, left:right]
        wins = (inverse > region) & mask.view(np.bool_)
        if not wins.any():
            continue
        np.copyto(region, inverse, where=wins)
        np.copyto(buffers.face[top:bottom, left:right], row, where=wins)
        if faces.textures[row] >= 0:
            pyramid = textures[faces.textures[row]]
            picture = _warped(pyramid, shapes.quads_cam[number], intrinsic, box)
            cv2.copyTo(picture, wins.view(np.uint8), buffers.colour[top:bottom, left:right])
    _resolve(buffers, faces)
    return silhouette.finish()


def _resolve(buffers: Buffers, faces: Faces) -> None:
    """Gives the pixels of plain faces their colour, all at once."""
    plain = np.append(faces.textures < 0, False)[buffers.face]  # row -1 is nobody
    palette = np.concatenate([faces.colours, np.zeros((1, 3))]).astype(np.uint8)
    buffers.colour[plain] = palette[buffers.face[plain]]


def _project_faces(
    faces: Faces, cam_from_frame: Array, intrinsic: Array, shape: tuple[int, int]
) -> _Projected:
    """Moves, culls, cuts and projects all faces."""
    height, width = shape
    quads = faces.quads @ cam_from_frame[:3, :3].T + cam_from_frame[:3, 3]
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    offset = np.einsum("fk,fk->f", normals, quads[:, 0])  # n . x; negative when seen from outside
    rows = np.flatnonzero(_candidates(quads, offset, intrinsic, width, height))
    straddles = (quads[rows, :, 2] < NEAR).any(axis=1)
    safe = quads[rows]
    safe[..., 2] = np.maximum(safe[..., 2], NEAR)
    pixels = project(safe, intrinsic)
    diagonals = pixels[:, 2:] - pixels[:, :2]
    area = (
        np.abs(diagonals[:, 0, 0] * diagonals[:, 1, 1] - diagonals[:, 0, 1] * diagonals[:, 1, 0])
        / 2
    )
    big = straddles | (area > np.where(faces.owners[rows] < 0, _LEAST_SCENERY, _LEAST_ACTOR))
    rows, straddles, pixels = rows[big], straddles[big], pixels[big]
    corners = list(pixels)
    for number in np.flatnonzero(straddles):
        polygon = clip_near(quads[rows[number]])
        corners[number] = (
            project(polygon, intrinsic) if len(polygon) >= 3 else np.full((3, 2), -9.0)
        )
    low = np.array([c.min(axis=0) for c in corners]) if straddles.any() else pixels.min(axis=1)
    high = np.array([c.max(axis=0) for c in corners]) if straddles.any() else pixels.max(axis=1)
    low, high = low.reshape(-1, 2), high.reshape(-1, 2)
    first = np.maximum(np.clip(low, -1e6, 1e6).astype(int), 0)
    last = np.minimum(np.clip(high, -1e6, 1e6).astype(int) + 2, (width, height))
    shows = (high >= 0).all(axis=1) & (first < last).all(axis=1)
    kept = np.flatnonzero(shows)
    slopes = (normals[rows[kept]] / offset[rows[kept], None]) @ np.linalg.inv(intrinsic)
    boxes = [tuple(box) for box in np.column_stack([first, last])[kept].tolist()]
    return _Projected(rows[kept], [corners[k] for k in kept], boxes, slopes, quads[rows[kept]])


def _candidates(
    quads: Array, offset: Array, intrinsic: Array, width: int, height: int
) -> NDArray[np.bool_]:
    """Faces that look at the camera and are not wholly beside the picture."""
    x, y, z = quads[..., 0], quads[..., 1], quads[..., 2]
    left = (0.5 + intrinsic[0, 2]) / intrinsic[0, 0]
    right = (width - 0.5 - intrinsic[0, 2]) / intrinsic[0, 0]
    top = (0.5 + intrinsic[1, 2]) / intrinsic[1, 1]
    bottom = (height - 0.5 - intrinsic[1, 2]) / intrinsic[1, 1]
    outside = (x < -left * z).all(1) | (x > right * z).all(1)
    outside |= (y < -top * z).all(1) | (y > bottom * z).all(1)
    return (offset < -1e-9) & ~outside & (z >= NEAR).any(axis=1)


class _Silhouette:
    """Counts the pixels that each owner's faces cover together; owners come one after the other."""

    def __init__(self, width: int, height: int) -> None:
        self.covered = np.zeros((height, width), np.uint8)
        self.owner = -1
        self.box = [width, height, 0, 0]
        self.counts: dict[int, int] = {}

    def add(self, owner: int, mask: Image, box: Box) -> None:
        """Joins one face's mask to the current owner's."""
        if owner != self.owner:
            self._close()
            self.owner = owner
        if owner >= 0:
            self.covered[box[1] : box[3], box[0] : box[2]] |= mask
            mine = self.box
            low, high = map(min, mine[:2], box[:2]), map(max, mine[2:], box[2:])
            self.box = [*low, *high]

    def finish(self) -> dict[int, int]:
        """The counts of all owners."""
        self._close()
        return self.counts

    def _close(self) -> None:
        left, top, right, bottom = self.box
        if self.owner >= 0 and right > left:
            region = self.covered[top:bottom, left:right]
            count = int(cv2.countNonZero(region))
            self.counts[self.owner] = self.counts.get(self.owner, 0) + count
            region[:] = 0
        height, width = self.covered.shape
        self.box = [width, height, 0, 0]


def _mask(corners: Array, box: Box) -> Image:
    mask: Image = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    fixed = ((corners - box[:2]) * (1 << _SHIFT)).round().astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, (1,), cv2.LINE_8, _SHIFT)
    return mask


def _stipple(mask: Image, box: Box, opacity: float) -> None:
    """Screen-door transparency: leaves the share `opacity` of the pixels."""
    rows = (np.arange(box[1], box[3]) % 4)[:, None]
    columns = (np.arange(box[0], box[2]) % 4)[None]
    mask &= (_STIPPLE[rows, columns] < opacity).astype(np.uint8)


def _warped(pyramid: tuple[Image, ...], quad: Array, intrinsic: Array, box: Box) -> Image:
    """The texture as the camera sees it inside the box; corner 0 of the quad is its lower left."""
    right, up = quad[1] - quad[0], quad[3] - quad[0]
    distance = max(float(np.linalg.norm(quad.mean(axis=0))), 0.5)
    metre = intrinsic[0, 0] / distance
    texels = pyramid[0].shape[1] / max(float(np.linalg.norm(right)), 1e-6)
    level = 0
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
