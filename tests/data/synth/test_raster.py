"""The rasteriser against a ray caster that knows nothing of it."""

import cv2
import numpy as np
import pytest

from drivetr.data.synth.mesh import MeshBuilder, block, quad_normals
from drivetr.data.synth.raster import NEAR, Buffers, Faces, clip_near, draw

INTRINSIC = np.array([[60.0, 0, 47.5], [0, 60.0, 31.5], [0, 0, 1]])
SHAPE = (64, 96)
CAM_FROM_EGO = np.array([[0, -1, 0, 0], [0, 0, -1, 1.5], [1, 0, 0, 0], [0, 0, 0, 1.0]])


def scene_of(boxes: list[tuple]) -> Faces:
    """Blocks as faces, one owner each."""
    quads, owners = [], []
    for owner, (x, y, z) in enumerate(boxes):
        found = block(x, y, z).quads()
        quads.append(found)
        owners += [owner] * len(found)
    stacked = np.concatenate(quads)
    count = len(stacked)
    colours = np.array([[40.0 * owner + 20] * 3 for owner in owners])
    return Faces(stacked, colours, np.full(count, -1), np.array(owners), np.ones(count))


def empty() -> Buffers:
    return Buffers(
        np.zeros((*SHAPE, 3), np.uint8),
        np.zeros(SHAPE, np.float32),
        np.full(SHAPE, -1, np.int32),
    )


def owners_drawn(buffers: Buffers, faces: Faces) -> np.ndarray:
    return np.append(faces.owners, -1)[buffers.face]


def cast(boxes: list[tuple]) -> tuple[np.ndarray, list[int]]:
    """Owner per pixel and silhouette of each box by slabs, one ray per pixel."""
    columns, rows = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[0]))
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(INTRINSIC).T
    rays = rays @ CAM_FROM_EGO[:3, :3]
    eye = np.array([0, 0, 1.5])
    best, owner, alone = np.full(SHAPE, np.inf), np.full(SHAPE, -1), []
    for number, bounds in enumerate(boxes):
        with np.errstate(divide="ignore", invalid="ignore"):
            cuts = [
                ((np.array(b) - e) / rays[..., [k]])
                for k, (b, e) in enumerate(zip(bounds, eye, strict=True))
            ]
        enter = np.max([c.min(-1) for c in cuts], axis=0)
        leave = np.min([c.max(-1) for c in cuts], axis=0)
        hit = (enter <= leave) & (leave > NEAR) & (enter > 0)
        alone.append(int(hit.sum()))
        owner[hit & (enter < best)] = number
        best = np.where(hit, np.minimum(best, enter), best)
    return owner, alone


BOXES = [
    ((8.0, 12.0), (-1.0, 1.0), (0.0, 1.6)),
    ((5.0, 5.6), (0.2, 1.4), (0.0, 1.1)),
    ((14.0, 22.0), (-4.0, 3.0), (0.0, 3.0)),
    ((0.4, 4.0), (1.2, 2.4), (0.0, 1.4)),  # beside the camera, crosses the near plane's sides
]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_occlusion_and_silhouettes_match_rays(order: list[int]) -> None:
    boxes = [BOXES[k] for k in order]
    faces, buffers = scene_of(boxes), empty()
    counts = draw(buffers, faces, CAM_FROM_EGO, INTRINSIC, ())
    wanted, alone = cast(boxes)
    drawn = owners_drawn(buffers, faces)
    names, around = (wanted + 1).astype(np.uint8), np.ones((3, 3), np.uint8)
    edge = cv2.dilate(names, around) != cv2.erode(names, around)
    assert edge.mean() < 0.2
    assert (drawn == wanted)[~edge].all()
    for number, count in enumerate(alone):
        outline = 4 * np.sqrt(count) + 8
        assert abs(counts[number] - count) <= outline


def test_a_box_through_another_is_cut_per_pixel() -> None:
    boxes = [((8.0, 9.0), (-3.0, 3.0), (0.0, 2.0)), ((6.0, 8.5), (-0.5, 0.5), (0.5, 1.5))]
    faces, buffers = scene_of(boxes), empty()
    draw(buffers, faces, CAM_FROM_EGO, INTRINSIC, ())
    drawn, wanted = owners_drawn(buffers, faces), cast(boxes)[0]
    assert (drawn == wanted).mean() > 0.98
    assert set(np.unique(drawn)) == {-1, 0, 1}


def test_visible_plus_hidden_is_the_silhouette() -> None:
    faces = scene_of(BOXES)
    together = empty()
    counts = draw(together, faces, CAM_FROM_EGO, INTRINSIC, ())
    for owner in range(len(BOXES)):
        mine = faces.owners == owner
        alone = Faces(*(getattr(faces, name)[mine] for name in Faces.__dataclass_fields__))
        buffers = empty()
        draw(buffers, alone, CAM_FROM_EGO, INTRINSIC, ())
        assert counts[owner] == (buffers.face >= 0).sum()
        assert (owners_drawn(together, faces) == owner).sum() <= counts[owner]


def test_a_box_around_or_behind_the_camera_does_not_show() -> None:
    faces = scene_of([((-6.0, -4.0), (-1.0, 1.0), (0.0, 2.0))])
    buffers = empty()
    assert draw(buffers, faces, CAM_FROM_EGO, INTRINSIC, ()) == {}
    assert (buffers.face == -1).all()


def test_clip_near_keeps_the_plane() -> None:
    polygon = np.array([(0, 0, -1.0), (1, 0, 3.0), (1, 1, 3.0), (0, 1, -1.0)])
    clipped = clip_near(polygon)
    assert len(clipped) == 4
    assert clipped[:, 2].min() == pytest.approx(NEAR)
    assert clip_near(polygon - (0, 0, 9.0)).shape == (0, 3)
    np.testing.assert_allclose(clip_near(polygon + (0, 0, 9.0)), polygon + (0, 0, 9.0))


def test_a_texture_is_seen_in_perspective() -> None:
    """The line between the halves of a slanted wall projects where the middle of the wall does."""
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:, 32:] = 255
    quad = np.array([[(4.0, 1.5, 0.5), (12.0, -3.0, 0.5), (12.0, -3.0, 2.5), (4.0, 1.5, 2.5)]])
    assert quad_normals(quad)[0] @ (quad[0].mean(0) - (0, 0, 1.5)) < 0
    faces = Faces(quad, np.zeros((1, 3)), np.array([0]), np.array([0]), np.ones(1))
    buffers = empty()
    draw(buffers, faces, CAM_FROM_EGO, INTRINSIC, ((texture,),))
    middle = CAM_FROM_EGO[:3, :3] @ quad[0].mean(0) + CAM_FROM_EGO[:3, 3]
    column = INTRINSIC[0, 0] * middle[0] / middle[2] + INTRINSIC[0, 2]
    row = buffers.colour[int(INTRINSIC[1, 2])][:, 0]
    shown = np.flatnonzero(buffers.face[int(INTRINSIC[1, 2])] >= 0)
    change = shown[np.argmax(row[shown] > 127)]
    assert abs(change - 0.5 - column) < 1.0


def test_half_opacity_leaves_half_of_the_pixels() -> None:
    faces = scene_of([((5.0, 6.0), (-1.0, 1.0), (0.0, 2.0))])
    half = Faces(faces.quads, faces.colours, faces.textures, faces.owners, faces.opacity * 0.5)
    buffers = empty()
    counts = draw(buffers, half, CAM_FROM_EGO, INTRINSIC, ())
    assert (buffers.face >= 0).sum() == pytest.approx(counts[0] / 2, rel=0.1)


def test_faces_without_area_are_dropped() -> None:
    mesh = MeshBuilder()
    mesh.decal(np.zeros((4, 3)), (0, 0, 0))
    mesh.add(block((0, 1), (0, 1), (0, 1), (0.5, 0.5, 0.5, 0.5)), (1, 1, 1))
    assert len(mesh.build().quads) == 5  # a pyramid: its top has no area
