"""`drivetr test`: detections of a trained detector on a split, and their official metrics."""

import argparse
import sys
from pathlib import Path

from drivetr.cli.common import add_dataset_arguments, add_launcher_argument

HELP = (
    "Test a checkpoint: write its results, such as a nuScenes submission or COCO's list of boxes,"
    " and print the official metrics."
)
EXAMPLE = (
    "drivetr test work_dirs/petr_point_synth/last.pth"
    " --dataroot data/synth --version v1.0-synth --split synth_val"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    parser.add_argument(
        "config_or_checkpoint",
        metavar="CONFIG_OR_CHECKPOINT",
        help="a checkpoint of drivetr train or a folder of drivetr convert, which need no config;"
        " or a config (.py)",
    )
    parser.add_argument(
        "checkpoint", nargs="?", metavar="CHECKPOINT", help="the checkpoint, after a config"
    )
    add_dataset_arguments(parser, positional=False, split="optional")
    parser.add_argument(
        "--work-dir",
        metavar="DIR",
        help="for metrics.json (default: the checkpoint's folder; of a folder of drivetr convert,"
        " work_dirs/ and its name)",
    )
    parser.add_argument(
        "--out", metavar="RESULTS.json", help="the results (default: results.json in that folder)"
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")
    parser.add_argument(
        "--cfg-options", nargs="+", action="extend", metavar="KEY=VALUE", help="with a config only"
    )
    add_launcher_argument(parser)
    parser.add_argument(
        "--corrupt",
        metavar="NAME:SEVERITY",
        help="corrupt what a 3D detector sees, such as fog:2, camera_crash:1 (severities 1 to 3) or"
        " rig_rotation:0.5 (degrees); drivetr robustness --help lists them; the default files are"
        " then results_NAME_SEVERITY.json and metrics_NAME_SEVERITY.json",
    )


def run(args: argparse.Namespace) -> None:
    """Tests, prints the metrics and saves them."""
    from drivetr.engine.api import load_detector
    from drivetr.engine.config import load_config, parse_options
    from drivetr.engine.corrupted import corrupted, parse_corruption
    from drivetr.engine.devices import process_group
    from drivetr.engine.gather import rank_and_size
    from drivetr.engine.test import test
    from drivetr.errors import DrivetrError
    from drivetr.files import require_writable

    corruption = None if args.corrupt is None else parse_corruption(args.corrupt)
    config = None
    checkpoint = args.checkpoint or args.config_or_checkpoint
    if args.checkpoint is not None:
        config = load_config(args.config_or_checkpoint, parse_options(args.cfg_options))
    elif checkpoint.endswith(".py"):
        raise DrivetrError(f"{checkpoint} is a config; name the checkpoint after it")
    elif args.cfg_options:
        raise DrivetrError("--cfg-options changes a config; name one before the checkpoint")
    work_dir = Path(args.work_dir) if args.work_dir else default_folder(Path(checkpoint))
    end = "" if corruption is None else f"_{corruption[0].name}_{corruption[1]:g}"
    results = Path(args.out) if args.out else work_dir / f"results{end}.json"
    metrics = work_dir / f"metrics{end}.json"
    for path in (results, metrics):
        require_writable(path)
    names = (args.dataroot, args.version, args.split)
    with process_group(args.launcher):
        loaded = load_detector(checkpoint, args.device, config)
        if corruption is not None:
            kind, severity = corruption
            loaded = corrupted(loaded, kind.make(severity))
        if rank_and_size()[0] == 0:
            print(f"Testing {checkpoint} on {loaded.device}", file=sys.stderr)
        told = test(loaded, names, results, metrics)
    if told is not None:
        print(told)


def default_folder(checkpoint: Path) -> Path:
    """Where results go by default: never among converted weights, which may be replaced."""
    if checkpoint.is_dir():
        return Path("work_dirs") / checkpoint.resolve().name
    return checkpoint.parent
