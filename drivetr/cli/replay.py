"""`drivetr replay`: scenes as a film, as pictures, with truth and predictions."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.errors import DrivetrError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drivetr.cli.replay_moments import Moment, MomentReader
    from drivetr.cli.replay_scene import SceneReader
    from drivetr.data.nuscenes.index import SceneRecord

HELP = "Show scenes: all cameras with 3D boxes and the view from above, as MP4 or PNG."
EXAMPLE = (
    "drivetr replay data/nuscenes --version v1.0-mini --scene scene-0103 --results results.json"
    " --mp4 replay.mp4\n"
    "  drivetr replay data/nuscenes --version v1.0-mini --split mini_val --results results.json"
    " --worst 20 --png worst"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the dataset's names, what is shown, and where it goes."""
    add_dataset_arguments(parser, split="optional")
    _add_choice(parser)
    _add_writers(parser)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """What is shown."""
    parser.add_argument(
        "--scene",
        metavar="NAME",
        help="scene to show, or `all` of the split or version; by default the first one with data,"
        " and with --worst all",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="T",
        type=float,
        default=0.0,
        help="first moment, in seconds since the scene began",
    )
    parser.add_argument(
        "--to", dest="end", metavar="T", type=float, help="last moment, in the same seconds"
    )
    parser.add_argument(
        "--worst",
        metavar="N",
        type=int,
        help="only the N frames with the most misses and false predictions of the first source at"
        " the score threshold, the worst first",
    )
    parser.add_argument(
        "--results",
        metavar="FILE",
        nargs="+",
        default=[],
        help="submissions to show, one or more: detections, or tracks as `drivetr track` writes",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="C",
        help="a detector to run on the scene: a checkpoint, or a folder of `drivetr convert`",
    )
    parser.add_argument(
        "--score-threshold",
        metavar="S",
        type=float,
        default=0.3,
        help="predictions below this score are not drawn (default: %(default)s)",
    )


def _add_writers(parser: argparse.ArgumentParser) -> None:
    """Where it goes, and how it looks there."""
    parser.add_argument("--mp4", metavar="FILE", help="write a film (H.264)")
    parser.add_argument("--png", metavar="DIR", help="write every frame as a picture")
    parser.add_argument(
        "--fps", metavar="F", type=float, default=2.0, help="frames a second (default: %(default)s)"
    )
    parser.add_argument(
        "--width",
        metavar="PX",
        type=int,
        default=1920,
        help="of the film or picture in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--range",
        metavar="M",
        type=float,
        default=50.0,
        help="metres that the view from above reaches (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Checks the arguments, finds the frames, shows them."""
    _check(args)
    from drivetr.cli.replay_predictions import open_predictions
    from drivetr.cli.replay_scene import SceneReader
    from drivetr.cli.replay_select import choose_scenes
    from drivetr.data.nuscenes.index import open_index

    index = open_index(args.dataroot, args.version)
    sources = open_predictions(args.results, args.checkpoint, index, args.split)
    name = args.scene or ("all" if args.worst else None)
    scenes = choose_scenes(index, name, args.split, sources)
    reader = SceneReader(index, sources, args.score_threshold)
    moments, count = _choose(reader.moments, scenes, args)
    names = scenes[0].name if len(scenes) == 1 else f"{len(scenes)} scenes"
    what = f"{names}, {count} frames"
    print(f"{what} of {args.dataroot} ({args.version})", file=sys.stderr)
    _draw(moments, count, reader, scenes, args)
    for path in filter(None, (args.mp4, args.png)):
        print(f"{path}: {what}")
    if reader.broken:
        print(f"{len(reader.broken)} images could not be read, first {reader.broken[0]}")


def _check(args: argparse.Namespace) -> None:
    if args.mp4 is None and args.png is None:
        raise DrivetrError("nothing to write: pass --mp4 FILE for a film or --png DIR for pictures")
    for name, low, high in (
        ("score-threshold", 0.0, 1.0),
        ("fps", 0.1, 240.0),
        ("width", 320, 7680),
        ("range", 1.0, 1000.0),
        ("worst", 1, 100_000),
        ("from", 0.0, 1e6),
        ("to", 0.0, 1e6),
    ):
        value = getattr(args, {"from": "start", "to": "end"}.get(name, name.replace("-", "_")))
        if value is not None and not low <= value <= high:
            raise DrivetrError(f"--{name} is {value:g}; expected a number from {low:g} to {high:g}")
    if args.end is not None and args.end < args.start:
        raise DrivetrError(
            f"--from {args.start:g} is later than --to {args.end:g}; both are seconds since the"
            " scene began"
        )
    if args.worst is not None and not args.results and args.checkpoint is None:
        raise DrivetrError(
            "--worst looks for the errors of predictions: pass --results FILE or --checkpoint C"
        )
    if args.png is not None and Path(args.png).is_file():
        raise DrivetrError(f"--png {args.png} is a file; expected the folder for the pictures")
    if args.mp4 is not None and not args.mp4.lower().endswith(".mp4"):
        raise DrivetrError(f"--mp4 {args.mp4}: the name of the film has to end with .mp4")


def _choose(
    reader: "MomentReader", scenes: "Sequence[SceneRecord]", args: argparse.Namespace
) -> "tuple[Iterable[Moment], int]":
    """The moments to show, in their order, and how many they are."""
    from tqdm import tqdm

    from drivetr.cli.replay_select import Window, count_moments, worst_moments

    window = Window(args.start, math.inf if args.end is None else args.end)
    count = count_moments(reader, scenes, window)
    moments = (moment for scene in scenes for moment in reader.of(scene, window))
    if args.worst is None:
        return moments, count
    judged = tqdm(moments, total=count, desc="judge", unit="frame")
    worst = worst_moments(judged, args.worst, reader.names[0], args.score_threshold)
    return worst, len(worst)


def _draw(
    moments: "Iterable[Moment]",
    count: int,
    reader: "SceneReader",
    scenes: "Sequence[SceneRecord]",
    args: argparse.Namespace,
) -> None:
    """Draws frame by frame into the film and the folder of pictures."""
    from tqdm import tqdm

    from drivetr.cli.replay_write import PictureOptions, open_pictures, show

    options = PictureOptions(
        mp4=None if args.mp4 is None else Path(args.mp4),
        png=None if args.png is None else Path(args.png),
        fps=args.fps,
        width=args.width,
        range_m=args.range,
        ranked=args.worst is not None,
    )
    rigs = {scene.name: reader.rig(scene) for scene in scenes}
    with open_pictures(options) as pictures:
        shown = tqdm(moments, total=count, desc="replay", unit="frame")
        for _ in show(shown, reader, rigs, pictures, None):
            pass
