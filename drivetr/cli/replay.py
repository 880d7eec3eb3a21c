"""`drivetr replay`: scenes with truth and predictions as a page, a Rerun recording or a film."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.cli.replay_check import check_arguments, wants_recording
from drivetr.cli.replay_server import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drivetr.cli.replay_moments import Moment, MomentReader
    from drivetr.cli.replay_scene import SceneReader
    from drivetr.data.nuscenes.index import SceneRecord
    from drivetr.visual.recording import Recording

HELP = "Show scenes with truth and predictions: as a page for a browser, in Rerun, as MP4 or PNG."
EXAMPLE = (
    "drivetr replay data/nuscenes --version v1.0-mini --scene scene-0103 --results results.json"
    " --html replay.html --mp4 replay.mp4\n"
    "  drivetr replay data/nuscenes --version v1.0-mini --split mini_val --results results.json"
    " --worst 20 --serve\n"
    "  drivetr replay data/nuscenes --version v1.0-mini --split mini_val --checkpoint last.pth"
    " --to 5 --attention top:5 --html why.html --rrd why.rrd"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the dataset's names, what is shown, and where it goes."""
    add_dataset_arguments(parser, split="optional", coco=False)
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
    parser.add_argument(
        "--html", metavar="FILE", help="write one page that holds everything and needs no network"
    )
    parser.add_argument(
        "--rrd", metavar="FILE", help="write a recording for Rerun (pip install -e '.[viz]')"
    )
    parser.add_argument(
        "--serve",
        metavar="PORT",
        type=int,
        nargs="?",
        const=DEFAULT_PORT,
        help="serve the page, and the recording with Rerun's viewer where it is installed, to this"
        f" machine only, until Ctrl-C (port {DEFAULT_PORT} by default, 0 for any that is free)",
    )
    parser.add_argument(
        "--image-width",
        metavar="PX",
        type=int,
        default=800,
        help="of pictures in page and recording; wider ones are made as small as that, of others"
        " the files are taken as they are (default: %(default)s)",
    )
    parser.add_argument(
        "--attention",
        metavar="WHAT",
        help="with --checkpoint, in page and recording: where the queries looked of the N surest"
        " predictions (top:N), of one tracked object (track:ID) or of one query (query:N)",
    )
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
    check_arguments(args)
    from drivetr.cli.replay_predictions import lacking, open_predictions
    from drivetr.cli.replay_scene import SceneReader
    from drivetr.cli.replay_select import choose_scenes
    from drivetr.data.nuscenes.index import open_index
    from drivetr.engine.story_choice import parse_choice

    choice = None if args.attention is None else parse_choice(args.attention)
    index = open_index(args.dataroot, args.version)
    sources = open_predictions(args.results, args.checkpoint, index, args.split, choice)
    name = args.scene or ("all" if args.worst else None)
    scenes = choose_scenes(index, name, args.split, sources)
    reader = SceneReader(index, sources, args.score_threshold)
    moments, count = _choose(reader.moments, scenes, args)
    names = scenes[0].name if len(scenes) == 1 else f"{len(scenes)} scenes"
    what = f"{names}, {count} frame{'' if count == 1 else 's'}"
    print(f"{what} of {args.dataroot} ({args.version})", file=sys.stderr)
    for sentence in filter(None, map(lacking, sources)):
        print(sentence, file=sys.stderr)
    recording = _read(moments, count, reader, scenes, args)
    if recording is not None:
        if choice is not None and not any(frame.stories for frame in recording.frames):
            print(f"--attention {args.attention} is no prediction of these frames", file=sys.stderr)
        _write(recording, args)
    for path in filter(None, (args.html, args.rrd, args.mp4, args.png)):
        print(f"{path}: {what}")
    if reader.broken:
        print(f"{len(reader.broken)} images could not be read, first {reader.broken[0]}")
    if recording is not None and args.serve is not None:
        from drivetr.cli.replay_folder import serve_recording

        serve_recording(recording, args.serve, args.range)


def _choose(
    reader: "MomentReader", scenes: "Sequence[SceneRecord]", args: argparse.Namespace
) -> "tuple[Iterable[Moment], int]":
    """The moments to show, in their order, and how many they are."""
    from tqdm import tqdm

    from drivetr.cli.replay_moments import Window
    from drivetr.cli.replay_select import count_moments, worst_moments

    window = Window(args.start, math.inf if args.end is None else args.end)
    count = count_moments(reader, scenes, window)
    moments = (moment for scene in scenes for moment in reader.of(scene, window))
    if args.worst is None:
        return moments, count
    judged = tqdm(moments, total=count, desc="judge", unit="frame")
    worst = worst_moments(judged, args.worst, reader.names[0], args.score_threshold)
    return worst, len(worst)


def _read(
    moments: "Iterable[Moment]",
    count: int,
    reader: "SceneReader",
    scenes: "Sequence[SceneRecord]",
    args: argparse.Namespace,
) -> "Recording | None":
    """Draws frame by frame into film and folder, and joins what a page or Rerun shows."""
    from tqdm import tqdm

    from drivetr.cli.replay_recording import FrameRecorder, join_frames
    from drivetr.cli.replay_write import PictureOptions, join_rigs, open_pictures, show

    options = PictureOptions(
        mp4=None if args.mp4 is None else Path(args.mp4),
        png=None if args.png is None else Path(args.png),
        fps=args.fps,
        width=args.width,
        range_m=args.range,
        ranked=args.worst is not None,
    )
    recorder = FrameRecorder(reader, args.image_width) if wants_recording(args) else None
    rigs = {scene.name: reader.rig(scene) for scene in scenes}
    maps = reader.maps(rigs)
    with open_pictures(options) as pictures:
        shown = tqdm(moments, total=count, desc="replay", unit="frame")
        frames = list(show(shown, reader, rigs, maps, pictures, recorder))
    if recorder is None:
        return None
    return join_frames(
        frames,
        scenes,
        args.version,
        join_rigs(rigs.values()),
        reader.moments.names,
        args.score_threshold,
        maps,
    )


def _write(recording: "Recording", args: argparse.Namespace) -> None:
    """Writes the files that hold the whole recording."""
    if args.html is not None:
        from drivetr.visual.replay_page import write_html

        write_html(recording, args.html)
    if args.rrd is not None:
        from drivetr.visual.rerun_file import write_rrd

        write_rrd(recording, args.rrd, args.range)
