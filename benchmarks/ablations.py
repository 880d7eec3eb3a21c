"""What each option of the demo's recipe is worth: it is trained without, or with, one at a time.

    python -m benchmarks.ablations --dataroot work_dirs/demo/data --version v1.0-synth \
        --iterations 600 --folder work_dirs/ablations

Every line trains from the same seed for the same number of steps on `synth_train` and is evaluated
on `synth_val` four times: as it is, and with the knock-outs of `benchmarks.knockouts` that ask
whether the camera-aware attention does the work. Lines that are finished in `--folder` are kept, so
that an interrupted table goes on.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.knockouts import CHANGES, evaluate, knocked_out
from drivetr.files import atomic_text

DEMO = "configs/petr/petr_point_synth.py"
KNOCKOUTS = ("none", "attention", "encoding", "rolled")


@dataclass(frozen=True)
class Line:
    """One training.

    Attributes:
        config: config file.
        options: `--cfg-options`.
    """

    config: str = DEMO
    options: tuple[str, ...] = ()


LINES = {
    "the demo's recipe": Line(),
    "published encoding and queries": Line("configs/ablations/frustum.py"),
    "2D encoding and camera index": Line("configs/ablations/grid.py"),
    "learned reference points": Line("configs/ablations/learned_queries.py"),
    "with denoising queries": Line("configs/ablations/denoising.py"),
    "no kernel among queries": Line(options=("model.decoder.self_widths=None",)),
    "no refinement": Line(options=("model.refine=False",)),
    "no token embedding": Line(options=("model.token_embedding=None",)),
    "no ground rays": Line(options=("model.rays=None", "model.backbone.in_channels=3")),
    "no anchor in the matching": Line(options=("criterion.matcher.anchor_weight=0.0",)),
    "no flips": Line(options=("train_data.transforms.0.flip_prob=0.0",)),
    "with group norm": Line(options=("model.backbone.group_norm=True",)),
    "with EMA": Line(options=("ema={'decay':0.99}",)),
}


def run_line(line: Line, args: argparse.Namespace, work_dir: Path) -> dict[str, dict[str, Any]]:
    """Trains a line, or goes on with it, and evaluates it with each knock-out."""
    command = [sys.executable, "-m", "drivetr.cli.main", "train", line.config]
    command += ["--dataroot", args.dataroot, "--version", args.version, "--split", "synth_train"]
    command += ["--work-dir", str(work_dir), "--seed", str(args.seed), "--resume", "auto"]
    command += ["--cfg-options", f"schedule.iterations={args.iterations}", *line.options]
    with work_dir.with_suffix(".log").open("a") as log:
        status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if status != 0:
        sys.exit(f"the training failed, see {work_dir.with_suffix('.log')}")
    return {
        name: evaluate(
            knocked_out(str(work_dir / "last.pth"), CHANGES[name]),
            args.dataroot,
            args.version,
            "synth_val",
        )
        for name in KNOCKOUTS
    }


def main() -> None:
    """Prints one row of mAPs a line, and keeps all metrics."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/ablations"))
    parser.add_argument("--only", nargs="+", choices=LINES, default=list(LINES))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(f"| {'line':32} | NDS | {' | '.join(f'mAP, {name}' for name in KNOCKOUTS)} |")
    for name in args.only:
        work_dir = args.folder / name.replace(" ", "_").replace("'", "")
        done = work_dir.with_suffix(".json")
        if not done.exists():
            with atomic_text(done) as file:
                json.dump(run_line(LINES[name], args, work_dir), file, indent=1)
        metrics = json.loads(done.read_text())
        cells = [f"{metrics['none']['nd_score']:.4f}"]
        cells += [f"{metrics[knockout]['mean_ap']:.4f}" for knockout in KNOCKOUTS]
        print(f"| {name:32} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
