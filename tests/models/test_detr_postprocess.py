"""DETR's detections, query by query."""

import math

import pytest
import torch

from drivetr.models.detr_postprocess import BestClassPostprocess


def test_likeliest_class_and_pixels_of_every_query() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 4, generator=generator)
    logits[0, 0, 3] = 9.0  # "no object" is likeliest, and is no answer
    boxes = torch.rand(2, 4, 4, generator=generator)
    sizes = [(40, 100), (30, 20)]  # height, width
    found = BestClassPostprocess()(
        {"pred_logits": logits, "pred_boxes": boxes}, torch.tensor(sizes)
    )
    for image, (height, width) in enumerate(sizes):
        assert len(found[image]) == 4
        for query in range(4):
            row = logits[image, query].tolist()
            best = max(range(3), key=row.__getitem__)
            x, y, w, h = boxes[image, query].tolist()
            corners = [(x - w / 2) * width, (y - h / 2) * height]
            corners += [(x + w / 2) * width, (y + h / 2) * height]
            score = math.exp(row[best]) / sum(map(math.exp, row))
            assert found[image].labels[query] == best
            assert found[image].scores[query].item() == pytest.approx(score, rel=1e-5)
            assert found[image].boxes[query].tolist() == pytest.approx(corners, abs=1e-4)
