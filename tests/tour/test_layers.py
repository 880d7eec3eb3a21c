"""Scores by layer of a detector that says one thing twice, and then once."""

import json

import pytest
import torch
from torch import nn

from drivetr.data.shapes.write import VERSION, ShapesRecipe, write_shapes
from drivetr.engine.api import LoadedDetector
from drivetr.tour.layers import score
from drivetr.tour.shapes import VAL, small_spec

SIDE = ShapesRecipe(1, 4).size  # of the pictures


class Oracle(nn.Module):
    """Knows the truth of all pictures in order; its first layer says everything twice."""

    def __init__(self, truth: list[list[dict[str, object]]]) -> None:
        super().__init__()
        self.truth = truth
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, images: torch.Tensor, mask: torch.Tensor) -> dict[str, object]:
        logits = torch.full((len(images), 12, 5), -9.0)
        logits[..., -1] = 9
        twice, boxes = logits.clone(), torch.full((len(images), 12, 4), 0.01)
        for number, rows in enumerate(self.truth[: len(images)]):
            for place, row in enumerate(rows):
                x, y, width, height = (side / SIDE for side in row["bbox"])
                box = torch.tensor([x + width / 2, y + height / 2, width, height]) + self.shift
                label = row["category_id"] - 1
                for query, made in ((place, (logits, twice)), (place + 6, (twice,))):
                    boxes[number, query] = box
                    for each in made:
                        each[number, query, label], each[number, query, -1] = 9, -9
        first = {"pred_logits": twice, "pred_boxes": boxes}
        return {"pred_logits": logits, "pred_boxes": boxes, "aux_outputs": [first]}


@pytest.fixture
def case(tmp_path):
    folder = tmp_path / "shapes"
    write_shapes(ShapesRecipe(1, 4), folder)
    content = json.loads((folder / f"annotations/instances_{VAL}.json").read_text())
    truth = [[r for r in content["annotations"] if r["image_id"] == i + 1] for i in range(4)]
    spec = small_spec()
    oracle = Oracle(truth).eval()
    loaded = LoadedDetector(oracle, spec.build_detector()[1], spec, torch.device("cpu"))
    return loaded, (str(folder), VERSION, VAL)


def test_nms_takes_away_what_was_said_twice(case):
    first, last = score(*case)["rows"]
    assert first["AP"] < first["AP_nms"]
    assert first["AP_nms"] == pytest.approx(1)
    assert last["AP"] == last["AP_nms"] == pytest.approx(1)


def test_a_weight_changes_the_data(case):
    loaded, dataset = case
    with torch.no_grad():
        loaded.detector.shift += 0.02
    assert score(loaded, dataset)["rows"][-1]["AP"] < 0.9
