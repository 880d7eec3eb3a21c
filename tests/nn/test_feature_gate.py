"""PETRv2's gate against a loop over cells."""

import torch
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.nn.feature_gate import FeatureGate


def test_every_cell_is_weighed_by_its_own_features() -> None:
    torch.manual_seed(0)
    gate = FeatureGate(4)
    position, features = torch.randn(2, 4, 3, 5), torch.randn(2, 4, 3, 5)
    found = gate(position, features)
    for row, column in [(0, 0), (2, 4)]:
        hidden = F.linear(features[1, :, row, column], gate.reduce.weight[..., 0, 0])
        hidden = (hidden + gate.reduce.bias).clamp(min=0)
        weight = F.linear(hidden, gate.expand.weight[..., 0, 0], gate.expand.bias)
        expected = position[1, :, row, column] / (1 + (-weight).exp())
        torch.testing.assert_close(found[1, :, row, column], expected)


def test_features_learn_through_the_gate() -> None:
    gate = FeatureGate(4)
    features = torch.randn(1, 4, 2, 2, requires_grad=True)
    gate(torch.randn(1, 4, 2, 2), features).sum().backward()
    assert features.grad is not None
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in gate.parameters())
