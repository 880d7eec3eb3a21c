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
# As drivetr.evaluation.coco.detection.BACKENDS, which is not imported to print the help.
BACKENDS = ("pycocotools", "faster-coco-eval")


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
        choices=BACKENDS,
        help="COCO: which package counts (default: pycocotools); the other one is faster, has to be"
        " installed and gives the same numbers",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluates, prints the metrics and saves them."""
    from pathlib import Path

    from drivetr.data.coco.annotations import is_coco
    from drivetr.errors import DrivetrError

    coco = is_coco(Path(args.dataroot))
    if args.backend is not None and not coco:
        raise DrivetrError(
            f"--backend {args.backend} is for COCO, but {args.dataroot} has no"
            " annotations/instances_*.json; leave it out for nuScenes"
        )
    if args.verbose and coco:
        raise DrivetrError(f"--verbose is for nuScenes, but {args.dataroot} is a COCO dataset")
    (_evaluate_coco if coco else _evaluate_nuscenes)(args)


def _evaluate_coco(args: argparse.Namespace) -> None:
    from pathlib import Path

    from drivetr.data.coco.annotations import annotation_file, read_annotations
    from drivetr.evaluation.coco.detection import evaluate_results, format_metrics, write_metrics

    truth = annotation_file(Path(args.dataroot), args.version, args.split)
    read_annotations(truth)  # tells what is wrong with them in a sentence
    metrics = evaluate_results(Path(args.results), truth, backend=args.backend or BACKENDS[0])
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
