from dataclasses import replace

import pytest
import torch

from drivetr.structures.cameras import Cameras


def make_cameras(*lead: int, pad_size: tuple[int, int] = (64, 96)) -> Cameras:
    generator = torch.Generator().manual_seed(len(lead))
    noise = 0.1 * torch.randn(*lead, 4, 4, dtype=torch.float64, generator=generator)
    return Cameras(
        img_from_lidar=torch.eye(4, dtype=torch.float64) + noise,
        image_size=torch.tensor([60, 90]).expand(*lead, 2),
        pad_size=pad_size,
        valid=torch.ones(lead, dtype=torch.bool),
    )


class TestCameras:
    @pytest.mark.parametrize("lead", [(6,), (2, 6), (1, 0)])
    def test_inverse_projection_is_exact_in_float64(self, lead):
        cameras = make_cameras(*lead)
        product = cameras.lidar_from_img @ cameras.img_from_lidar
        assert cameras.lidar_from_img.dtype == torch.float64
        torch.testing.assert_close(product, torch.eye(4, dtype=torch.float64).expand(*lead, 4, 4))

    def test_inverse_is_float64_even_of_float32(self):
        cameras = Cameras(torch.eye(4)[None], torch.tensor([[4, 4]]), (4, 4), torch.tensor([True]))
        assert cameras.lidar_from_img.dtype == torch.float64

    @pytest.mark.parametrize("field", ["img_from_lidar", "image_size", "valid"])
    def test_fields_must_agree(self, field):
        """Also where no shape checker runs, so the check is called past it."""
        cameras = make_cameras(6)
        object.__setattr__(cameras, field, getattr(cameras, field)[:5])
        with pytest.raises(ValueError, match="does not fit"):
            cameras.__post_init__()

    def test_images_of_the_past_and_absent_ones_are_not_present(self):
        cameras = make_cameras(4)
        cameras = replace(
            cameras,
            valid=torch.tensor([True, False, True, True]),
            age_s=torch.tensor([0.04, 0.0, -0.05, 0.25], dtype=torch.float64),
        )
        assert cameras.present.tolist() == [True, False, True, False]
        assert replace(cameras, age_s=None).present.tolist() == [True, False, True, True]

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            make_cameras(6).pad_size = (1, 1)

    def test_to_moves_every_tensor(self):
        moved = make_cameras(6).to("meta")
        for tensor in (moved.img_from_lidar, moved.image_size, moved.valid):
            assert tensor.is_meta
        assert moved.pad_size == (64, 96)


class TestStack:
    def test_adds_a_batch_dimension(self):
        one, two = make_cameras(6), make_cameras(6)
        batch = Cameras.stack([one, two])
        assert batch.img_from_lidar.shape == (2, 6, 4, 4)
        assert batch.image_size.shape == (2, 6, 2)
        assert batch.valid.shape == (2, 6)
        assert torch.equal(batch.img_from_lidar[1], two.img_from_lidar)

    def test_refuses_different_input_sizes(self):
        with pytest.raises(ValueError, match=r"\(32, 96\), \(64, 96\)"):
            Cameras.stack([make_cameras(6), make_cameras(6, pad_size=(32, 96))])
