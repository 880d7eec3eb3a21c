"""Names of the published EVA-02, spelled out by hand: there is no recording of it."""

import torch
from torch import Tensor

from drivetr.models.eva02_layouts import EVA02
from drivetr.models.petr_layouts import STREAMPETR_LAYOUT
from drivetr.nn.backbones import eva02
from drivetr.nn.necks.simple_pyramid import SimplePyramid
from drivetr.nn.weights import load_weights

DIM, HIDDEN, OUT = 32, 85, 12  # int(32 * 8 / 3) = 85
LINEAR = {"proj": (DIM, DIM), "w1": (HIDDEN, DIM), "w2": (HIDDEN, DIM), "w3": (DIM, HIDDEN)}


def published_block(i: int) -> dict[str, tuple[int, ...]]:
    """One of its blocks: biases of queries and values stand alone, keys have none."""
    start = f"blocks.{i}."
    shapes = {f"{start}attn.{n}_proj.weight": (DIM, DIM) for n in "qkv"}
    shapes |= {f"{start}attn.{n}_bias": (DIM,) for n in "qv"}
    for name, shape in LINEAR.items():
        place = start + ("attn." if name == "proj" else "mlp.") + name
        shapes |= {f"{place}.weight": shape, f"{place}.bias": shape[:1]}
    for name, width in (("norm1", DIM), ("norm2", DIM), ("mlp.ffn_ln", HIDDEN)):
        shapes |= {f"{start}{name}.weight": (width,), f"{start}{name}.bias": (width,)}
    return shapes | {f"{start}attn.rope.freqs_{n}": (16, 16) for n in ("cos", "sin")}


def published_level(stage: int, first: int, width: int) -> dict[str, tuple[int, ...]]:
    """The two convolutions of a level and their norms, behind what rescales it."""
    shapes = {}
    for index, incoming, kernel in ((first, width, 1), (first + 1, OUT, 3)):
        start = f"adapter.simfp_{stage}.{index}."
        shapes[f"{start}weight"] = (OUT, incoming, kernel, kernel)
        shapes |= {f"{start}norm.weight": (OUT,), f"{start}norm.bias": (OUT,)}
    return shapes


def published_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    shapes = {"pos_embed": (1, 17, DIM), "patch_embed.proj.weight": (DIM, 3, 16, 16)}
    shapes |= {"patch_embed.proj.bias": (DIM,), "rope_win.freqs_cos": (4, 16)}
    for i in range(3):
        shapes |= published_block(i)
    for stage, first, width in ((2, 4, DIM // 4), (3, 1, DIM // 2), (4, 0, DIM), (5, 1, DIM)):
        shapes |= published_level(stage, first, width)
    for name, (incoming, outgoing) in {
        "simfp_2.0": (DIM, DIM // 2),
        "simfp_2.3": (DIM // 2, DIM // 4),
        "simfp_3.0": (DIM, DIM // 2),
        "simfp_5.0": (DIM, DIM),
    }.items():
        shapes[f"adapter.{name}.weight"] = (incoming, outgoing, 2, 2)
        shapes[f"adapter.{name}.bias"] = (outgoing,)
    shapes |= {f"adapter.simfp_2.1.{n}": (DIM // 2,) for n in ("weight", "bias")}
    return {f"img_backbone.{name}": torch.randn(shape) for name, shape in shapes.items()}


def small_eva02() -> eva02.EVA02:
    return eva02.EVA02(learned_grid=4, num_layers=3, num_heads=2, embed_dim=DIM, global_blocks=(2,))


def test_every_name_of_a_detectors_file_finds_its_place() -> None:
    state = published_state()
    own = STREAMPETR_LAYOUT.translate(state)
    whole = torch.nn.ModuleDict()
    whole["backbone"] = small_eva02()
    whole["neck"] = SimplePyramid(DIM, OUT, (4, 2, 1, 0.5), "convolution")
    load_weights(whole, {k.removeprefix("detector."): t for k, t in own.items()})
    block, trunk = whole["backbone"].blocks[1], whole["backbone"]
    assert torch.equal(block.attention.q_proj.bias, state["img_backbone.blocks.1.attn.q_bias"])
    assert torch.equal(block.attention.v_proj.bias, state["img_backbone.blocks.1.attn.v_bias"])
    assert torch.equal(block.mlp.gate.weight, state["img_backbone.blocks.1.mlp.w1.weight"])
    assert torch.equal(trunk.positions, state["img_backbone.pos_embed"][:, 1:])
    level = whole["neck"].levels[0]
    assert torch.equal(level[0][3].bias, state["img_backbone.adapter.simfp_2.3.bias"])
    assert torch.equal(level[4].bias, state["img_backbone.adapter.simfp_2.5.norm.bias"])


def test_the_backbone_out_of_a_file() -> None:
    state = published_state()
    own = EVA02.translate(state)
    trunk = {k.removeprefix("backbone."): t for k, t in own.items() if k.startswith("backbone.")}
    load_weights(small_eva02(), trunk)
    assert all(k.startswith(("backbone.", "neck.")) for k in own)
    assert len(EVA02.dropped(state)) == 1 + 3 * 2


def test_rotations_of_any_depth_are_left_out() -> None:
    deep = {"img_backbone.blocks.39.attn.rope.freqs_cos": torch.zeros(1)}
    for layout in (EVA02, STREAMPETR_LAYOUT):
        assert [*layout.dropped(deep)] == [*deep]
        assert not layout.dropped({"img_backbone.blocks.39.attn.proj.weight": torch.zeros(1)})
