"""`drivetr doctor`: a check of a detector on a few frames with ground truth.

Its exit status tells programs the finding: 0 where the convention is right, 1 where it is wrong, 3
where nothing can be told. 2 is a mistake in the command or its files, as everywhere.
"""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = (
    "Check a converted detector on a few frames: whether its boxes are read in the convention that"
    " they were trained in, and which flag of drivetr convert is the right one.\n"
    "Exit status: 0 right convention, 1 wrong convention, 3 undecided."
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


def run(args: argparse.Namespace) -> int:
    """Prints the errors under each convention and what follows from them.

    Returns:
        the exit status.
    """
    from drivetr.engine.api import load_detector
    from drivetr.engine.convention_check import (
        HEADER,
        Finding,
        own_convention,
        read_in_all,
        spread_frames,
        verdict,
    )

    loaded = load_detector(args.checkpoint, args.device)
    dataset = loaded.dataset(args.dataroot, args.version, args.split)
    readings = read_in_all(loaded, spread_frames(dataset, args.frames))
    finding, told = verdict(readings, own_convention(loaded))
    print("\n".join([HEADER, *map(str, readings), "", told]))
    return {Finding.RIGHT: 0, Finding.WRONG: 1, Finding.UNDECIDED: 3}[finding]
