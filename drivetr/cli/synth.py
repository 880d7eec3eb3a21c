"""`drivetr synth`: renders a driving world in the nuScenes format, or shapes in COCO's."""

import argparse
import os
import re

HELP = "Render a synthetic driving world in the nuScenes format, or a small 2D set in COCO's."
EXAMPLE = (
    "drivetr synth data/synth --size 96x256 --reach 14 --density 2.4 --scenes 760 --val-scenes 40"
    " --frames-per-scene 2"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "out", metavar="OUT", help="folder to create; a finished set of the same recipe is kept"
    )
    parser.add_argument(
        "--size", metavar="HxW", help="picture size (default 256x704); a --rig has its own"
    )
    parser.add_argument(
        "--shapes",
        type=int,
        nargs=2,
        metavar=("TRAIN", "VAL"),
        help="no world, but so many small pictures (64x64) of coloured shapes for training and"
        " validation; of the options below only --seed goes with it",
    )
    parser.add_argument("--scenes", type=int, default=40, help="number of scenes (default 40)")
    parser.add_argument(
        "--val-scenes", type=int, default=8, help="the last of them that are synth_val (default 8)"
    )
    parser.add_argument(
        "--frames-per-scene",
        type=int,
        default=4,
        help="keyframes per scene, 0.5 s apart (default 4)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of everything; same seed, same bytes (default 0)"
    )
    parser.add_argument(
        "--reach",
        type=float,
        default=24.0,
        metavar="METRES",
        help="objects live within this of the ego (default 24)",
    )
    parser.add_argument(
        "--density", type=float, default=1.0, help="factor on the number of objects (default 1)"
    )
    parser.add_argument(
        "--sweeps", action="store_true", help="write frames between the keyframes, 0.1 s apart"
    )
    parser.add_argument(
        "--rig",
        metavar="FILE",
        help='other cameras; JSON: {"cameras": [{"name": "FRONT", "width": 640,'
        ' "height": 360, "intrinsic": [[500, 0, 320], [0, 500, 180], [0, 0, 1]], "ego_from_cam":'
        ' {"translation": [1.5, 0, 1.6], "rotation": [0.5, -0.5, 0.5, -0.5]}}], "lidar": true}',
    )
    parser.add_argument("--workers", type=int, default=0, help="processes (default: all cores)")


def run(args: argparse.Namespace) -> None:
    """Writes the dataset."""
    if args.shapes is None:
        _run_world(args)
    else:
        _run_shapes(args)


def _run_shapes(args: argparse.Namespace) -> None:
    from pathlib import Path

    from drivetr.data.shapes.write import VERSION, ShapesRecipe, write_shapes
    from drivetr.errors import DrivetrError

    if args.size or args.rig:
        raise DrivetrError(
            "--size and --rig are of the driving world, they do not go with --shapes"
        )
    train, val = args.shapes
    if min(train, val) < 1 or args.seed < 0:
        raise DrivetrError(
            f"--shapes {train} {val} --seed {args.seed}: expected one picture at least of each and"
            " a seed of 0 or more"
        )
    if write_shapes(ShapesRecipe(train, val, seed=args.seed), Path(args.out)):
        print(
            f"wrote {train + val} pictures to {args.out}"
            f" (--version {VERSION} --split train_{VERSION} or val_{VERSION})"
        )
    else:
        print(f"{args.out} already holds this dataset; nothing to do")


def _run_world(args: argparse.Namespace) -> None:
    from pathlib import Path

    from drivetr.data.synth.recipe import Recipe
    from drivetr.data.synth.rig import load_rig, nuscenes_rig
    from drivetr.data.synth.write import write_dataset

    check_arguments(args)
    rig = (
        load_rig(Path(args.rig)) if args.rig else nuscenes_rig(*parse_size(args.size or "256x704"))
    )
    recipe = Recipe(
        rig,
        args.scenes,
        args.val_scenes,
        args.frames_per_scene,
        args.seed,
        args.reach,
        args.density,
        args.sweeps,
    )
    workers = args.workers or len(os.sched_getaffinity(0))
    if write_dataset(recipe, Path(args.out), min(workers, args.scenes)):
        print(
            f"wrote {args.scenes} scenes to {args.out}"
            " (--version v1.0-synth --split synth_train or synth_val)"
        )
    else:
        print(f"{args.out} already holds this dataset; nothing to do")


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from `HxW`.

    Raises:
        DrivetrError: not two whole numbers from 16 to 4096.
    """
    from drivetr.errors import DrivetrError

    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found or not all(16 <= int(side) <= 4096 for side in found.groups()):
        raise DrivetrError(
            f"--size is {text}, expected HEIGHTxWIDTH in pixels from 16 to 4096, such as 256x704."
        )
    return int(found[1]), int(found[2])


def check_arguments(args: argparse.Namespace) -> None:
    """Raises DrivetrError on numbers that make no dataset."""
    from drivetr.errors import DrivetrError

    if args.rig and args.size:
        raise DrivetrError("--size does not go with --rig: every camera of a rig has its own size.")
    for name, low in (
        ("scenes", 1),
        ("val_scenes", 0),
        ("frames_per_scene", 1),
        ("workers", 0),
        ("seed", 0),
    ):
        value = getattr(args, name)
        if value < low:
            raise DrivetrError(
                f"--{name.replace('_', '-')} is {value}, expected a whole number of at least {low}."
            )
    if args.val_scenes > args.scenes:
        raise DrivetrError(
            f"--val-scenes is {args.val_scenes}, expected at most --scenes ({args.scenes})."
        )
    for name, least, most in (("reach", 5.0, 80.0), ("density", 0.0, 10.0)):
        value = getattr(args, name)
        if not least <= value <= most:
            raise DrivetrError(
                f"--{name} is {value}, expected a number from {least:g} to {most:g}."
            )
