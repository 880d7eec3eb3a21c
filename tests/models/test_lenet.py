"""LeNet-5's sizes, which the paper counts, and that it learns."""

import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.models.lenet import LeNet5


def test_trainable_weights_as_the_paper_counts_them():
    """C1 156 and C5 48,120 are the paper's; C1 has two more input channels here."""
    sizes = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in LeNet5().named_children()
        if any(True for _ in part.parameters())
    }
    assert sizes["c1"] == 156 + 6 * 2 * 25
    assert sizes["c5"] == 48_120
    assert sizes["f6"] == 10_164


@torch.no_grad()
def test_first_layers_by_hand():
    torch.manual_seed(0)
    model, image = LeNet5(), torch.randn(1, 3, 32, 32)
    seen = {}
    model.c3.register_forward_pre_hook(lambda module, inputs: seen.update(s2=inputs[0]))
    model(image)
    # Cell (3, 4) of S2's map 2: the mean of tanh of four windows of C1.
    windows = [image[0, :, r : r + 5, c : c + 5] for r in (6, 7) for c in (8, 9)]
    values = [(model.c1.weight[2] * w).sum() + model.c1.bias[2] for w in windows]
    torch.testing.assert_close(seen["s2"][0, 2, 3, 4], torch.stack(values).tanh().mean())


def test_learns_a_few_images():
    torch.manual_seed(0)
    model, images, labels = LeNet5(4), torch.randn(4, 3, 32, 32), torch.arange(4)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert model(images).argmax(1).equal(labels)


def test_another_size_is_refused():
    with pytest.raises(DrivetrError, match="reads images of 32x32 pixels, not of 28x28"):
        LeNet5()(torch.zeros(1, 3, 28, 28))
