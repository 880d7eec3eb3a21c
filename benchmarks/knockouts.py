"""What carries a trained detector's accuracy: parts of it are taken out at test time.

    python -m benchmarks.knockouts work_dirs/demo/train/last.pth --dataroot work_dirs/demo/data \
        --version v1.0-synth --split synth_val --out knockouts.json

Each line is the official evaluation of the same weights with one part silenced:

    none       nothing
    attention  cross-attention says nothing: no content, and every head points at its own query
    encoding   all image tokens get the same position: a point at the origin, or nothing added
    rays       the ground-ray input channels are zero (detectors that have them)
    rolled     every camera gets the calibration of its neighbour
    blank      all images are grey
    memory     every frame is the first that a detector in time sees
    1deg_5cm   every camera hangs 1 degree and 5 cm away from its calibration (of every scene
               differently: drivetr.data.corruptions.rig); 2deg_10cm, 4deg_20cm

A detector whose attention carries the geometry loses nearly everything in each but `memory`, which
shows what it knows from earlier frames, and the last three, which show how much error of a mounting
it bears; one that scores without its cross-attention or with wrong calibrations does not use what
it was given.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from drivetr.data.corruptions.rig import ShakenRig
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.corrupted import corrupted
from drivetr.evaluation.nuscenes.detection import evaluate_submission
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.nn.position import Position
from drivetr.structures.cameras import Cameras
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame

Detect = Callable[[Tensor, Cameras], Any]


def silence_attention(detector: nn.Module) -> None:
    """Zero content from every cross-attention, and heads that look where the query stands."""

    def silent(module: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor | None]) -> Any:
        content, points = output
        if points is not None:
            points = inputs[2].points[:, None].expand_as(points)
        return torch.zeros_like(content), points

    for layer in detector.decoder.layers:
        layer.cross_attention.register_forward_hook(silent)


def forget_positions(detector: nn.Module) -> None:
    """Every image token gets the same position."""
    encode = detector.position.encode_keys

    def constant(*args: Any) -> Position:
        position = encode(*args)
        parts = (position.added, position.points)
        return Position(*(None if part is None else torch.zeros_like(part) for part in parts))

    detector.position.encode_keys = constant


def blind_rays(detector: nn.Module) -> None:
    """Zeros in place of the ground-ray channels."""
    if detector.rays is not None:
        detector.rays.register_forward_hook(lambda module, inputs, output: output * 0)


def rolled(detector: nn.Module) -> Detect:
    """Calls the detector with calibrations moved on by one camera."""

    def detect(images: Tensor, cameras: Cameras, *rest: Any) -> Any:
        matrices = cameras.img_from_lidar.roll(1, dims=-3)
        return detector(images, replace(cameras, img_from_lidar=matrices), *rest)

    return detect


def blank(detector: nn.Module) -> Detect:
    """Calls the detector with grey images."""
    return lambda images, *rest: detector(torch.full_like(images, 114), *rest)


def forgetful(detector: nn.Module) -> Detect:
    """Calls the detector as one that keeps no memory."""
    return lambda *inputs: detector(*inputs)


CHANGES: dict[str, Callable[[nn.Module], Any]] = {
    "none": lambda detector: None,
    "attention": silence_attention,
    "encoding": forget_positions,
    "rays": blind_rays,
    "rolled": rolled,
    "blank": blank,
    "memory": forgetful,
}
RIGS = {
    "1deg_5cm": ShakenRig(1, 0.05),
    "2deg_10cm": ShakenRig(2, 0.10),
    "4deg_20cm": ShakenRig(4, 0.20),
}
KNOCKOUTS = (*CHANGES, *RIGS)


def knocked_out(checkpoint: str, name: str) -> LoadedDetector:
    """A trained detector with one of `KNOCKOUTS`."""
    loaded = load_detector(checkpoint)
    if name in RIGS:
        return corrupted(loaded, RIGS[name])
    changed = CHANGES[name](loaded.detector)
    return loaded if changed is None else replace(loaded, detector=changed)


def evaluate(loaded: LoadedDetector, dataroot: str, version: str, split: str) -> dict[str, Any]:
    """The official metrics of a detector on a split."""
    dataset, settings = loaded.open(dataroot, version, split)
    found = tqdm(loaded.predictions(dataset, settings), total=len(dataset), leave=False)
    return judge(found, loaded.classes, (dataroot, version, split))


def judge(
    found: Iterable[tuple[Frame, Detections]],
    classes: tuple[str, ...],
    dataset: tuple[str, str, str],
) -> dict[str, Any]:
    """The official metrics of detections in all frames of (dataroot, version, split)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.json"
        with SubmissionWriter(path, classes) as writer:
            for frame, detections in found:
                writer.add(frame.token, detections, frame.global_from_lidar, frame.ego_from_lidar)
        return evaluate_submission(path, *dataset)


def main() -> None:
    """Prints a line per knock-out and saves all metrics."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint")
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--only", nargs="+", choices=KNOCKOUTS, default=KNOCKOUTS)
    parser.add_argument("--out", help="JSON file for all metrics")
    args = parser.parse_args()
    results = {}
    for name in args.only:
        loaded = knocked_out(args.checkpoint, name)
        metrics = evaluate(loaded, args.dataroot, args.version, args.split)
        results[name] = metrics
        print(f"{name:10} mAP {metrics['mean_ap']:.4f}  NDS {metrics['nd_score']:.4f}", flush=True)
    if args.out:
        Path(args.out).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
