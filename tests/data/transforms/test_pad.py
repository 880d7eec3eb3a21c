"""Pad: right and bottom, and the image size stays what it was."""

import torch

from drivetr.data.transforms.pad import Pad


def test_next_multiple_right_and_bottom(frame, generator):
    after = Pad(32)(frame, generator)
    assert after.images.shape[-2:] == (96, 160)
    assert after.cameras.pad_size == (96, 160)
    assert after.cameras.image_size.tolist() == [[90, 160]] * 6
    assert torch.equal(after.images[..., :90, :], frame.images)
    assert not after.images[..., 90:, :].any()
    assert torch.equal(after.cameras.img_from_lidar, frame.cameras.img_from_lidar)


def test_a_size_that_fits_stays(frame, generator):
    assert Pad(10)(frame, generator).images.shape == frame.images.shape


def test_a_colour(frame, generator):
    after = Pad(32, fill_rgb=(123.675, 116.28, 103.53))(frame, generator)
    assert torch.equal(after.images[..., :90, :], frame.images)
    added = after.images[..., 90:, :].movedim(1, -1)
    assert (added == torch.tensor([124, 116, 104])).all()
