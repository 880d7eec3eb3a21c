"""A small world and a CLIP with random weights, for tests of what is made with them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset
from drivetr.evaluation.nuscenes.submission import write_submission
from drivetr.geometry.rigid import invert_rigid
from drivetr.models.published import FAMILIES
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections

VERSION = "v1.0-synth"
IMAGE_SIZE = 16


def write_world(out: Path) -> Path:
    """Two scenes of one keyframe: one of synth_train, one of synth_val."""
    recipe = Recipe(nuscenes_rig(48, 96), 2, 1, 1, 5, 20.0, 2.0, False)
    assert write_dataset(recipe, out, workers=1)
    return out


def write_vocabulary(path: Path) -> Path:
    """A list of two merges."""
    path.write_text("#version: 0.2\na r\nc ar</w>\n")
    return path


def write_clip(folder: Path, seed: int = 0, vocab_size: int = 516) -> Path:
    """A CLIP as `drivetr convert` writes it, for the vocabulary above."""
    settings = {
        "image_size": IMAGE_SIZE, "patch_size": 8, "vision_layers": 1, "vision_heads": 1,
        "vision_dim": 16, "vision_mlp_dim": 16, "vocab_size": vocab_size, "context_length": 12,
        "text_dim": 16, "text_heads": 1, "text_layers": 1, "text_mlp_dim": 16,
        "activation": "quick_gelu", "embed_dim": 8,
    }  # fmt: skip
    torch.manual_seed(seed)
    model = FAMILIES["clip"].build(settings)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    description = {"format": 1, "family": "clip", "name": "clip", "settings": settings}
    (folder / "config.json").write_text(json.dumps(description))
    return folder


def write_truth(index: NuScenesIndex, split: str, path: Path) -> Path:
    """A submission that repeats what is annotated in a split, with falling scores."""
    answers = {}
    for row in index.samples_of_split(split):
        sample = index.sample(int(row))
        ego_from_lidar = torch.from_numpy(sample.ego_from_lidar)
        pose = torch.from_numpy(sample.global_from_ego) @ ego_from_lidar
        truth = TargetBuilder(0).build(sample.annotations, invert_rigid(pose))
        scores = torch.linspace(0.9, 0.4, len(truth))
        answers[sample.token] = (
            Detections(truth.boxes, scores, truth.labels), pose, ego_from_lidar,
        )  # fmt: skip
    write_submission(path, answers, DETECTION_CLASSES)
    return path
