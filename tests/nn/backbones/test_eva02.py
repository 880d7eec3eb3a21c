"""timm's EVA-02 is the oracle where all cells attend to all; windows are checked by crops."""

import re

import pytest
import timm
import torch
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.backbones.eva02 import EVA02, GridBlock
from drivetr.nn.patches import resize_positions
from drivetr.nn.weights import load_weights

SMALL = dict(learned_grid=4, num_layers=3, num_heads=2, embed_dim=32)
GLOBAL = dict(window=0, global_window=0, global_blocks=())
RULES = (
    (r"patch_embed\.proj\.", "patches."),
    (r"pos_embed", "positions"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"blocks.\1.attention.out_proj."),
    (r"blocks\.(\d+)\.attn\.", r"blocks.\1.attention."),
    (r"blocks\.(\d+)\.mlp\.fc1_g\.", r"blocks.\1.mlp.gate."),
    (r"blocks\.(\d+)\.mlp\.fc1_x\.", r"blocks.\1.mlp.value."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"blocks.\1.mlp.out."),
)


def own_key(theirs: str) -> str | None:
    for pattern, replacement in RULES:
        theirs = re.sub(f"^{pattern}", replacement, theirs)
    return None if theirs.startswith("fc_norm") else theirs


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return module.eval()


def timm_eva02(size: tuple[int, int]) -> nn.Module:
    return shaken(
        timm.create_model(
            "eva02_large_patch14_224", pretrained=False, img_size=size, patch_size=16, depth=3,
            embed_dim=32, num_heads=2, class_token=False, num_classes=0,
        )
    )  # fmt: skip


@torch.no_grad()
def test_square_images_equal_timm() -> None:
    oracle = timm_eva02((64, 64))
    model = EVA02(**SMALL, **GLOBAL).eval()
    load_weights(model, oracle.state_dict(), own_key)
    images = torch.randn(2, 3, 64, 64)
    expected = oracle.forward_features(images).transpose(1, 2).reshape(2, 32, 4, 4)
    (features,) = model(images)
    assert expected.std() > 0.1
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-5)
    assert (model.out_channels, model.strides) == ((32,), (16,))


@torch.no_grad()
def test_wide_images_equal_timm_with_resized_positions() -> None:
    oracle = timm_eva02((48, 112))
    model = shaken(EVA02(**SMALL, **GLOBAL))
    learned = model.positions.clone()
    state = oracle.state_dict() | {"pos_embed": learned}
    load_weights(model, state, own_key)
    oracle.pos_embed.copy_(resize_positions(learned, 3, 7))
    images = torch.randn(2, 3, 48, 112)
    expected = oracle.forward_features(images).transpose(1, 2).reshape(2, 32, 3, 7)
    torch.testing.assert_close(model(images)[0], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("rows", "columns"), [(4, 8), (5, 7)])
def test_a_window_equals_a_run_on_its_crop(rows: int, columns: int) -> None:
    """Zeros complete the last windows, behind the norm: a crop gets them where the norm is off."""
    block = shaken(GridBlock(32, 2, window=4, drop=0.0))
    x = torch.randn(2, rows, columns, 32)
    normed = block.norm1(x)
    whole = torch.zeros(2, 8, 8, 32)
    whole[:, :rows, :columns] = normed
    seen = torch.zeros_like(whole)
    for i in (0, 4):
        for j in (0, 4):
            seen[:, i : i + 4, j : j + 4] = block.attention(whole[:, i : i + 4, j : j + 4])
    middle = x + seen[:, :rows, :columns]
    expected = middle + block.mlp(block.norm2(middle))
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_only_global_blocks_see_beyond_their_window() -> None:
    def change_elsewhere(model: EVA02) -> Tensor:
        """How the upper left window's features change with a pixel outside it."""
        images = torch.randn(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
        moved = images.clone()
        moved[..., 40, 100] += 10
        return (model(images)[0] - model(moved)[0])[..., :2, :2].abs().max()

    windows = dict(window=2, global_window=0)
    assert change_elsewhere(shaken(EVA02(**SMALL, **windows, global_blocks=()))) == 0
    assert change_elsewhere(shaken(EVA02(**SMALL, **windows, global_blocks=(1,)))) > 1e-4
    model = shaken(EVA02(**SMALL, window=2, global_window=4, global_blocks=(1,)))
    assert [block.window for block in model.blocks] == [2, 4, 2]


def test_checkpointing_changes_no_gradient() -> None:
    plain, sparing = (
        EVA02(**SMALL, window=2, global_window=0, global_blocks=(1,), with_checkpoint=flag)
        for flag in (False, True)
    )
    sparing.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 64, 64)
    for model in (plain, sparing):
        model.train()(images)[0].square().mean().backward()
    for own, other in zip(plain.parameters(), sparing.parameters(), strict=True):
        assert own.grad is not None
        torch.testing.assert_close(own.grad, other.grad, atol=0, rtol=0)


def test_samples_skip_parts_in_training_only() -> None:
    torch.manual_seed(0)
    model = EVA02(**SMALL, **GLOBAL, drop_path=0.9)
    assert [block.drop.p for block in model.blocks] == pytest.approx([0, 0.45, 0.9])
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.eval()(images)[0], model(images)[0])
        assert not torch.equal(model.train()(images)[0], model(images)[0])


def test_defaults_are_the_published_vit_l() -> None:
    """As many parameters as timm's, but for its class token and its last norm."""
    with torch.device("meta"):
        model = EVA02()
        oracle = timm.create_model(
            "eva02_large_patch14_224", pretrained=False, patch_size=16, num_classes=0
        )
    theirs = {k: t for k, t in oracle.named_parameters() if not k.startswith(("fc_norm", "norm."))}
    count = sum(p.numel() for p in theirs.values()) - 2 * 1024  # the class token and its position
    assert sum(p.numel() for p in model.parameters()) == count
    assert [i for i, block in enumerate(model.blocks) if block.window == 20] == [*range(2, 24, 3)]


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="global_blocks"):
        EVA02(num_layers=2)
    with pytest.raises(ValueError, match="multiple of 4"):
        EVA02(**(SMALL | {"embed_dim": 36}), **GLOBAL)
    with pytest.raises(DrivetrError, match="patches of 16x16"):
        EVA02(**SMALL, **GLOBAL)(torch.zeros(1, 3, 60, 64))
