"""Grouped outputs."""

import torch

from drivetr.nn.grouped_mlp import GroupedMlp


def test_groups_share_the_trunk_and_nothing_else() -> None:
    torch.manual_seed(0)
    model = GroupedMlp(6, (2, 1, 3))
    x = torch.randn(2, 5, 6)
    found = model(x)
    assert found.shape == (2, 5, 6)
    found[..., 2].sum().backward()
    learns = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name.split(".")[1] for name in learns if name.startswith("groups")} == {"1"}
    assert any(name.startswith("trunk.0") for name in learns)
    hidden = model.trunk[2](model.trunk[0](x).clamp(min=0)).clamp(min=0)
    group = model.groups[2]
    expected = group[2](group[0](hidden).clamp(min=0))
    torch.testing.assert_close(found[..., 3:], expected)
