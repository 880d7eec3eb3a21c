"""`drivetr evaluate`: the official nuScenes metrics of a submission."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = "Compute the official nuScenes detection metrics (by the devkit) of a submission file."
EXAMPLE = (
    "drivetr evaluate results.json --dataroot data/nuscenes --version v1.0-mini --split mini_val"
    " --out metrics.json"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the submission, the dataset's names and where the metrics go."""
    parser.add_argument("results", metavar="RESULTS.json", help="a nuScenes detection submission")
    add_dataset_arguments(parser, positional=False, split="required")
    parser.add_argument(
        "--out", metavar="METRICS.json", help="where the metrics go, under the devkit's own keys"
    )
    parser.add_argument("--verbose", action="store_true", help="show what the devkit prints too")


def run(args: argparse.Namespace) -> None:
    """Evaluates, prints the table and saves the metrics."""
    from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
    from drivetr.evaluation.nuscenes.report import format_metrics

    metrics = evaluate_submission(
        args.results, args.dataroot, args.version, args.split, verbose=args.verbose
    )
    print(format_metrics(metrics))
    if args.out is not None:
        write_metrics(args.out, metrics)
