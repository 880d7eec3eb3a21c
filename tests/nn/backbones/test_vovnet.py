"""timm's VoVNet is the oracle: the same network under other names."""

import re

import pytest
import timm
import torch
from timm.layers import create_attn
from timm.models.vovnet import OsaBlock
from torch import nn

from drivetr.nn.backbones.vovnet import VoVNet
from drivetr.nn.weights import load_weights

TINY = {
    "stem_channels": (8, 8, 16),
    "layer_channels": (8, 12, 16, 20),
    "stage_channels": (24, 32, 48, 64),
    "num_layers": 3,
    "num_blocks": (1, 2, 3, 2),
}


def own_key(theirs: str) -> str:
    """timm's name of a parameter, as the network here calls it."""
    stage = r"stages\.(\d)\.blocks\.(\d+)\."

    def place(match: re.Match) -> str:
        return f"stage{int(match[1]) + 2}.block{int(match[2]) + 1}."

    key = (
        re.sub(stage, place, theirs).replace("conv_mid", "layers").replace("conv_concat", "concat")
    )
    key = re.sub(r"stem\.(\d)", lambda m: f"stem.conv{int(m[1]) + 1}", key)
    return key.replace("attn.fc", "ese.fc").replace("bn.", "norm.")


def timm_vovnet(name: str) -> nn.Module:
    """With a gate in every block, as the PETR family has it; timm's have one in the last."""
    oracle = timm.create_model(name, pretrained=False, num_classes=0)
    for block in oracle.modules():
        if isinstance(block, OsaBlock) and block.attn is None:
            channels = block.conv_concat.conv.out_channels
            block.attn = create_attn("ese", channels)
    return oracle.eval()


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "num_blocks", "size"),
    [
        pytest.param("ese_vovnet99b", (1, 3, 9, 3), (96, 160), marks=pytest.mark.slow),
        ("ese_vovnet39b", (1, 1, 2, 2), (70, 90)),
    ],
)
def test_equals_timm(name: str, num_blocks: tuple[int, ...], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    oracle = timm_vovnet(name)
    for module in oracle.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    model = VoVNet(num_blocks=num_blocks, stages=(2, 3, 4, 5)).eval()
    load_weights(model, oracle.state_dict(), own_key)
    images = torch.randn(2, 3, *size)
    expected = oracle.forward_intermediates(images, indices=4, intermediates_only=True)
    for own, theirs, channels in zip(model(images), expected, model.out_channels, strict=True):
        torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)
        assert own.shape[1] == channels


def test_defaults_are_v99() -> None:
    """As many parameters as timm's V-99 without its classifier."""
    with torch.device("meta"):
        model = VoVNet()
        oracle = timm_vovnet("ese_vovnet99b")
    assert (model.out_channels, model.strides) == ((768, 1024), (16, 32))
    counts = [sum(p.numel() for p in m.parameters()) for m in (model, oracle)]
    assert counts[0] == counts[1]


def test_strides_of_divisible_images() -> None:
    model = VoVNet(**TINY, stages=(2, 3, 4, 5)).eval()
    for features, stride in zip(model(torch.zeros(1, 3, 64, 96)), model.strides, strict=True):
        assert features.shape[-2:] == (64 // stride, 96 // stride)


def test_later_stages_are_not_built() -> None:
    model = VoVNet(**TINY, stages=[2, 3])
    assert model.out_channels == (24, 32)
    assert not any(name.startswith(("stage4", "stage5")) for name in model.state_dict())


@pytest.mark.parametrize(
    ("frozen_stages", "frozen"), [(0, ()), (1, ("stem",)), (2, ("stem", "stage2"))]
)
def test_frozen_stages(frozen_stages: int, frozen: tuple[str, ...]) -> None:
    model = VoVNet(**TINY, frozen_stages=frozen_stages).train()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != (name.split(".")[0] in frozen), name
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training != (name.split(".")[0] in frozen), name


def test_frozen_norm_keeps_statistics_and_gets_no_gradient() -> None:
    model = VoVNet(**TINY, frozen_norm=True).train()
    before = {k: v.clone() for k, v in model.state_dict().items() if "running" in k}
    sum(x.sum() for x in model(torch.randn(2, 3, 64, 64))).backward()
    assert all(torch.equal(model.state_dict()[k], v) for k, v in before.items())
    learning = {name for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {n for n, _ in model.named_parameters() if ".norm." not in n}


def test_checkpointing_changes_no_gradient() -> None:
    plain = VoVNet(**TINY, frozen_norm=True)
    sparing = VoVNet(**TINY, frozen_norm=True, with_checkpoint=True)
    sparing.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 64, 64)
    for model in (plain, sparing):
        sum(x.square().mean() for x in model.train()(images)).backward()
    for own, other in zip(plain.parameters(), sparing.parameters(), strict=True):
        assert (own.grad is None) == (other.grad is None)
        if own.grad is not None:
            torch.testing.assert_close(own.grad, other.grad, atol=0, rtol=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"stages": ()},
        {"stages": (5, 4)},
        {"stages": (1, 2)},
        {"stages": (6,)},
        {"num_blocks": (1, 3)},
        {"with_checkpoint": True},
    ],
)
def test_impossible_networks_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="stages|differ in length|frozen_norm"):
        VoVNet(**(TINY | arguments))
