"""`drivetr replay`: a scene as a film or as single pictures, with truth and predictions."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.errors import DrivetrError

if TYPE_CHECKING:
    from drivetr.visual.frames import ReplayFrame

HELP = "Render a scene: all cameras with 3D boxes and the view from above, as MP4 or PNG."
EXAMPLE = (
    "drivetr replay data/nuscenes --version v1.0-mini --scene scene-0103 --results results.json"
    " --mp4 replay.mp4"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the dataset's names, what is drawn, and where it goes."""
    add_dataset_arguments(parser, split="optional")
    parser.add_argument(
        "--scene",
        metavar="NAME",
        help="scene to show, or `all` of the split or version; by default the first one with data",
    )
    parser.add_argument(
        "--results", metavar="FILE", nargs="+", default=[], help="submissions to draw, one or more"
    )
    parser.add_argument(
        "--checkpoint", metavar="C", help="a detector to run on the scene and to draw"
    )
    parser.add_argument("--mp4", metavar="FILE", help="write a film (H.264)")
    parser.add_argument("--png", metavar="DIR", help="write every frame as a picture")
    parser.add_argument(
        "--score-threshold",
        metavar="S",
        type=float,
        default=0.3,
        help="predictions below this score are not drawn (default: %(default)s)",
    )
    parser.add_argument(
        "--fps", metavar="F", type=float, default=2.0, help="frames a second (default: %(default)s)"
    )
    parser.add_argument(
        "--width",
        metavar="PX",
        type=int,
        default=1920,
        help="of the picture in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--range",
        metavar="M",
        type=float,
        default=50.0,
        help="metres that the view from above reaches (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Checks the arguments, finds the scene, draws it."""
    _check(args)
    from drivetr.cli.replay_predictions import open_predictions
    from drivetr.cli.replay_scene import SceneReader
    from drivetr.cli.replay_select import choose_scenes
    from drivetr.data.nuscenes.index import open_index

    index = open_index(args.dataroot, args.version)
    sources = open_predictions(args.results, args.checkpoint, index, args.split)
    scenes = choose_scenes(index, args.scene, args.split, sources)
    reader = SceneReader(index, sources, args.score_threshold)
    count = sum(scene.num_samples for scene in scenes)
    names = scenes[0].name if len(scenes) == 1 else f"{len(scenes)} scenes"
    print(f"{names}: {count} frames of {args.dataroot} ({args.version})", file=sys.stderr)
    frames = (frame for scene in scenes for frame in reader.frames(scene))
    _write(frames, count, args)
    for path in filter(None, (args.mp4, args.png)):
        print(f"{path}: {names}, {count} frames")
    if reader.broken:
        print(f"{len(reader.broken)} images could not be read, first {reader.broken[0]}")


def _check(args: argparse.Namespace) -> None:
    if args.mp4 is None and args.png is None:
        raise DrivetrError("nothing to write: pass --mp4 FILE for a film or --png DIR for pictures")
    for name, low, high in (
        ("score_threshold", 0.0, 1.0),
        ("fps", 0.1, 240.0),
        ("width", 320, 7680),
        ("range", 1.0, 1000.0),
    ):
        value = getattr(args, name)
        if not low <= value <= high:
            flag = "--" + name.replace("_", "-")
            raise DrivetrError(f"{flag} is {value:g}; expected a number from {low:g} to {high:g}")
    if args.png is not None and Path(args.png).is_file():
        raise DrivetrError(f"--png {args.png} is a file; expected the folder for the pictures")
    if args.mp4 is not None and not args.mp4.lower().endswith(".mp4"):
        raise DrivetrError(f"--mp4 {args.mp4}: the name of the film has to end with .mp4")


def _write(frames: "Iterator[ReplayFrame]", count: int, args: argparse.Namespace) -> None:
    """Draws frame by frame into the film and the folder of pictures."""
    from contextlib import ExitStack

    from tqdm import tqdm

    from drivetr.visual.mp4 import open_mp4
    from drivetr.visual.page import render_frame
    from drivetr.visual.png import write_png

    with ExitStack() as stack:
        film = stack.enter_context(open_mp4(Path(args.mp4), args.fps)) if args.mp4 else None
        size: tuple[int, ...] = ()
        for frame in tqdm(frames, total=count, desc="replay", unit="frame"):
            picture = render_frame(frame, args.width, args.range)
            if args.png:
                write_png(Path(args.png) / f"{frame.scene}_{frame.number - 1:03d}.png", picture)
            if film is not None:
                size = size or picture.shape
                if picture.shape != size:
                    raise DrivetrError(
                        f"{frame.scene} has other cameras than the scenes before it and a film has"
                        f" one size: replay it by itself with --scene {frame.scene}"
                    )
                film.add(picture)
