import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyquaternion import Quaternion
from scipy.spatial.transform import Rotation

from drivetr.geometry.rigid import (
    invert_rigid,
    rigid_from,
    rotation_about_z,
    rotation_from_quaternion,
    transform_points,
)

F64 = torch.float64
unit_quaternions = arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(
    lambda q: np.linalg.norm(q) > 0.1
)
shifts = arrays(np.float64, 3, elements=st.floats(-2000, 2000))


def random_rigid(*lead: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    quaternion = torch.randn(*lead, 4, dtype=F64, generator=generator)
    shift = 100 * torch.randn(*lead, 3, dtype=F64, generator=generator)
    return rigid_from(rotation_from_quaternion(quaternion), shift)


class TestRotationFromQuaternion:
    @given(unit_quaternions)
    def test_equals_pyquaternion_and_scipy(self, quaternion):
        actual = rotation_from_quaternion(torch.from_numpy(quaternion)).numpy()
        np.testing.assert_allclose(actual, Quaternion(quaternion).rotation_matrix, atol=1e-12)
        scipy = Rotation.from_quat(np.roll(quaternion, -1)).as_matrix()
        np.testing.assert_allclose(actual, scipy, atol=1e-12)

    @pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
    def test_shapes(self, lead):
        assert rotation_from_quaternion(torch.randn(*lead, 4)).shape == (*lead, 3, 3)

    def test_empty(self):
        assert rotation_from_quaternion(torch.zeros(0, 4)).shape == (0, 3, 3)

    def test_sign_and_length_do_not_matter(self):
        quaternion = torch.tensor([0.3, -0.2, 0.5, 0.1], dtype=F64)
        expected = rotation_from_quaternion(quaternion)
        torch.testing.assert_close(rotation_from_quaternion(-7 * quaternion), expected)

    def test_zero_is_the_identity(self):
        torch.testing.assert_close(rotation_from_quaternion(torch.zeros(4)), torch.eye(3))

    def test_gradient(self):
        quaternion = torch.randn(2, 4, dtype=F64, requires_grad=True)
        assert torch.autograd.gradcheck(rotation_from_quaternion, quaternion)


class TestRotationAboutZ:
    def test_equals_scipy(self):
        angle = torch.linspace(-7, 7, 29, dtype=F64)
        expected = Rotation.from_euler("z", angle.numpy()[:, None]).as_matrix()
        np.testing.assert_allclose(rotation_about_z(angle).numpy(), expected, atol=1e-14)

    def test_quarter_turn_takes_x_to_y(self):
        forward = rotation_about_z(torch.tensor(torch.pi / 2, dtype=F64)) @ torch.eye(3, dtype=F64)
        torch.testing.assert_close(forward[:, 0], torch.tensor([0.0, 1.0, 0.0], dtype=F64))

    def test_gradient(self):
        angle = torch.randn(3, dtype=F64, requires_grad=True)
        assert torch.autograd.gradcheck(rotation_about_z, angle)


class TestInvertRigid:
    @given(unit_quaternions, shifts)
    def test_is_the_inverse(self, quaternion, shift):
        matrix = rigid_from(
            rotation_from_quaternion(torch.from_numpy(quaternion)), torch.from_numpy(shift)
        )
        eye = torch.eye(4, dtype=F64)
        torch.testing.assert_close(matrix @ invert_rigid(matrix), eye, atol=1e-9, rtol=0)
        torch.testing.assert_close(invert_rigid(matrix) @ matrix, eye, atol=1e-9, rtol=0)

    def test_equals_a_solver(self):
        matrix = random_rigid(4, 2)
        torch.testing.assert_close(invert_rigid(matrix), torch.linalg.inv(matrix))

    def test_gradient(self):
        matrix = random_rigid(2).requires_grad_()
        assert torch.autograd.gradcheck(invert_rigid, matrix)


class TestTransformPoints:
    def test_equals_homogeneous_product(self):
        matrix, points = random_rigid(), torch.randn(7, 3, dtype=F64)
        homogeneous = np.c_[points.numpy(), np.ones(7)] @ matrix.numpy().T
        np.testing.assert_allclose(transform_points(matrix, points).numpy(), homogeneous[:, :3])

    def test_names_cancel(self):
        ego_from_lidar, global_from_ego = random_rigid(seed=1), random_rigid(seed=2)
        points = torch.randn(5, 3, dtype=F64)
        one = transform_points(global_from_ego @ ego_from_lidar, points)
        two = transform_points(global_from_ego, transform_points(ego_from_lidar, points))
        torch.testing.assert_close(one, two)

    @pytest.mark.parametrize(
        ("matrix_lead", "points_lead", "expected"),
        [((), (), ()), ((4,), (4,), (4,)), ((2, 3), (2, 1), (2, 3)), ((3,), (2, 1), (2, 3))],
    )
    def test_shapes_broadcast(self, matrix_lead, points_lead, expected):
        points = torch.randn(*points_lead, 5, 3, dtype=F64)
        assert transform_points(random_rigid(*matrix_lead), points).shape == (*expected, 5, 3)

    def test_empty(self):
        assert transform_points(random_rigid(), torch.zeros(0, 3, dtype=F64)).shape == (0, 3)

    def test_gradient(self):
        matrix = random_rigid().requires_grad_()
        points = torch.randn(2, 3, dtype=F64, requires_grad=True)
        assert torch.autograd.gradcheck(transform_points, (matrix, points))
