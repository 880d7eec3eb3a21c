"""Pixels to what a backbone was trained on, channel by channel."""

import pytest
import torch

from drivetr.nn.normalize import ImageNormalizer

MEAN, STD = (10.0, 20.0, 30.0), (1.0, 2.0, 4.0)


@pytest.mark.parametrize(("bgr", "channels"), [(False, (0, 1, 2)), (True, (2, 1, 0))])
def test_every_channel_has_its_own_numbers(bgr: bool, channels: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, (2, 6, 3, 4, 5), dtype=torch.uint8)
    found = ImageNormalizer(MEAN, STD, bgr)(images)
    assert found.dtype == torch.float32
    for out, source in enumerate(channels):
        expected = (images[:, :, source].float() - MEAN[out]) / STD[out]
        torch.testing.assert_close(found[:, :, out], expected)


def test_its_numbers_are_no_weights() -> None:
    assert ImageNormalizer().state_dict() == {}


@pytest.mark.parametrize("mean", [(1.0, 2.0), 3.0, None])
def test_other_than_three_numbers_are_refused(mean: object) -> None:
    with pytest.raises(ValueError, match="mean is .*, expected three numbers"):
        ImageNormalizer(mean=mean)
