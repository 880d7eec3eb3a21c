"""`drivetr index`: makes the tables of a dataset ready to open in milliseconds."""

import argparse
import shlex

from drivetr.cli.common import add_dataset_arguments

HELP = "Build the index of a nuScenes dataset, which train and test read instead of the tables."
EXAMPLE = "drivetr index /data/nuscenes --version v1.0-trainval"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds DATAROOT, --version and --out-dir."""
    add_dataset_arguments(parser, split=None, coco=False)
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        help="folder for the index; the other commands find it there if DRIVETR_CACHE names the"
        " same folder (default: $DRIVETR_CACHE, else the user's cache folder)",
    )


def run(args: argparse.Namespace) -> None:
    """Builds the index where there is none or it is stale, and says what it holds."""
    from pathlib import Path

    from drivetr.data.coco.annotations import is_coco
    from drivetr.data.nuscenes.build import ensure_index
    from drivetr.data.nuscenes.index import NuScenesIndex
    from drivetr.errors import DrivetrError

    if is_coco(Path(args.dataroot)):
        raise DrivetrError(
            f"{args.dataroot} is a COCO dataset, which needs no index: drivetr train and drivetr"
            " test read its annotations/ as they are"
        )
    dataroot, out_dir = Path(args.dataroot), Path(args.out_dir) if args.out_dir else None
    folder, header = ensure_index(dataroot, args.version, out_dir, replace=True)
    index = NuScenesIndex(dataroot, args.version, folder, header)
    print(
        f"{args.version}: {len(index.scenes()):,} scenes, {len(index):,} samples,"
        f" {index.num_images:,} images of {len(index.camera_names)} cameras,"
        f" {index.num_annotations:,} boxes, reference frame"
        f" {index.reference_channel or 'ego (no LIDAR_TOP)'}\nindex: {folder}"
    )
    if out_dir is not None:
        print(
            f"The other commands find it with DRIVETR_CACHE={shlex.quote(str(out_dir.resolve()))}"
        )
    for kind, count in index.warnings.items():
        print(f"warning: {count:,} x {kind} (drivetr verify gives examples)")
