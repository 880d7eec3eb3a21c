import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nuscenes.utils.geometry_utils import view_points

from drivetr.geometry.camera import (
    focal_lengths_px,
    img_from_cam,
    project_points,
    split_projection,
    unproject_pixels,
)
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_from_quaternion

F64 = torch.float64
INTRINSIC = torch.tensor([[1266.4, 0, 816.3], [0, 1266.4, 491.5], [0, 0, 1]], dtype=F64)


def front_camera() -> torch.Tensor:
    """`img_from_ego` of a camera that looks along ego's +x from 1.5 m above the ground."""
    ego_from_cam = rigid_from(
        rotation_from_quaternion(torch.tensor([0.5, -0.5, 0.5, -0.5], dtype=F64)),
        torch.tensor([1.7, 0.0, 1.5], dtype=F64),
    )
    return img_from_cam(INTRINSIC) @ invert_rigid(ego_from_cam)


class TestImgFromCam:
    @pytest.mark.parametrize("lead", [(), (6,), (2, 6)])
    def test_pads_with_the_identity(self, lead):
        intrinsic = torch.randn(*lead, 3, 3)
        matrix = img_from_cam(intrinsic)
        assert matrix.shape == (*lead, 4, 4)
        assert (matrix[..., :3, :3] == intrinsic).all()
        assert (matrix[..., 3, :] == torch.tensor([0.0, 0, 0, 1])).all()
        assert (matrix[..., :3, 3] == 0).all()

    def test_gradient_reaches_the_intrinsic(self):
        intrinsic = INTRINSIC.clone().requires_grad_()
        assert torch.autograd.gradcheck(img_from_cam, intrinsic)


class TestProjectPoints:
    def test_equals_the_devkit(self):
        points = torch.rand(20, 3, dtype=F64) * 20 + torch.tensor([-10.0, -10, 1], dtype=F64)
        uv, depth = project_points(img_from_cam(INTRINSIC), points)
        expected = view_points(points.numpy().T, INTRINSIC.numpy(), normalize=True)
        np.testing.assert_allclose(uv.numpy(), expected[:2].T)
        torch.testing.assert_close(depth, points[:, 2])

    def test_left_up_and_ahead(self):
        ahead, left, up, behind = torch.tensor(
            [[[21.7, 0, 1.5]], [[21.7, 1, 1.5]], [[21.7, 0, 2.5]], [[-20, 0, 1.5]]], dtype=F64
        )
        camera = front_camera()
        center, depth = project_points(camera, ahead)
        torch.testing.assert_close(center[0], INTRINSIC[:2, 2])
        torch.testing.assert_close(depth, torch.tensor([20.0], dtype=F64))
        assert project_points(camera, left)[0][0, 0] < center[0, 0]
        assert project_points(camera, up)[0][0, 1] < center[0, 1]
        uv, depth = project_points(camera, behind)
        assert depth < 0
        assert uv.isfinite().all()

    def test_many_cameras_share_points(self):
        cameras = front_camera().expand(2, 6, 4, 4)
        uv, depth = project_points(cameras, torch.randn(2, 1, 5, 3, dtype=F64))
        assert uv.shape == (2, 6, 5, 2)
        assert depth.shape == (2, 6, 5)

    def test_empty(self):
        uv, depth = project_points(front_camera(), torch.zeros(0, 3, dtype=F64))
        assert uv.shape == (0, 2)
        assert depth.shape == (0,)

    def test_gradient(self):
        points = (torch.rand(3, 3, dtype=F64) + 2).requires_grad_()
        camera = img_from_cam(INTRINSIC / 100).requires_grad_()
        assert torch.autograd.gradcheck(project_points, (camera, points))


class TestUnprojectPixels:
    @given(st.floats(0, 1600), st.floats(0, 900), st.floats(0.5, 120))
    def test_is_the_inverse_of_projection(self, u, v, d):
        uv, depth = torch.tensor([[u, v]], dtype=F64), torch.tensor([d], dtype=F64)
        camera = front_camera()
        points = unproject_pixels(torch.linalg.inv(camera), uv, depth)
        uv_again, depth_again = project_points(camera, points)
        torch.testing.assert_close(uv_again, uv, atol=1e-7, rtol=0)
        torch.testing.assert_close(depth_again, depth, atol=1e-9, rtol=0)


class TestTakenApart:
    """Focal lengths and pose, read back from projections whose cameras hang anyhow."""

    @pytest.mark.parametrize("scale", [1.0, 1.05])
    @pytest.mark.parametrize("mirror", [1.0, -1.0])
    def test_any_pose(self, scale, mirror):
        """A scaled world changes nothing, a mirrored image one sign."""
        intrinsic = INTRINSIC.clone()
        intrinsic[0] *= mirror
        intrinsic[1, 1] = 900.0
        rotation, _ = torch.linalg.qr(torch.randn(5, 3, 3, dtype=F64))
        rotation = rotation * torch.linalg.det(rotation)[:, None, None]
        pose = rigid_from(rotation / scale, torch.randn(5, 3, dtype=F64))
        moved = img_from_cam(intrinsic) @ pose
        expected = torch.tensor([[1266.4, 900.0]], dtype=F64).expand(5, 2)
        torch.testing.assert_close(focal_lengths_px(moved), expected)
        focal, found = split_projection(moved)
        torch.testing.assert_close(focal, expected * torch.tensor([mirror, 1.0]))
        torch.testing.assert_close(found, pose[:, :3])
