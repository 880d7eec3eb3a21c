"""Images of different sizes side by side."""

import pytest
import torch

from drivetr.structures.images import ImageSample, collate_images
from drivetr.structures.targets2d import Targets2D


def sample(height: int, width: int, number: int = 1, targets: bool = True) -> ImageSample:
    truth = Targets2D(torch.full((2, 4), 0.5), torch.tensor([0, 1])) if targets else None
    return ImageSample(f"{number}.jpg", number, torch.ones(3, height, width), (9, 8), truth)


class TestCollate:
    def test_padding_is_at_the_right_and_at_the_bottom(self):
        batch = collate_images([sample(2, 5), sample(4, 3, 2)])
        images, mask = batch.inputs
        assert images.shape == (2, 3, 4, 5)
        assert torch.equal(images[:, 0] == 0, mask)
        assert not mask[0, :2].any()
        assert mask[0, 2:].all()
        assert not mask[1, :, :3].any()
        assert mask[1, :, 3:].all()

    def test_what_model_criterion_and_postprocess_get(self):
        batch = collate_images([sample(2, 5), sample(4, 3, 2)])
        assert batch.truth == (batch.targets,)
        assert len(batch.targets) == 2
        assert batch.sizes[0].tolist() == [[9, 8], [9, 8]]
        assert batch.names == ["1.jpg", "2.jpg"]
        assert batch.samples[1].image.numel() == 0

    def test_without_ground_truth(self):
        assert collate_images([sample(2, 2, targets=False)]).targets == []

    def test_mixed_or_none(self):
        with pytest.raises(ValueError, match="or no images"):
            collate_images([sample(2, 2), sample(2, 2, targets=False)])
        with pytest.raises(ValueError, match="no images"):
            collate_images([])

    def test_not_normalised(self):
        raw = ImageSample("a", 1, torch.ones(3, 2, 2, dtype=torch.uint8), (2, 2))
        with pytest.raises(ValueError, match="Normalize"):
            collate_images([raw])

    def test_device(self):
        batch = collate_images([sample(2, 2)]).to("meta")
        assert all(tensor.is_meta for tensor in (*batch.inputs, *batch.sizes))
        assert batch.targets[0].boxes.is_meta
