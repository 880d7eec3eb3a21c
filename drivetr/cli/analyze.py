"""`drivetr analyze`: what is wrong with a detector on a whole split, as one page and as tables."""

import argparse
import os
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.errors import DrivetrError
from drivetr.files import require_writable

if TYPE_CHECKING:
    from drivetr.cli.analyze_pictures import Judgement
    from drivetr.data.nuscenes.index import NuScenesIndex
    from drivetr.evaluation.nuscenes.detection import JudgedSubmission
    from drivetr.evaluation.nuscenes.matched import MatchedSplit
    from drivetr.visual.report import Report, Section

_WORST = 30  # frames of a replay that is proposed
HELP = (
    "Report what is wrong with one nuScenes detection submission, or how two differ: official"
    " metrics, slices, confusion, worst frames."
)
EXAMPLE = (
    "drivetr analyze results.json --dataroot data/nuscenes --version v1.0-mini --split mini_val"
    " --html report.html\n"
    "  drivetr analyze old.json new.json --dataroot data/nuscenes --version v1.0-mini"
    " --split mini_val --html report.html --csv tables/"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the submissions, the dataset's names, and where the report goes."""
    parser.add_argument(
        "results", metavar="A.json", help="a submission; the first where two are compared"
    )
    parser.add_argument(
        "other", metavar="B.json", nargs="?", help="a second submission to the same split"
    )
    add_dataset_arguments(parser, positional=False, split="required", coco=False)
    parser.add_argument("--html", metavar="FILE", help="the report as one page")
    parser.add_argument("--json", metavar="FILE", help="its tables, and one row a frame")
    parser.add_argument("--csv", metavar="DIR", help="the same, a file each")
    parser.add_argument(
        "--score-threshold",
        metavar="S",
        type=float,
        help="score from which predictions count in slices, confusion and frames (default: for each"
        " submission the one with the highest F1 over the split)",
    )
    parser.add_argument(
        "--replay",
        metavar="FILE",
        help="page of `drivetr replay --html` that pictures link to; relative to the report",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluates, cuts into slices, draws and writes."""
    _check(args)
    from pathlib import Path

    from drivetr.cli.analyze_facts import read_facts
    from drivetr.cli.analyze_pictures import Judgement
    from drivetr.cli.replay_predictions import distinct_names
    from drivetr.data.nuscenes.index import open_index
    from drivetr.evaluation.nuscenes.detection import judge_submissions
    from drivetr.evaluation.nuscenes.matched import matched_split

    paths = [args.results, *([args.other] if args.other else [])]
    judged = judge_submissions(paths, args.dataroot, args.version, args.split)
    splits = [matched_split(submission) for submission in judged]
    index = open_index(args.dataroot, args.version)
    names = ["A", "B"] if args.other else [""]
    sources = distinct_names([Path(path) for path in paths])
    of = [
        Judgement(*known, _threshold(args, known[2]))
        for known in zip(names, sources, splits, read_facts(splits, index), strict=True)
    ]
    _write(args, _report(args, paths, dict(zip(names, judged, strict=True)), of, index))
    if args.html and args.replay:
        page = Path(args.html).parent / args.replay
        if not page.is_file():
            print(
                f"{page}, which pictures open, is not there; for the {_WORST} worst frames:"
                f" {_replay_command(args, paths, of, str(page))} --worst {_WORST}"
            )


def _check(args: argparse.Namespace) -> None:
    """Checks what can be checked before the work."""
    if not (args.html or args.json or args.csv):
        raise DrivetrError(
            "nothing to write: pass --html FILE for a page, --json FILE or --csv DIR for tables"
        )
    threshold = args.score_threshold
    if threshold is not None and not 0 <= threshold <= 1:
        raise DrivetrError(f"--score-threshold is {threshold:g}; expected a number from 0 to 1")
    tables = args.csv and os.path.join(args.csv, "table.csv")
    for path in filter(None, (args.html, args.json, tables)):
        require_writable(path)


def _threshold(args: argparse.Namespace, split: "MatchedSplit") -> float:
    """The score that was asked for, or else the best."""
    from drivetr.evaluation.nuscenes.slices import best_threshold

    return best_threshold(split) if args.score_threshold is None else args.score_threshold


def _report(
    args: argparse.Namespace,
    paths: list[str],
    judged: "dict[str, JudgedSubmission]",
    of: "list[Judgement]",
    index: "NuScenesIndex",
) -> "Report":
    """All sections in the order of the page."""
    from drivetr.cli.analyze_compare import compare_sections
    from drivetr.cli.analyze_pictures import Photographer
    from drivetr.cli.analyze_sections import (
        confusion_section,
        frame_table,
        official_section,
        slice_sections,
        worst_section,
    )
    from drivetr.visual.report import Report

    photographer = Photographer(index, args.replay, _replay_command(args, paths, of))
    sections: list[Section] = [official_section(judged, of)]
    if len(of) > 1:
        sections += compare_sections(of[0], of[1], photographer)
    sections += slice_sections(of)
    sections.append(confusion_section(of))
    pictures = 9 if len(of) == 1 else 4
    sections += [worst_section(judgement, photographer, pictures) for judgement in of]
    files = [
        f"{j.name} {path}, score {j.threshold:.2f}".strip()
        for j, path in zip(of, paths, strict=True)
    ]
    return Report(
        title="What is wrong" if len(of) == 1 else "What changed, and what is wrong",
        lines=(
            ("dataset", f"{args.dataroot}, {args.version}, {args.split}"),
            *(("submission", text) for text in files),
            ("size", f"{len(of[0].split.tokens)} frames, {len(of[0].split.truth)} objects"),
        ),
        sections=tuple(sections),
        only_in_files=tuple(frame_table(judgement) for judgement in of),
    )


def _replay_command(
    args: argparse.Namespace, paths: list[str], of: "list[Judgement]", page: str = "replay.html"
) -> str:
    """What shows these submissions, but for scene and time."""
    import shlex

    words = [
        "drivetr", "replay", args.dataroot, "--version", args.version, "--split", args.split,
        "--results", *paths, "--score-threshold", f"{of[0].threshold:.2f}", "--html", page,
    ]  # fmt: skip
    return shlex.join(words)


def _write(args: argparse.Namespace, report: "Report") -> None:
    """The page and the files of tables that were asked for."""
    from pathlib import Path

    from drivetr.visual.report_files import write_csv, write_json
    from drivetr.visual.report_page import write_report

    if args.html:
        write_report(args.html, report)
        print(f"{args.html}: {Path(args.html).stat().st_size / 1e6:.2f} MB")
    if args.json:
        write_json(args.json, report)
        print(f"{args.json}: {len(report.tables())} tables")
    if args.csv:
        write_csv(args.csv, report)
        print(f"{args.csv}: {len(report.tables())} tables")
