"""The families: depth as counted on paper, shortcuts that do what they say, gradients."""

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from drivetr.models.conv_net import Stage, Unit, small_alexnet, small_resnet, small_vgg

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("make", "depth"),
    [
        (small_alexnet, 8),
        (small_vgg, 9),
        (lambda: small_resnet(1), 8),
        (lambda: small_resnet(3), 20),
        (lambda: small_resnet(7, residual=False), 44),
    ],
)
def test_depth_logits_and_gradients(make, depth):
    torch.manual_seed(0)
    model = make()
    assert model.depth == depth
    logits = model(IMAGES)
    assert logits.shape == (2, 10)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_residual_unit_equals_torchvision_s_block():
    torch.manual_seed(0)
    unit = Unit(4, Stage(4, convs=2), stride=1, norm=True, residual=True).eval()
    block = BasicBlock(4, 4).eval()
    for place, name in ((0, "conv1"), (1, "bn1"), (3, "conv2"), (4, "bn2")):
        own = unit.chain[place]
        getattr(block, name).load_state_dict(own.state_dict(), strict=False)
        if isinstance(own, nn.Conv2d):
            nn.init.zeros_(own.bias)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(unit(x), block(x))


def test_plain_and_residual_differ_by_the_shortcut_alone():
    torch.manual_seed(0)
    stage = Stage(4, convs=2)
    plain = Unit(4, stage, 1, norm=True, residual=False).eval()
    residual = Unit(4, stage, 1, norm=True, residual=True).eval()
    residual.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(residual(x), (plain.chain(x) + x).relu())
    torch.testing.assert_close(plain(x), plain.chain(x).relu())


def test_same_depth_and_nearly_the_same_weights():
    plain, residual = small_resnet(3, residual=False), small_resnet(3)
    count = [sum(p.numel() for p in model.parameters()) for model in (plain, residual)]
    shortcuts = sum(
        p.numel()
        for unit in residual.modules()
        if isinstance(unit, Unit)
        for p in unit.shortcut.parameters()
    )
    assert count[1] - count[0] == shortcuts
    assert shortcuts < 0.02 * count[0]
