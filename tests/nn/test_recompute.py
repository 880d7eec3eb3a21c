import pytest
import torch
from torch import Tensor, nn

from drivetr.nn.recompute import run_block


class Counted(nn.Module):
    """Counts how often it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.sin()


@pytest.mark.parametrize(("recompute", "calls"), [(False, 1), (True, 2)])
def test_a_second_time_for_the_gradient_only(recompute: bool, calls: int) -> None:
    block, x = Counted(), torch.randn(5, requires_grad=True)
    run_block(block, x, recompute).sum().backward()
    torch.testing.assert_close(x.grad, x.detach().cos())
    assert block.calls == calls


@torch.no_grad()
def test_once_without_gradients() -> None:
    block = Counted()
    run_block(block, torch.randn(5), recompute=True)
    assert block.calls == 1
