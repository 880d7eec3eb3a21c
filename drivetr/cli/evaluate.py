"""`drivetr evaluate`: the official metrics of a result file, of nuScenes or of COCO."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = (
    "Compute the official metrics of a result file: nuScenes detection by the devkit, or COCO's 2D"
    " boxes by pycocotools. The dataset's folder tells which."
)
EXAMPLE = (
    "drivetr evaluate results.json --dataroot data/nuscenes --version v1.0-mini --split mini_val"
    " --out metrics.json\n"
    "  drivetr evaluate results.json --dataroot data/coco --version 2017 --split val2017"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the result file, the dataset's names and where the metrics go."""
    parser.add_argument(
        "results", metavar="RESULTS.json", help="a nuScenes submission, or COCO's list of boxes"
    )
    add_dataset_arguments(parser, positional=False, split="required")
    parser.add_argument(
        "--out", metavar="METRICS.json", help="where the metrics go, under the evaluator's own keys"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="nuScenes: show what the devkit prints too"
    )
    parser.add_argument(
        "--backend",
        choices=("pycocotools", "faster-coco-eval"),
        help="COCO: which package counts (default: pycocotools); the other one is faster, has to be"
        " installed and gives the same numbers",
    )
    parser.add_argument(
        "--first",
        type=int,
        metavar="N",
        help="COCO: only the first N images of the split by number, as `first` of a CocoDataset",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluates, prints the metrics and saves them."""
    from pathlib import Path

    from drivetr.data.coco.annotations import is_coco
    from drivetr.errors import DrivetrError
    from drivetr.files import require_writable

    coco = is_coco(Path(args.dataroot))
    if not coco and (args.backend, args.first) != (None, None):
        raise DrivetrError(
            f"--backend and --first are for COCO, but {args.dataroot} has no"
            " annotations/instances_*.json; leave them out for nuScenes"
        )
    if args.first is not None and args.first < 1:
        raise DrivetrError(f"--first {args.first}: expected a number of images")
    if args.verbose and coco:
        raise DrivetrError(f"--verbose is for nuScenes, but {args.dataroot} is a COCO dataset")
    if args.out is not None:
        require_writable(args.out)
    (_evaluate_coco if coco else _evaluate_nuscenes)(args)


def _evaluate_coco(args: argparse.Namespace) -> None:
    from pathlib import Path

    from drivetr.data.coco.annotations import annotation_file, read_annotations
    from drivetr.evaluation.coco.detection import evaluate_results, format_metrics, write_metrics

    truth = annotation_file(Path(args.dataroot), args.version, args.split)
    # Read here for what it says where they are wrong, too.
    image_ids = [image.id for image in read_annotations(truth).images][: args.first]
    metrics = evaluate_results(Path(args.results), truth, image_ids, args.backend or "pycocotools")
    print(format_metrics(metrics))
    if args.out is not None:
        write_metrics(Path(args.out), metrics)


def _evaluate_nuscenes(args: argparse.Namespace) -> None:
    from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
    from drivetr.evaluation.nuscenes.report import format_metrics

    metrics = evaluate_submission(
        args.results, args.dataroot, args.version, args.split, verbose=args.verbose
    )
    print(format_metrics(metrics))
    if args.out is not None:
        write_metrics(args.out, metrics)
