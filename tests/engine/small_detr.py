"""An untrained checkpoint of the small DETR, and a small set of shapes to try it on."""

from pathlib import Path

import torch

from drivetr.data.shapes.write import ShapesRecipe, write_shapes
from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.config import load_config
from drivetr.engine.spec import DetectorSpec

CONFIG = Path(__file__).parents[2] / "configs/detr/detr_shapes.py"


def write_checkpoint(folder: Path, config: Path = CONFIG) -> Path:
    spec = DetectorSpec.of_config(load_config(config))
    torch.manual_seed(0)
    detector, _ = spec.build_detector()
    weights = {f"detector.{name}": value for name, value in detector.state_dict().items()}
    state = {"iteration": 1, "spec": spec.to_data(), "model": weights, "ema": None}
    folder.mkdir(parents=True, exist_ok=True)
    return save_checkpoint(state, folder, keep=1)


def write_set(folder: Path) -> Path:
    write_shapes(ShapesRecipe(train=2, val=6), folder)
    return folder
