"""`drivetr robustness`: how far a detector can be trusted in bad weather and with a broken rig."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.errors import DrivetrError

if TYPE_CHECKING:
    from drivetr.engine.robustness import Condition, RobustnessTest
    from drivetr.engine.robustness_summary import Baseline, Row

HELP = """Test a 3D detector in bad weather and with broken cameras.

The eight corruptions of RoboBEV at severities 1 to 3: camera_crash, frame_lost, color_quant,
motion_blur, brightness, low_light, fog, snow. Faults of the rig: rig_rotation (0.5, 1, 2 or 4
degrees), rig_shift (5, 10 or 20 cm), camera_late (100 to 500 ms), camera_swap (1 to 3 pairs),
lens_dirt (1 to 3). All are applied as the images are read, the same way in every run.

Writes robustness.json, robustness.html, a sheet of example pictures for each corruption, and the
metrics of each condition: when it is interrupted, the same command goes on."""
EXAMPLE = (
    "drivetr robustness work_dirs/petr_point_synth/last.pth --dataroot data/synth"
    " --version v1.0-synth --split synth_val --out work_dirs/robustness"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoint, the dataset's names, and what is tested."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a checkpoint of drivetr train or a folder of drivetr convert",
    )
    add_dataset_arguments(parser, positional=False, split="required", coco=False)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of all that is written")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME[:SEVERITY]",
        default=[],
        help="corruptions to test (default: all); clean input is always tested",
    )
    parser.add_argument(
        "--severities",
        nargs="+",
        type=int,
        metavar="N",
        help="those of corruptions with steps 1 to 3 (default: all); degrees, cm and ms are chosen"
        " by --only, such as rig_rotation:2",
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE.json",
        help="robustness.json of the detector that mCE compares with, on the same split (default:"
        " the published DETR3D on the official val split, elsewhere none and no mCE)",
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def run(args: argparse.Namespace) -> None:
    """Tests, prints the table, writes the files."""
    from drivetr.cli.robustness_page import report_of, table_text
    from drivetr.cli.robustness_sheets import draw_sheets
    from drivetr.engine.api import load_detector
    from drivetr.engine.robustness import RobustnessTest, chosen_conditions
    from drivetr.engine.robustness_summary import RobustnessSummary, rows_of
    from drivetr.files import require_writable
    from drivetr.visual.report_page import write_report

    out = Path(args.out)
    conditions = chosen_conditions(args.only, args.severities)
    require_writable(out / "robustness.json")
    names = (args.dataroot, args.version, args.split)
    test = RobustnessTest(load_detector(args.checkpoint, args.device), names, out / "conditions")
    baseline = _baseline(args, test)
    left_out = {c.key: reason for c in conditions if (reason := test.possible(c))}
    conditions = [c for c in conditions if c.key not in left_out]
    for reason in dict.fromkeys(left_out.values()):
        print(f"left out: {reason}")
    measured = _measure(test, conditions)
    summary = RobustnessSummary(
        about={
            "checkpoint": str(args.checkpoint),
            "dataset": f"{args.dataroot}, {args.version}, {args.split}",
            "frames": str(len(test.dataset)),
        },
        identity=test.identity,
        clean=measured[conditions[0]],
        rows=rows_of(measured),
        baseline=baseline,
        left_out=left_out,
    )
    print(table_text(summary))
    _write_json(out / "robustness.json", summary.to_data())
    sheets = draw_sheets(test.dataset, summary.rows, out / "sheets")
    write_report(out / "robustness.html", report_of(summary, sheets))
    print(f"{out / 'robustness.json'}\n{out / 'robustness.html'}\n{out / 'sheets'}")


def _baseline(args: argparse.Namespace, test: "RobustnessTest") -> "Baseline | None":
    """What mCE compares with."""
    from drivetr.engine.robustness_summary import OFFICIAL_SPLIT, PUBLISHED, read_baseline

    if args.baseline is not None:
        if not Path(args.baseline).is_file():
            raise DrivetrError(f"--baseline {args.baseline} does not exist")
        return read_baseline(Path(args.baseline), test.identity["frames"])
    return PUBLISHED if (args.version, args.split) == OFFICIAL_SPLIT else None


def _measure(test: "RobustnessTest", conditions: "list[Condition]") -> "dict[Condition, Row]":
    """NDS, mAP and errors under each condition, told as they come."""
    from drivetr.engine.robustness_summary import row_of

    # Files of another test are told before anything is measured.
    kept = {condition for condition in conditions if test.kept(condition) is not None}
    measured = {}
    for number, condition in enumerate(conditions, 1):
        row = row_of(test.measure(condition))
        measured[condition] = row
        words = ", measured before" if condition in kept else ""
        print(
            f"{number:3}/{len(conditions)}  {condition.title:32} NDS {row['NDS']:.4f}"
            f"  mAP {row['mAP']:.4f}{words}",
            flush=True,
        )
    return measured


def _write_json(path: Path, content: dict) -> None:
    import json

    from drivetr.files import atomic_text

    with atomic_text(path) as file:
        json.dump(content, file, indent=1)
        file.write("\n")
