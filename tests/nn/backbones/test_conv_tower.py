"""A convolutional network as an image tower."""

import torch

from drivetr.nn.backbones.conv_tower import ConvTower
from drivetr.nn.backbones.tiny_resnet import TinyResNet


def test_pools_the_deepest_map():
    torch.manual_seed(0)
    tower = ConvTower(
        TinyResNet(channels=(32, 16), num_blocks=1, num_outs=1, group_norm=True), 32
    ).eval()
    images = torch.randn(2, 3, 32, 32)
    maps = tower(images)
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 4, 4)]
    assert (tower.out_channels, tower.strides, tower.image_size) == ((16,), (8,), 32)
    expected = torch.stack([maps[-1][:, :, i, j] for i in range(4) for j in range(4)]).mean(0)
    torch.testing.assert_close(tower.pooled(images), expected)
