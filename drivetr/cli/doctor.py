"""`drivetr doctor`: what is wrong with an installation, a dataset, a checkpoint, a machine.

Its exit status tells programs the outcome: 0 where nothing is wrong, 1 where something is, 3 where
nothing is but the convention of a checkpoint's boxes cannot be told. 2 is a mistake in the command,
as everywhere.
"""

import argparse
from typing import TYPE_CHECKING, Any

from drivetr.cli.common import add_dataset_arguments

if TYPE_CHECKING:
    from drivetr.engine.api import LoadedDetector
    from drivetr.engine.doctor.diagnosis import Diagnosis

HELP = (
    "Find out what is wrong, and how to mend it: with the installation; with --dataroot the tables"
    " and their index; with CHECKPOINT its keys, where it comes from and, where the dataset has"
    " ground truth, whether its boxes are read in the convention that they were trained in and"
    " which flag of drivetr convert is the right one; with --config free disk and memory.\n"
    "Exit status: 0 nothing is wrong (the convention is right), 1 something is (such as a wrong"
    " convention), 3 the convention is undecided."
)
EXAMPLE = (
    "drivetr doctor weights/petr --dataroot data/nuscenes --version v1.0-mini --split mini_val"
    " --json report.json"
)
STATUS_WRONG, STATUS_UNDECIDED = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "checkpoint",
        nargs="?",
        metavar="CHECKPOINT",
        help="a folder that drivetr convert wrote, or a checkpoint of drivetr train",
    )
    add_dataset_arguments(parser, positional=False, split="optional")
    parser.add_argument(
        "--images", action="store_true", help="decode every image of the dataset, which takes long"
    )
    parser.add_argument("--config", metavar="CONFIG", help="a config to be trained, run as code")
    parser.add_argument(
        "--work-dir",
        default="work_dirs",
        metavar="DIR",
        help="where its checkpoints would go (default: work_dirs)",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=8,
        metavar="N",
        help="frames to look at for the convention, spread over the split (default 8)",
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")
    parser.add_argument(
        "--json",
        metavar="FILE.json",
        help="write the findings there too, for a bug report; nothing of the environment's"
        " variables, and ~ instead of your home folder",
    )


def run(args: argparse.Namespace) -> int:
    """Prints the findings, each with its remedy.

    Returns:
        the exit status.
    """
    from drivetr.engine.doctor.diagnosis import Level
    from drivetr.engine.doctor.environment import examine_environment
    from drivetr.files import require_writable

    _check_words(args)
    if args.json:
        require_writable(args.json)
    found = _told(examine_environment())
    if all(one.level is not Level.ERROR for one in found):
        found += _examine_rest(args)
    else:
        print("The rest is examined when the installation is mended.")
    status = status_of(found)
    if args.json:
        _write_report(args, found, status)
    return status


def _check_words(args: argparse.Namespace) -> None:
    from drivetr.errors import DrivetrError

    if args.frames < 1:
        raise DrivetrError(f"--frames is {args.frames}, expected 1 or more")
    if args.dataroot is not None and args.version is None:
        raise DrivetrError("--dataroot needs --version V, such as v1.0-mini")


def _told(found: "list[Diagnosis]") -> "list[Diagnosis]":
    for one in found:
        print(one)
    return found


def _examine_rest(args: argparse.Namespace) -> "list[Diagnosis]":
    """What was named: dataset, config and checkpoint."""
    from pathlib import Path

    from drivetr.engine.box_conventions import heads_of
    from drivetr.engine.config import load_config, with_dataset
    from drivetr.engine.doctor.checkpoint import examine_checkpoint
    from drivetr.engine.doctor.dataset import examine_dataset
    from drivetr.engine.doctor.resources import examine_resources

    found: list[Diagnosis] = []
    if args.dataroot is not None:
        found += _told(examine_dataset(Path(args.dataroot), args.version, args.images))
    if args.config is not None:
        config = with_dataset(load_config(args.config), args.dataroot, args.version)
        found += _told(examine_resources(config, Path(args.work_dir), args.device))
    if args.checkpoint is not None:
        loaded, of_checkpoint = examine_checkpoint(Path(args.checkpoint), args.device)
        found += _told(of_checkpoint)
        if loaded is not None and any(heads_of(loaded.detector)):
            found += _told([_examine_convention(args, loaded)])
    return found


def _examine_convention(args: argparse.Namespace, loaded: "LoadedDetector") -> "Diagnosis":
    """Prints the errors under each convention and says what follows from them."""
    from drivetr.engine.convention_check import (
        HEADER,
        Finding,
        own_convention,
        read_in_all,
        spread_frames,
        verdict,
    )
    from drivetr.engine.doctor.diagnosis import Diagnosis, Level
    from drivetr.errors import DrivetrError

    try:
        dataset = loaded.dataset(args.dataroot, args.version, args.split)
        readings = read_in_all(loaded, spread_frames(dataset, args.frames))
    except DrivetrError as error:
        remedy = "name a dataset with ground truth: --dataroot, --version, --split"
        return Diagnosis("convention", Level.NOTE, f"not examined: {error}", remedy)
    finding, told = verdict(readings, own_convention(loaded))
    print("\n".join([HEADER, *map(str, readings)]))
    level = {Finding.RIGHT: Level.OK, Finding.WRONG: Level.ERROR, Finding.UNDECIDED: Level.WARNING}
    return Diagnosis("convention", level[finding], told)


def status_of(found: "list[Diagnosis]") -> int:
    """The exit status that findings have."""
    from drivetr.engine.doctor.diagnosis import Level

    if any(one.level is Level.ERROR for one in found):
        return STATUS_WRONG
    undecided = any(one.subject == "convention" and one.level is not Level.OK for one in found)
    return STATUS_UNDECIDED if undecided else 0


def _write_report(args: argparse.Namespace, found: "list[Diagnosis]", status: int) -> None:
    """The findings as JSON, with versions; the home folder, which names its user, is taken out."""
    import json
    import platform
    from pathlib import Path

    from drivetr.engine.doctor.environment import versions
    from drivetr.files import atomic_text

    report: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions(),
        "status": status,
        "findings": [{**vars(one), "level": one.level.value} for one in found],
    }
    text, home = json.dumps(report, indent=1), Path.home()
    with atomic_text(args.json) as file:
        file.write(text if home == Path(home.anchor) else text.replace(str(home), "~"))
        file.write("\n")
    print(f"For a bug report: {args.json}")
