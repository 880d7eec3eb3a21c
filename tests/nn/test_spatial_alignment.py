"""What StreamPETR's tokens are told of the lens that saw them."""

import pytest
import torch

from drivetr.nn.spatial_alignment import SpatialAlignment
from tests.models.samples import make_cameras

RANGE = (-60.0, -60.0, -10.0, 60.0, 60.0, 10.0)


def cameras_of_three_lenses():
    cameras = make_cameras(2, 3, size=(32, 64))
    for number in range(3):  # rows u and v of the matrix carry the focal length
        zoom = torch.diag(torch.tensor([1.0 + number, 2.0 + number, 1.0, 1.0], dtype=torch.float64))
        cameras.img_from_lidar[:, number] = zoom @ cameras.img_from_lidar[:, number]
    return cameras


def test_the_points_lie_on_the_ray_of_the_cell():
    cameras = cameras_of_three_lenses()
    cone = SpatialAlignment(8, 8, RANGE, num_depths=40).cone((4, 8), cameras)
    low, high = torch.tensor(RANGE[:3]), torch.tensor(RANGE[3:])
    far, near = (cone[..., part] * (high - low) + low for part in (slice(2, 5), slice(5, 8)))
    assert bool((far.norm(dim=-1) > near.norm(dim=-1)).all())
    for points in (far, near):
        homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1).double()
        seen = torch.einsum("bnij,bnhwj->bnhwi", cameras.img_from_lidar, homogeneous)
        uv = seen[..., :2] / seen[..., 2:3]
        u = (torch.arange(8) + 0.5) * 8
        v = (torch.arange(4) + 0.5) * 8
        expected = torch.stack(torch.meshgrid(u, v, indexing="xy"), dim=-1).double()
        torch.testing.assert_close(uv, expected.expand_as(uv), atol=2e-2, rtol=0)


def test_own_order_tells_every_token_its_own_lens():
    cone = SpatialAlignment(8, 8, RANGE, num_depths=40).cone((4, 8), cameras_of_three_lenses())
    for number in range(3):
        focal = 0.15 * torch.tensor([1.0 + number, 2.0 + number])
        torch.testing.assert_close(cone[0, number, ..., :2], focal.expand(4, 8, 2))


def test_the_published_order_counts_tokens_modulo_cameras():
    alignment = SpatialAlignment(8, 8, RANGE, num_depths=40, focal_order="published")
    told = alignment.cone((4, 8), cameras_of_three_lenses())[0, ..., :2].flatten(0, 2)
    for token, focal in enumerate(told):
        number = token % 3
        torch.testing.assert_close(focal, 0.15 * torch.tensor([1.0 + number, 2.0 + number]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"num_depths": 12}, "num_depths is 12"), ({"focal_order": "mine"}, "'own' or 'published'")],
)
def test_wrong_values_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        SpatialAlignment(8, 8, RANGE, **arguments)
