import pytest
import torch
from torch.nn import functional

from drivetr.nn.padding import padding_mask
from drivetr.structures.cameras import Cameras


def cameras(image_size: list[list[int]], pad_size: tuple[int, int]) -> Cameras:
    count = len(image_size)
    return Cameras(
        img_from_lidar=torch.eye(4, dtype=torch.float64).expand(1, count, 4, 4),
        image_size=torch.tensor([image_size]),
        pad_size=pad_size,
        valid=torch.tensor([[False] + [True] * (count - 1)]),
    )


@pytest.mark.parametrize("feature_size", [(4, 10), (5, 7), (64, 160), (1, 1)])
def test_equals_a_mask_resized_to_the_nearest_neighbour(feature_size: tuple[int, int]) -> None:
    image_size, pad_size = [[64, 160], [50, 160], [64, 97], [1, 1]], (64, 160)
    found = padding_mask(cameras(image_size, pad_size), feature_size)
    for number, (height, width) in enumerate(image_size):
        mask = torch.ones(1, 1, *pad_size)
        mask[..., :height, :width] = 0
        expected = functional.interpolate(mask, size=feature_size, mode="nearest")[0, 0].bool()
        assert torch.equal(found[0, number], expected)


def test_absent_cameras_are_not_padding() -> None:
    assert not padding_mask(cameras([[8, 8], [8, 8]], (8, 8)), (2, 2)).any()
