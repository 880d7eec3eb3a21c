"""What tests of replays make of a small dataset: submissions, checkpoints, moments."""

import json
from pathlib import Path
from typing import Any

import torch

from drivetr.cli.replay_moments import Moment
from drivetr.cli.replay_predictions import PredictionSource
from drivetr.cli.replay_scene import SceneReader
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.config import load_config
from drivetr.engine.spec import DetectorSpec
from drivetr.evaluation.nuscenes.submission import write_submission
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections

VERSION = "v1.0-synth"
CONFIGS = Path(__file__).parents[2] / "configs"
CONFIG = CONFIGS / "petr" / "petr_point_synth.py"
STREAM_CONFIG = CONFIGS / "streampetr" / "streampetr_point_synth.py"


def perfect_results(
    dataroot: Path, path: Path, scenes: int | None = None, version: str = VERSION
) -> Path:
    """A submission that repeats the truth of the first scenes, or of all."""
    index = open_index(dataroot, version)
    answers = {}
    for moment in moments_of(index, [], scenes):
        assert moment.truth is not None
        found = Detections(
            moment.truth.boxes, torch.full((len(moment.truth),), 0.9), moment.truth.labels
        )
        answers[moment.sample.token] = (found, moment.global_from_lidar, moment.ego_from_lidar)
    write_submission(path, answers, DETECTION_CLASSES)
    return path


def moments_of(
    index: NuScenesIndex, sources: list[PredictionSource], scenes: int | None = None
) -> list[Moment]:
    """The moments of the first scenes, or of all."""
    reader = SceneReader(index, sources, 0.0).moments
    return [moment for scene in index.scenes()[:scenes] for moment in reader.of(scene)]


def change_results(path: Path, out: Path, change: Any) -> Path:
    """A submission whose boxes of every sample went through a function of token and list."""
    content = json.loads(path.read_text())
    content["results"] = {
        token: boxes
        for token, boxes in (
            (token, change(token, boxes)) for token, boxes in content["results"].items()
        )
        if boxes is not None
    }
    out.write_text(json.dumps(content))
    return out


def frames_of_page(page: Path) -> list[dict[str, Any]]:
    """What a page of `drivetr replay --html` says of its frames."""
    text = page.read_text(encoding="utf-8")
    start = text.index('id="recording">') + len('id="recording">')
    frames: list[dict[str, Any]] = json.loads(text[start : text.index("</script>", start)])[
        "frames"
    ]
    return frames


def random_checkpoint(
    config: Path, folder: Path, options: dict[str, Any] | None = None, seed: int = 0
) -> Path:
    """A detector of a config, with `options` put over it, with random weights."""
    torch.manual_seed(seed)
    spec = DetectorSpec.of_config(load_config(config, options))
    weights = spec.build_detector()[0].state_dict()
    state = {
        "iteration": 1,
        "spec": spec.to_data(),
        "model": {f"detector.{name}": value for name, value in weights.items()},
        "ema": None,
    }
    return save_checkpoint(state, folder, keep=1)
