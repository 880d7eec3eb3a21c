import numpy as np
import pytest
import torch

from drivetr.geometry.camera import img_from_cam, unproject_pixels
from drivetr.geometry.frustum import cell_pixels, depth_bins, frustum_points

F64 = torch.float64


class TestDepthBins:
    def test_linear_increasing_equals_the_published_loop(self):
        """PETR's numbers: 64 bins between 1 and 61.2 metres."""
        size = (61.2 - 1) / (64 * (1 + 64))
        expected = [1 + size * i * (i + 1) for i in range(64)]
        np.testing.assert_allclose(depth_bins(64, 1, 61.2).numpy(), expected, rtol=1e-6)

    def test_uniform_is_evenly_spaced(self):
        bins = depth_bins(10, 2, 42, linear_increasing=False)
        torch.testing.assert_close(bins, torch.arange(2.0, 42, 4))

    @pytest.mark.parametrize("linear_increasing", [True, False])
    def test_starts_at_start_grows_and_stays_below_end(self, linear_increasing):
        bins = depth_bins(8, 0.5, 50, linear_increasing)
        assert bins[0] == 0.5
        assert (bins.diff() > 0).all()
        assert bins[-1] < 50


class TestCellPixels:
    def test_corners_and_centres(self):
        corner = cell_pixels((2, 3), (32, 48), offset=0)
        assert corner.shape == (2, 3, 2)
        assert corner[1, 2].tolist() == [32, 16]
        centre = cell_pixels((2, 3), (32, 48), offset=0.5)
        assert centre[0, 0].tolist() == [8, 8]
        assert centre[1, 2].tolist() == [40, 24]

    def test_u_runs_along_columns(self):
        pixels = cell_pixels((4, 5), (64, 80), offset=0)
        assert (pixels[..., 0].diff(dim=1) == 16).all()
        assert (pixels[..., 0].diff(dim=0) == 0).all()


class TestFrustumPoints:
    def test_equals_unprojection_point_by_point(self):
        intrinsic = torch.tensor([[30.0, 0, 24], [0, 30, 16], [0, 0, 1]], dtype=F64)
        shift = torch.eye(4, dtype=F64)
        shift[:3, 3] = torch.tensor([1.0, -2, 0.5])
        src_from_img = torch.linalg.inv(img_from_cam(intrinsic) @ shift).expand(2, 6, 4, 4)
        uv, depths = cell_pixels((2, 3), (32, 48), 0.5), depth_bins(4, 1, 30)
        points = frustum_points(src_from_img, uv, depths)
        assert points.shape == (2, 6, 2, 3, 4, 3)
        for row, column, bin_ in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
            expected = unproject_pixels(
                src_from_img[1, 5], uv[row, column].double()[None], depths[bin_].double()[None]
            )
            torch.testing.assert_close(points[1, 5, row, column, bin_], expected[0])

    def test_gradient(self):
        matrix = torch.randn(4, 4, dtype=F64, requires_grad=True)
        uv, depths = cell_pixels((1, 2), (8, 8), 0.5).double(), depth_bins(2, 1, 9).double()
        assert torch.autograd.gradcheck(lambda m: frustum_points(m, uv, depths), matrix)
