"""What time is worth: detectors of one moment and of several, trained alike on the same sequences.

    drivetr synth data/synth_time --size 96x256 --reach 14 --density 2.4 --scenes 132 \
        --val-scenes 16 --frames-per-scene 16 --seed 1
    make demo
    python -m benchmarks.in_time --dataroot data/synth_time --folder work_dirs/in_time \
        --start work_dirs/demo/train/last.pth

Every model is the point-aware variant, starts from the same detector of single frames, trains for
about as many seconds, and is judged on the whole validation split by the official metrics.
StreamPETR sees as many frames as PETR; PETRv2, which pays for two moments of each, about half as
many. (The demo's world has seed 0: none of its scenes is in this one.) A row has the mean over the
seeds and its spread; seconds are those of the processor, for the training with its loaders.
Trainings that are finished in `--folder` are kept; several of these commands may share one if their
`--only` or `--seeds` differ.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.trainings import Line, file_name, kept, train_and_test

# Velocity weighs as much as the other columns, for all models alike.
WEIGHTS = "criterion.code_weights=(1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)"
LINES = {
    "PETR": Line("configs/petr/petr_point_synth.py", (WEIGHTS,)),
    "PETRv2": Line("configs/petrv2/petrv2_point_synth.py", (WEIGHTS,)),
    "StreamPETR": Line("configs/streampetr/streampetr_point_synth.py", (WEIGHTS,)),
}
# What of each takes the weights of a PETR: all of it, but for PETRv2, whose layers look twice.
TAKES = {
    "PETR": ("model",),
    "PETRv2": tuple(
        f"model.{part}" for part in ("backbone", "neck", "depth_head", "token_embedding")
    ),
    "StreamPETR": ("model.detector",),
}
# Seconds of a step against PETR's: PETRv2 sees twice as many images, and gets fewer steps for it.
COSTS = {"PETR": 1.0, "PETRv2": 1.85, "StreamPETR": 1.0}
SPLITS = ("synth_train", "synth_val")
ERRORS = {"mATE": "trans_err", "mASE": "scale_err", "mAOE": "orient_err", "mAVE": "vel_err"}


def with_budget(line: Line, parts: Sequence[str], steps: float, start: Path | None) -> Line:
    """A line that trains for so many steps.

    Args:
        line: what is trained.
        parts: of the model that begin with the weights of `start`.
        steps: are rounded.
        start: checkpoint of a PETR, None to train from nothing.
    """
    options = (f"schedule.iterations={round(steps)}", *line.options)
    if start is not None:  # what is trained already learns at half the rate
        options += tuple(f"{part}.init={start}" for part in parts)
        options += ("optimizer.lr=0.0004",)
    return replace(line, options=options)


def figures(run: dict[str, Any]) -> dict[str, float]:
    """What the table tells of a run."""
    metrics = run["metrics"]
    found = {"mAP": metrics["mean_ap"], "NDS": metrics["nd_score"]}
    found |= {name: metrics["tp_errors"][key] for name, key in ERRORS.items()}
    return found | {"CPU s": run["training_cpu_s"]}


def row(name: str, runs: list[dict[str, float]]) -> str:
    """A line of the table: means, and the smallest and the largest of several."""
    cells = [name, str(len(runs))]
    for column in runs[0]:
        values = [run[column] for run in runs]
        shown = [
            f"{x:.0f}" if column == "CPU s" else f"{x:.3f}" for x in (min(values), max(values))
        ]
        spread = f" ({shown[0]} to {shown[1]})" if len(values) > 1 else ""
        digits = 0 if column == "CPU s" else 3
        cells.append(f"{statistics.fmean(values):.{digits}f}{spread}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--version", default="v1.0-synth")
    parser.add_argument("--iterations", type=int, default=900)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/in_time"))
    parser.add_argument("--start", type=Path, help="checkpoint to start from")
    parser.add_argument("--only", nargs="+", choices=LINES, default=list(LINES))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in args.only}
    for seed in args.seeds:  # outermost: an interrupted table has whole seeds
        for name in args.only:
            work_dir = args.folder / f"{file_name(name)}_seed{seed}"
            make = partial(
                train_and_test,
                with_budget(LINES[name], TAKES[name], args.iterations / COSTS[name], args.start),
                (args.dataroot, args.version),
                SPLITS,
                work_dir,
                seed,
            )
            runs[name].append(figures(kept(work_dir.with_suffix(".json"), make)))
            print(row(f"{name}, seed {seed}", runs[name][-1:]), flush=True)
    print(f"\n| model | seeds | {' | '.join(runs[args.only[0]][0])} |\n|{'---|' * 9}")
    for name in args.only:
        print(row(name, runs[name]))


if __name__ == "__main__":
    main()
