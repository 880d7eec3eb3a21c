"""The layer norm that a condition modulates."""

import pytest
import torch
from torch import nn

from drivetr.nn.modulated_norm import ModulatedNorm


def test_it_starts_as_a_plain_norm():
    x, condition = torch.randn(2, 5, 8), torch.randn(2, 5, 3)
    torch.testing.assert_close(ModulatedNorm(3, 8)(x, condition), nn.functional.layer_norm(x, (8,)))


@torch.no_grad()
@pytest.mark.parametrize("normed", [True, False])
def test_every_token_has_the_scale_and_shift_of_its_own_condition(normed):
    torch.manual_seed(0)
    norm = ModulatedNorm(3, 8, normed)
    for layer in (norm.gamma, norm.beta):
        nn.init.normal_(layer.weight)
    x, condition = torch.randn(2, 5, 8), torch.randn(2, 5, 3)
    found = norm(x, condition)
    for b in range(2):
        for t in range(5):
            told = (norm.reduce.weight @ condition[b, t] + norm.reduce.bias).clamp(min=0)
            scale = norm.gamma.weight @ told + norm.gamma.bias
            shift = norm.beta.weight @ told + norm.beta.bias
            token = x[b, t]
            if normed:
                token = (token - token.mean()) / (token.var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(found[b, t], scale * token + shift, atol=1e-5, rtol=1e-5)


def test_one_condition_serves_all_tokens_of_a_sample():
    norm = ModulatedNorm(3, 8)
    nn.init.normal_(norm.gamma.weight)
    x, condition = torch.randn(2, 5, 8), torch.randn(2, 1, 3)
    torch.testing.assert_close(norm(x, condition), norm(x, condition.expand(-1, 5, -1)))
