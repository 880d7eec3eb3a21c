import pytest
import torch

from drivetr.nn.backbones.tiny_resnet import TinyResNet


@pytest.mark.parametrize("group_norm", [False, True])
@pytest.mark.parametrize(
    ("num_outs", "channels", "strides"),
    [(1, (128,), (16,)), (2, (64, 128), (8, 16)), (3, (32, 64, 128), (4, 8, 16))],
)
def test_maps(
    num_outs: int, channels: tuple[int, ...], strides: tuple[int, ...], group_norm: bool
) -> None:
    model = TinyResNet(in_channels=5, num_outs=num_outs, group_norm=group_norm)
    assert (model.out_channels, model.strides) == (channels, strides)
    maps = model(torch.randn(2, 5, 96, 256))
    shapes = [(2, c, 96 // s, 256 // s) for c, s in zip(channels, strides, strict=True)]
    assert [tuple(x.shape) for x in maps] == shapes


def test_is_small() -> None:
    assert sum(p.numel() for p in TinyResNet().parameters()) < 0.75e6


def test_every_parameter_learns() -> None:
    model = TinyResNet()
    sum(x.square().mean() for x in model(torch.randn(2, 3, 32, 32))).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_group_norm_does_not_see_the_rest_of_the_batch() -> None:
    images = torch.randn(3, 3, 32, 32)
    for group_norm in (True, False):
        torch.manual_seed(0)
        model = TinyResNet(group_norm=group_norm).train()
        together, alone = model(images)[-1][:1], model(images[:1])[-1]
        assert torch.allclose(together, alone, atol=1e-5) == group_norm
