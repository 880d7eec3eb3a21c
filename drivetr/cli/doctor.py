"""`drivetr doctor`: a check of a detector on a few frames with ground truth."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = (
    "Check a converted detector on a few frames: whether its boxes are read in the convention that"
    " they were trained in, and which flag of drivetr convert is the right one."
)
EXAMPLE = (
    "drivetr doctor weights/petr --dataroot data/nuscenes --version v1.0-mini --split mini_val"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a folder that drivetr convert wrote, or a checkpoint of drivetr train",
    )
    add_dataset_arguments(parser, positional=False, split="optional", coco=False)
    parser.add_argument(
        "--frames",
        type=int,
        default=8,
        metavar="N",
        help="frames to look at, spread over the split (default 8)",
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def run(args: argparse.Namespace) -> None:
    """Prints the errors under each convention and what follows from them."""
    from drivetr.engine.api import load_detector
    from drivetr.engine.convention_check import (
        HEADER,
        own_convention,
        read_in_all,
        spread_frames,
        verdict,
    )

    loaded = load_detector(args.checkpoint, args.device)
    dataset = loaded.dataset(args.dataroot, args.version, args.split)
    readings = read_in_all(loaded, spread_frames(dataset, args.frames))
    print("\n".join([HEADER, *map(str, readings), "", verdict(readings, own_convention(loaded))]))
