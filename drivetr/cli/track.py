"""`drivetr track`: tracks from 3D detections, and their official metrics."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments

if TYPE_CHECKING:
    from drivetr.evaluation.nuscenes.tracks import Tracker

HELP = (
    "Join the boxes of a nuScenes detection submission to tracks, write a tracking submission and"
    " compute the devkit's tracking metrics (AMOTA, ID switches, recall, ...)."
)
EXAMPLE = (
    "drivetr track results.json --dataroot data/nuscenes --version v1.0-trainval --split val"
    " --out tracks.json\n"
    "  drivetr track results.json --dataroot data/synth --version v1.0-synth --split synth_val"
    " --ids queries --min-score 0.1 --out tracks.json"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the submission, the dataset's names, how to track, and where the results go."""
    parser.add_argument("results", metavar="RESULTS.json", help="a nuScenes detection submission")
    add_dataset_arguments(parser, positional=False, split="required", coco=False)
    parser.add_argument(
        "--out", metavar="TRACKS.json", required=True, help="where the tracking submission goes"
    )
    parser.add_argument(
        "--ids",
        choices=("centers", "queries"),
        default="centers",
        help="what makes boxes one track: the distance of their centres, as CenterPoint does it"
        " (default), or the query_id that StreamPETR's propagated queries carry",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=0.0,
        metavar="P",
        help="leave boxes with lower scores out, from 0 to 1 (default 0: none)",
    )
    parser.add_argument(
        "--max-age",
        type=int,
        metavar="N",
        help="centers: a track can go on when its last box is at most N samples old (default 6;"
        " CenterPoint has 3)",
    )
    parser.add_argument(
        "--limit-factor",
        type=float,
        metavar="F",
        help="centers: factor on CenterPoint's limits of the distance, which are 1 m for a"
        " pedestrian and 4 m for a car; more suits a detector that is less exact (default 1)",
    )
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        help="where the metrics go, under the devkit's own keys (default: TRACKS_metrics.json"
        " beside TRACKS.json)",
    )
    parser.add_argument(
        "--no-metrics", action="store_true", help="write the tracks only; val takes long to judge"
    )
    parser.add_argument("--verbose", action="store_true", help="show what the devkit prints too")


def run(args: argparse.Namespace) -> None:
    """Writes the tracks; evaluates them where the split has ground truth."""
    from drivetr.evaluation.nuscenes.tracking import require_tracking_extra
    from drivetr.evaluation.nuscenes.truth import check_dataset
    from drivetr.files import require_writable

    out, metrics = _places(args)
    tracker = _tracker(args)
    for path in (out, metrics):
        require_writable(path)
    check_dataset(args.dataroot, args.version, args.split)
    if args.metrics is not None:
        require_tracking_extra()  # before the work, where metrics are asked for by name
    _write_tracks(args, tracker, out)
    if not args.no_metrics:
        _evaluate(args, tracker, out, metrics)


def _places(args: argparse.Namespace) -> tuple[Path, Path]:
    """Where tracks and metrics go."""
    from drivetr.errors import DrivetrError

    if args.no_metrics and args.metrics is not None:
        raise DrivetrError("--metrics and --no-metrics contradict each other; leave one out")
    out = Path(args.out)
    metrics = Path(args.metrics or out.with_name(f"{out.stem}_metrics.json"))
    places = {"RESULTS.json": Path(args.results), "--out": out, "--metrics": metrics}
    names = list(places)
    for first, second in ((names[i], names[j]) for j in range(3) for i in range(j)):
        if places[first].resolve() == places[second].resolve():
            raise DrivetrError(
                f"{first} and {second} are the same file, {places[first]}; give {second} a name of"
                " its own"
            )
    return out, metrics


def _tracker(args: argparse.Namespace) -> "Tracker":
    """What joins the boxes, from the options."""
    from drivetr.errors import DrivetrError
    from drivetr.evaluation.nuscenes.tracks import CenterTracker, QueryTracker

    if not 0 <= args.min_score <= 1:
        raise DrivetrError(f"--min-score is {args.min_score}, expected a score from 0 to 1")
    chosen = {"max_age": args.max_age, "limit_factor": args.limit_factor}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if args.ids == "queries":
        if chosen:
            option = min(chosen).replace("_", "-")
            raise DrivetrError(f"--{option} is for --ids centers; queries know their tracks")
        return QueryTracker(args.results)
    tracker = CenterTracker(**chosen)
    if tracker.max_age < 1:
        raise DrivetrError(f"--max-age is {tracker.max_age}, expected 1 sample or more")
    if not 0 < tracker.limit_factor < float("inf"):
        raise DrivetrError(
            f"--limit-factor is {tracker.limit_factor}, expected a number above 0, such as 1.5"
        )
    return tracker


def _write_tracks(args: argparse.Namespace, tracker: "Tracker", out: Path) -> None:
    """Reads the submission, joins its boxes and writes the tracks."""
    from tqdm import tqdm

    from drivetr.cli.track_samples import read_segments, tokens_of_splits
    from drivetr.data.nuscenes.index import open_index
    from drivetr.evaluation.nuscenes.submission import load_submission
    from drivetr.evaluation.nuscenes.tracks import dump_tracks, make_tracks
    from drivetr.evaluation.nuscenes.validate import check_tokens
    from drivetr.files import atomic_text

    with atomic_text(out) as file:  # a place that cannot be written to is told before the work
        submission = load_submission(args.results)
        index = open_index(args.dataroot, args.version)
        segments = read_segments(index, args.split)
        expected = [token for segment in segments for token in segment.tokens]
        results, known = submission["results"], tokens_of_splits(index)
        check_tokens(list(results), expected, known, args.split, args.results)
        bar = tqdm(segments, desc="track", unit="segment", disable=None, leave=False)
        tracks = make_tracks(results, bar, tracker, args.min_score)
        dump_tracks(file, submission["meta"], tracks)
    boxes = [box for found in tracks.values() for box in found]
    count = len({box["tracking_id"] for box in boxes})
    print(f"{count:,} tracks with {len(boxes):,} boxes in {len(tracks):,} samples: {out}")


def _evaluate(args: argparse.Namespace, tracker: "Tracker", out: Path, place: Path) -> None:
    """Prints and saves the metrics, or says why there are none."""
    import json

    from drivetr.errors import DrivetrError
    from drivetr.evaluation.nuscenes.tracking import evaluate_tracks, require_tracking_extra
    from drivetr.evaluation.nuscenes.tracking_report import format_tracking
    from drivetr.evaluation.nuscenes.truth import NoTruthError
    from drivetr.files import atomic_text

    try:
        require_tracking_extra()
    except DrivetrError as error:
        print(f"No metrics: {error}")
        return
    try:
        with atomic_text(place) as file:
            metrics = evaluate_tracks(out, args.dataroot, args.version, args.split, args.verbose)
            metrics["drivetr"]["tracker"] = {
                "results": args.results, "ids": args.ids, "min_score": args.min_score,
                **tracker.settings,
            }  # fmt: skip
            json.dump(metrics, file, indent=2)
            file.write("\n")
    except NoTruthError as error:
        if args.metrics is not None:
            raise DrivetrError(f"{error} The tracks are in {out}.") from error
        print(f"No metrics: {error}")
        return
    print(f"{format_tracking(metrics)}\nMetrics: {place}")
