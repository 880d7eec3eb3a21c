import pytest
import torch

from drivetr.models.classical_outputs import DiskPixels, OwnLosses


def test_losses_are_weighted_by_name():
    losses = {"a": torch.tensor(2.0), "b": torch.tensor(3.0)}
    weighted = OwnLosses({"b": 0.5})(losses, [])
    assert {name: loss.item() for name, loss in weighted.items()} == {"a": 2.0, "b": 1.5}
    with pytest.raises(ValueError, match=r"weights for \['c'\], but the losses are \['a', 'b'\]"):
        OwnLosses({"c": 1.0})(losses, [])


def test_boxes_go_back_to_the_image_on_disk():
    output = {
        "boxes": torch.tensor([[0.0, 0.0, 100.0, 50.0], [10.0, 20.0, 30.0, 40.0]]),
        "scores": torch.tensor([0.9, 0.1]), "labels": torch.tensor([3, 0]),
        "size": torch.tensor([50, 100]),
    }  # fmt: skip
    (found,) = DiskPixels()([output], torch.tensor([[100, 400]]))
    expected = torch.tensor([[0.0, 0.0, 400.0, 100.0], [40.0, 40.0, 120.0, 80.0]])
    torch.testing.assert_close(found.boxes, expected)
    assert found.labels.tolist() == [3, 0]
