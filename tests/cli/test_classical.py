"""Classical detectors through the same commands as DETR, on the drawn COCO folder."""

import json
from pathlib import Path

import pytest
import torch

from drivetr.cli.main import main
from drivetr.engine.checkpoint import read_checkpoint
from tests.data.coco.small import write_small_coco

CONFIGS = Path(__file__).parents[2] / "configs" / "classical"
SMALL = [
    "model.num_classes=3", "classes=('block','bar','spot')", "model.score_threshold=0.0",
    "train_data.first=4", "train_data.batch_size=2", "train_data.num_workers=0",
    "test_data.first=4", "test_data.num_workers=0", "schedule.iterations=3",
    "schedule.warmup_iterations=0", "reference_batch_size=2", "checkpoint.interval=1",
    "checkpoint.keep=5",
]  # fmt: skip


@pytest.mark.parametrize("name", ["faster_rcnn_coco128", "single_stage_coco128"])
def test_trains_resumes_and_is_tested(name, tmp_path, capsys):
    coco = write_small_coco(tmp_path / "coco")
    dataset = ["--dataroot", str(coco), "--version", "2017"]
    train = ["train", str(CONFIGS / f"{name}.py"), *dataset, "--device", "cpu"]
    train += ["--cfg-options", *SMALL]
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    assert main([*train, "--work-dir", str(whole)]) == 0
    resume = ["--work-dir", str(rest), "--resume", str(whole / "iter_1.pth")]
    assert main([*train, *resume]) == 0
    # torchvision draws examples at random; a resumed run draws the same.
    one, other = (read_checkpoint(folder / "last.pth")["model"] for folder in (whole, rest))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    capsys.readouterr()
    test = ["test", str(whole / "last.pth"), *dataset, "--split", "train2017", "--device", "cpu"]
    assert main(test) == 0
    metrics = json.loads((whole / "metrics.json").read_text())
    assert 0 <= metrics["AP"] <= 1
    found = json.loads((whole / "results.json").read_text())
    assert found
    assert {row["category_id"] for row in found} <= {2, 5, 90}
    assert f"AP50       {metrics['AP50']:.4f}" in capsys.readouterr().out
