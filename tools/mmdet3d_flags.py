"""What `drivetr train` and `drivetr test` need done to a command line written for mmdetection3d."""

import argparse
import os
from collections.abc import Sequence


def translate(argv: Sequence[str]) -> list[str]:
    """The arguments for `drivetr`: all but two flags carry the same names and pass through.

    `--local_rank`, which launchers before torchrun appended, becomes the variable LOCAL_RANK.
    `--auto-scale-lr` is dropped: drivetr always derives the learning rate from the batch size.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--local_rank", "--local-rank", type=int)
    parser.add_argument("--auto-scale-lr", action="store_true")
    known, passed_on = parser.parse_known_args(argv)
    if known.local_rank is not None:
        os.environ.setdefault("LOCAL_RANK", str(known.local_rank))
    return passed_on
