import pytest
import torch
import torchvision
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter

from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.weights import load_weights

STRIDES = (4, 8, 16, 32)


def torchvision_resnet(depth: int) -> nn.Module:
    """torchvision's network with running statistics that are not those of a fresh one."""
    torch.manual_seed(depth)
    network = getattr(torchvision.models, f"resnet{depth}")(weights=None)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network.eval()


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("size", [(64, 96), (70, 90)])
def test_equals_torchvision(depth: int, size: tuple[int, int]) -> None:
    oracle = torchvision_resnet(depth)
    model = ResNet(depth, stages=(1, 2, 3, 4)).eval()
    load_weights(model, oracle.state_dict(), model.torchvision_key)
    images = torch.randn(2, 3, *size)
    layers = {f"layer{n}": str(n) for n in (1, 2, 3, 4)}
    expected = IntermediateLayerGetter(oracle, layers)(images)
    for own, theirs, channels in zip(
        model(images), expected.values(), model.out_channels, strict=True
    ):
        torch.testing.assert_close(own, theirs, atol=1e-6, rtol=1e-6)
        assert own.shape[1] == channels


def test_strides() -> None:
    model = ResNet(18, stages=(1, 2, 3, 4))
    assert model.strides == STRIDES
    for features, stride in zip(model(torch.zeros(1, 3, 128, 192)), STRIDES, strict=True):
        assert features.shape[-2:] == (128 // stride, 192 // stride)


def test_stages_may_come_as_a_list() -> None:
    """A rebuilt checkpoint brings lists: its settings travelled as data."""
    assert ResNet(18, stages=[2, 3]).strides == (8, 16)


def test_later_stages_are_not_built() -> None:
    model = ResNet(18, stages=(2,))
    assert not any(name.startswith(("layer3", "layer4", "fc")) for name in model.state_dict())
    report = load_weights(model, torchvision_resnet(18).state_dict(), model.torchvision_key)
    assert {name.split(".")[0] for name in report.ignored} == {"layer3", "layer4", "fc"}


def test_caffe_style_moves_the_stride_and_nothing_else() -> None:
    model = ResNet(50, style="caffe")
    for number in (2, 3, 4):
        block = model.get_submodule(f"layer{number}.0")
        assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
        assert block.downsample[0].stride == (2, 2)
    assert model.state_dict().keys() == ResNet(50).state_dict().keys()


def test_frozen_norm_keeps_statistics_and_gets_no_gradient() -> None:
    model = ResNet(18, frozen_norm=True).train()
    before = {k: v.clone() for k, v in model.state_dict().items() if "running" in k}
    sum(x.sum() for x in model(torch.randn(2, 3, 64, 64))).backward()
    assert all(torch.equal(model.state_dict()[k], v) for k, v in before.items())
    assert model.bn1.weight.grad is None
    assert model.conv1.weight.grad is not None


def test_live_norm_follows_the_batch() -> None:
    model = ResNet(18).train()
    before = model.bn1.running_mean.clone()
    model(torch.randn(2, 3, 64, 64))
    assert not torch.equal(model.bn1.running_mean, before)


@pytest.mark.parametrize(
    ("frozen_stages", "frozen"), [(-1, ()), (0, ("conv1", "bn1")), (1, ("conv1", "bn1", "layer1"))]
)
def test_frozen_stages(frozen_stages: int, frozen: tuple[str, ...]) -> None:
    model = ResNet(18, frozen_stages=frozen_stages).train()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != (name.split(".")[0] in frozen), name
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training != (name.split(".")[0] in frozen), name


@pytest.mark.parametrize("frozen_stages", [-1, 1])
def test_checkpointing_changes_no_gradient(frozen_stages: int) -> None:
    plain = ResNet(18, frozen_stages=frozen_stages, frozen_norm=True)
    sparing = ResNet(18, frozen_stages=frozen_stages, frozen_norm=True, with_checkpoint=True)
    sparing.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 64, 64)
    for model in (plain, sparing):
        sum(x.square().mean() for x in model.train()(images)).backward()
    for own, other in zip(plain.parameters(), sparing.parameters(), strict=True):
        assert (own.grad is None) == (other.grad is None)
        if own.grad is not None:
            torch.testing.assert_close(own.grad, other.grad, atol=0, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("style", ["pytorch", "caffe"])
def test_fresh_deformable_stages_see_half_of_what_plain_ones_see(style: str) -> None:
    torch.manual_seed(0)
    plain = ResNet(50, stages=(3, 4), style=style).double().eval()
    deformable = ResNet(50, stages=(3, 4), style=style, deformable_stages=(3, 4)).double().eval()
    fresh = deformable.may_start_fresh
    assert len(fresh) == 2 * (6 + 3)  # weight and bias in every block of both stages
    load_weights(deformable, plain.state_dict(), allow_missing=fresh)
    for name, parameter in plain.named_parameters():
        if name.startswith(("layer3", "layer4")) and name.endswith("conv2.weight"):
            parameter /= 2
    images = torch.randn(1, 3, 70, 90, dtype=torch.float64)
    for own, other in zip(deformable(images), plain(images), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-5)


def test_deformable_names_are_mmdets() -> None:
    with torch.device("meta"):
        plain, deformable = ResNet(101), ResNet(101, style="caffe", deformable_stages=(3, 4))
    added = {k: tuple(t.shape) for k, t in deformable.state_dict().items()}
    for name, tensor in plain.state_dict().items():
        assert added.pop(name) == tensor.shape
    expected = {}
    for stage, blocks, width in ((3, 23, 256), (4, 3, 512)):
        for place in (f"layer{stage}.{i}.conv2.conv_offset" for i in range(blocks)):
            expected |= {f"{place}.weight": (27, width, 3, 3), f"{place}.bias": (27,)}
    assert added == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"depth": 20},
        {"stages": ()},
        {"stages": (4, 3)},
        {"stages": (5,)},
        {"depth": 18, "style": "caffe"},
        {"with_checkpoint": True},
        {"depth": 18, "deformable_stages": (3,)},
        {"stages": (2, 3), "deformable_stages": (3, 4)},
    ],
)
def test_impossible_networks_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="ResNet|frozen_norm|deformable"):
        ResNet(**arguments)
