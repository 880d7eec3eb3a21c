"""The 3D position embedding against a brute-force walk over cells and depths."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.padding import padding_mask
from drivetr.structures.cameras import Cameras

PAD, CELLS, DIM, DEPTHS = (64, 96), (4, 6), 16, 5
SPAN = (-30.0, -20.0, -10.0, 40.0, 60.0, 10.0)


def rig(num_cameras: int = 3, batch: int = 2) -> Cameras:
    """Cameras that look around from places of their own, the last image with padding."""
    generator = torch.Generator().manual_seed(0)
    intrinsic = torch.eye(4, dtype=torch.float64)
    intrinsic[:2, :3] = torch.tensor([[50.0, 0.0, 48.0], [0.0, 50.0, 32.0]])
    matrices = []
    for index in range(batch * num_cameras):
        angle = 2 * math.pi * index / num_cameras + 0.1
        cos, sin = math.cos(angle), math.sin(angle)
        cam_from_lidar = torch.eye(4, dtype=torch.float64)
        cam_from_lidar[:3, :3] = torch.tensor([[sin, -cos, 0.0], [0.0, 0.0, -1.0], [cos, sin, 0.0]])
        cam_from_lidar[:3, 3] = torch.randn(3, generator=generator, dtype=torch.float64)
        matrices.append(intrinsic @ cam_from_lidar)
    image_size = torch.tensor([PAD]).expand(batch, num_cameras, 2).clone()
    image_size[:, -1] = torch.tensor([50, 70])
    return Cameras(
        img_from_lidar=torch.stack(matrices).unflatten(0, (batch, num_cameras)),
        image_size=image_size,
        pad_size=PAD,
        valid=torch.ones(batch, num_cameras, dtype=torch.bool),
    )


@pytest.fixture
def encoding() -> FrustumPositionEncoding:
    torch.manual_seed(0)
    return FrustumPositionEncoding(DIM, SPAN, num_depths=DEPTHS)


def features(cameras: Cameras) -> Tensor:
    return torch.zeros(*cameras.valid.shape, DIM, *CELLS)


@pytest.mark.parametrize("linear_increasing", [True, False])
def test_logits_equal_a_walk_over_cells_and_depths(linear_increasing: bool) -> None:
    cameras = rig()
    encoding = FrustumPositionEncoding(DIM, SPAN, DEPTHS, 1.0, linear_increasing)
    found = encoding.frustum_logits(CELLS, cameras)
    for number, row, column, index in [(0, 0, 0, 0), (1, 3, 2, 4), (2, 1, 5, 2)]:
        step = (
            index * (index + 1) / (DEPTHS * (DEPTHS + 1)) if linear_increasing else index / DEPTHS
        )
        depth = 1.0 + (SPAN[3] - 1.0) * step
        u, v = column * PAD[1] / CELLS[1], row * PAD[0] / CELLS[0]
        pixel = torch.tensor([u * depth, v * depth, depth, 1.0], dtype=torch.float64)
        point = torch.linalg.solve(cameras.img_from_lidar[1, number], pixel)[:3]
        for axis in range(3):
            share = (point[axis] - SPAN[axis]) / (SPAN[axis + 3] - SPAN[axis])
            share = share.clamp(0, 1)
            logit = (share.clamp(min=1e-5) / (1 - share).clamp(min=1e-5)).log().float()
            own = found[1, number, 3 * index + axis, row, column]
            torch.testing.assert_close(own, logit, atol=1e-3, rtol=1e-4)


def test_tokens_are_in_the_order_camera_row_column(encoding: FrustumPositionEncoding) -> None:
    cameras = rig()
    position = encoding.encode_keys(features(cameras), cameras, None)
    assert position.points is None
    assert position.added is not None
    assert position.added.shape == (2, 3 * CELLS[0] * CELLS[1], DIM)
    maps = encoding.position_encoder(encoding.frustum_logits(CELLS, cameras).flatten(0, 1))
    maps = maps + encoding.embed_cells(padding_mask(cameras, CELLS))
    token = 2 * CELLS[0] * CELLS[1] + 1 * CELLS[1] + 4
    torch.testing.assert_close(position.added[1, token], maps.unflatten(0, (2, 3))[1, 2, :, 1, 4])


def test_cells_are_looked_through_where_the_offset_says() -> None:
    cameras = rig()
    centres = FrustumPositionEncoding(DIM, SPAN, DEPTHS, cell_offset=0.5)
    found = centres.frustum_logits(CELLS, cameras)
    # The centre of cell (1, 2) is the corner of cell (3, 5) on a map twice as fine.
    fine = FrustumPositionEncoding(DIM, SPAN, DEPTHS)
    expected = fine.frustum_logits((2 * CELLS[0], 2 * CELLS[1]), cameras)
    torch.testing.assert_close(found[..., 1, 2], expected[..., 3, 5])


def test_without_sines_only_the_rays_are_left() -> None:
    cameras = rig()
    encoding = FrustumPositionEncoding(DIM, SPAN, DEPTHS, sine=False)
    assert not [name for name, _ in encoding.named_parameters() if "adapt_pos3d" in name]
    maps = encoding.position_encoder(encoding.frustum_logits(CELLS, cameras).flatten(0, 1))
    found = encoding.encode_keys(features(cameras), cameras).added
    assert found is not None
    torch.testing.assert_close(found, maps.unflatten(0, (2, 3)).movedim(2, -1).flatten(1, 3))
    with pytest.raises(ValueError, match="no sine encoding"):
        encoding.embed_cells(padding_mask(cameras, CELLS))


def test_the_gate_weighs_the_rays_and_not_the_sines() -> None:
    torch.manual_seed(0)
    cameras, content = rig(), torch.randn(2, 3, DIM, *CELLS)
    encoding = FrustumPositionEncoding(DIM, SPAN, DEPTHS, gate=FeatureGate(DIM))
    found = encoding.encode_keys(content, cameras).added
    rays = encoding.position_encoder(encoding.frustum_logits(CELLS, cameras).flatten(0, 1))
    weighed = encoding.gate(rays, content.flatten(0, 1))
    maps = weighed + encoding.embed_cells(padding_mask(cameras, CELLS))
    assert found is not None
    torch.testing.assert_close(found, maps.unflatten(0, (2, 3)).movedim(2, -1).flatten(1, 3))


def test_an_absent_camera_leaves_the_others_where_they_were(
    encoding: FrustumPositionEncoding,
) -> None:
    cameras = rig()
    valid = cameras.valid.clone()
    valid[:, 0] = False
    both = [
        encoding.encode_keys(features(c), c).added for c in (cameras, replace(cameras, valid=valid))
    ]
    torch.testing.assert_close(both[0], both[1])


def test_a_frame_is_encoded_the_same_alone(encoding: FrustumPositionEncoding) -> None:
    cameras = rig()
    alone = replace(
        cameras,
        img_from_lidar=cameras.img_from_lidar[1:],
        image_size=cameras.image_size[1:],
        valid=cameras.valid[1:],
    )
    together = encoding.encode_keys(features(cameras), cameras).added
    torch.testing.assert_close(encoding.encode_keys(features(alone), alone).added, together[1:])


def test_half_precision_does_not_move_the_points(encoding: FrustumPositionEncoding) -> None:
    cameras = rig()
    expected = encoding.frustum_logits(CELLS, cameras)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = encoding.frustum_logits(CELLS, cameras)
    assert torch.equal(found, expected)


def test_queries(encoding: FrustumPositionEncoding) -> None:
    reference = torch.rand(2, 7, 3, requires_grad=True)
    position = encoding.encode_queries(reference)
    assert position.added is not None
    assert position.added.shape == (2, 7, DIM)
    position.added.sum().backward()
    assert reference.grad is not None
    assert reference.grad.abs().max() > 0


def test_every_parameter_learns(encoding: FrustumPositionEncoding) -> None:
    cameras = rig()
    keys = encoding.encode_keys(features(cameras), cameras).added
    queries = encoding.encode_queries(torch.rand(2, 3, 3)).added
    (keys.square().mean() + queries.square().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in encoding.parameters())
