"""Any chain of augmentations keeps boxes on their pixels."""

import cmath

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drivetr.data.transforms import (
    CameraDrop,
    GlobalRotScaleTransFlip,
    GridMask,
    ObjectRange,
    Pad,
    PhotometricDistortion,
    ResizeCropFlip,
)
from drivetr.geometry.boxes import box_corners

SIZES = [(90, 160), (75, 131), (120, 100)]


def project(frame):
    """Pixels and depth of all box corners in all cameras, (N, G * 8, 2) and (N, G * 8)."""
    corners = box_corners(frame.targets.boxes).reshape(1, -1, 3)
    matrix = frame.cameras.img_from_lidar
    points = corners @ matrix[:, :3, :3].transpose(1, 2) + matrix[:, None, :3, 3]
    return points[..., :2] / points[..., 2:], points[..., 2]


def moved(uv, draw, size, image_size):
    """Where a pixel ends, told step by step with complex numbers instead of matrices."""
    height, width = image_size
    scale = draw.zoom * max(size[0] / height, size[1] / width)
    new_h, new_w = round(height * scale), round(width * scale)
    u, v = uv[..., 0] * new_w / width, uv[..., 1] * new_h / height
    u = u - int(draw.shift * max(0, new_w - size[1]))
    v = v - (int((1 - draw.bottom) * new_h) - size[0])
    if draw.flip:
        u = size[1] - u
    point = torch.complex(u - size[1] / 2, -(v - size[0] / 2)) * cmath.exp(1j * draw.angle)
    return torch.stack([point.real + size[1] / 2, -point.imag + size[0] / 2], dim=-1)


image_moves = st.builds(
    ResizeCropFlip,
    size=st.tuples(st.integers(20, 120), st.integers(20, 160)),
    zoom_range=st.just((0.5, 2.0)),
    bottom_range=st.just((0.0, 0.3)),
    random_shift=st.booleans(),
    flip_prob=st.sampled_from([0.0, 0.5, 1.0]),
    rotation_range_deg=st.sampled_from([(0.0, 0.0), (-45.0, 45.0)]),
)
world_moves = st.builds(
    GlobalRotScaleTransFlip,
    rotation_range=st.just((-3.2, 3.2)),
    scale_range=st.just((0.8, 1.25)),
    translation_std=st.just((2.0, 2.0, 0.5)),
    mirror_x_prob=st.sampled_from([0.0, 1.0]),
    mirror_y_prob=st.sampled_from([0.0, 1.0]),
)
others = st.sampled_from(
    [Pad(32), GridMask(prob=1.0), PhotometricDistortion(), CameraDrop(prob=1.0, max_cameras=2)]
    + [ObjectRange((-1e3, -1e3, -1e3, 1e3, 1e3, 1e3))]
)
chains = st.lists(st.one_of(image_moves, world_moves, others), max_size=6)


@settings(max_examples=60, deadline=None)
@given(chain=chains, seed=st.integers(0, 2**32))
def test_corners_stay_on_their_pixels(make_frame, chain, seed):
    frame = make_frame(sizes=SIZES, num_boxes=20, seed=seed % 1000)
    generator, copy = (torch.Generator().manual_seed(seed) for _ in range(2))
    expected, depth = project(frame)
    seen = depth > 0.5
    for transform in chain:
        if isinstance(transform, ResizeCropFlip):
            copy.set_state(generator.get_state())
            draw = transform.draw(copy)
            sizes = frame.cameras.image_size.tolist()
            expected = torch.stack(
                [moved(uv, draw, transform.size, s) for uv, s in zip(expected, sizes, strict=True)]
            )
        frame = transform(frame, generator)
    # A mirror exchanges left and right corners of a box, so corners are compared as sets a box.
    found, found_depth = project(frame)
    for want, have in ((expected, found), (depth[..., None], found_depth[..., None])):
        want, have = (x.unflatten(1, (20, 8)) for x in (want, have))
        gap = (want[..., :, None, :] - have[..., None, :, :]).norm(dim=-1)
        assert gap.amin(-1)[seen.unflatten(1, (20, 8))].max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(chain=st.lists(world_moves, min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_boxes_keep_their_place_in_the_world(make_frame, chain, seed):
    frame = make_frame(num_boxes=10, seed=3)
    generator = torch.Generator().manual_seed(seed)
    after = frame
    for transform in chain:
        after = transform(after, generator)

    def in_world(f):
        corners = box_corners(f.targets.boxes).reshape(-1, 3)
        matrix = f.global_from_lidar
        velocity = f.targets.boxes[:, 8:10] @ matrix[:2, :2].T
        return corners @ matrix[:3, :3].T + matrix[:3, 3], velocity

    (corners, velocity), (corners_after, velocity_after) = in_world(frame), in_world(after)
    gap = torch.cdist(corners.unflatten(0, (10, 8)), corners_after.unflatten(0, (10, 8)))
    assert gap.amin(-1).max() < 1e-5
    torch.testing.assert_close(velocity, velocity_after, atol=1e-9, rtol=1e-9)
    ego = frame.ego_from_lidar @ torch.linalg.inv(frame.global_from_lidar)
    ego_after = after.ego_from_lidar @ torch.linalg.inv(after.global_from_lidar)
    torch.testing.assert_close(ego, ego_after, atol=1e-8, rtol=1e-8)
