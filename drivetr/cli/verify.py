"""`drivetr verify`: says what is wrong with a dataset, all of it in one pass."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = (
    "Examine a dataset in one pass: tables, calibrations and images of nuScenes, annotations and"
    " images of COCO; every image is decoded, sweeps too."
)
EXAMPLE = "drivetr verify /data/nuscenes --version v1.0-mini"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds DATAROOT and --version."""
    add_dataset_arguments(parser, split=None)


def run(args: argparse.Namespace) -> None:
    """Prints one line a finding; ends in an error where training would refuse the dataset."""
    from pathlib import Path

    from drivetr.data.coco.annotations import is_coco
    from drivetr.data.coco.verify import verify_coco
    from drivetr.data.nuscenes.verify import verify_dataset
    from drivetr.errors import DrivetrError

    verify = verify_coco if is_coco(Path(args.dataroot)) else verify_dataset
    report = verify(Path(args.dataroot), args.version)
    for line in report.lines():
        print(line)
    errors, warnings = report.errors.total(), report.warnings.total()
    if errors:
        raise DrivetrError(
            f"{args.dataroot} {args.version}: {errors:,} errors and {warnings:,} warnings stand"
            " above; training refuses the dataset until the errors are mended"
        )
    print(f"{args.dataroot} {args.version}: no errors, {warnings:,} warnings")
