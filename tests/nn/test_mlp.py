"""Stacks of linear layers, written out."""

import torch
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.nn.mlp import feed_forward, mlp, normed_mlp


def test_relu_stands_between_the_layers_and_not_behind() -> None:
    torch.manual_seed(0)
    model, x = mlp(4, 5, 6, 3), torch.randn(7, 4)
    hidden = model[2](model[0](x).clamp(min=0)).clamp(min=0)
    torch.testing.assert_close(model(x), model[4](hidden))
    assert len(model) == 5
    assert (model(x) < 0).any()


def test_the_normed_one_normalises_before_every_relu() -> None:
    torch.manual_seed(0)
    model, x = normed_mlp(4, 5, 3), torch.randn(7, 4)
    hidden = F.layer_norm(model[0](x), (5,)).clamp(min=0)
    torch.testing.assert_close(model(x), model[3](hidden))
    assert len(model) == 4


def test_a_feed_forward_part_of_no_width_adds_nothing() -> None:
    x = torch.randn(2, 3, 4)
    nothing = feed_forward(4, 0, 0.1)
    assert torch.equal(nothing(x), torch.zeros_like(x))
    assert list(nothing.parameters()) == []
    part = feed_forward(4, 9, 0.1).eval()
    torch.testing.assert_close(part(x), part[3](part[0](x).clamp(min=0)))
