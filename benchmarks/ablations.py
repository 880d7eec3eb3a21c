"""What each option of the demo's recipe is worth: it is trained without, or with, one at a time.

    python -m benchmarks.ablations --dataroot work_dirs/demo/data --version v1.0-synth \
        --iterations 600 --folder work_dirs/ablations

Every line trains from the same seed for the same number of steps on `synth_train` and is evaluated
on `synth_val` four times: as it is, and with the knock-outs of `benchmarks.knockouts` that ask
whether the camera-aware attention does the work. Lines that are finished in `--folder` are kept, so
that an interrupted table goes on.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.knockouts import evaluate, knocked_out
from benchmarks.trainings import Line, file_name, kept, train

DEMO = "configs/petr/petr_point_synth.py"
KNOCKOUTS = ("none", "attention", "encoding", "rolled")

LINES = {
    "the demo's recipe": Line(DEMO),
    "published encoding and queries": Line("configs/ablations/frustum.py"),
    "2D encoding and camera index": Line("configs/ablations/grid.py"),
    "learned reference points": Line("configs/ablations/learned_queries.py"),
    "with denoising queries": Line("configs/ablations/denoising.py"),
    "no kernel among queries": Line(DEMO, ("model.decoder.self_widths=None",)),
    "no refinement": Line(DEMO, ("model.refine=False",)),
    "no token embedding": Line(DEMO, ("model.token_embedding=None",)),
    "no ground rays": Line(DEMO, ("model.rays=None", "model.backbone.in_channels=3")),
    "no anchor in the matching": Line(DEMO, ("criterion.matcher.anchor_weight=0.0",)),
    "no flips": Line(DEMO, ("train_data.transforms.0.flip_prob=0.0",)),
    "with group norm": Line(DEMO, ("model.backbone.group_norm=True",)),
    "with EMA": Line(DEMO, ("ema={'decay':0.99}",)),
}


def run_line(line: Line, args: argparse.Namespace, work_dir: Path) -> dict[str, dict[str, Any]]:
    """Trains a line, or goes on with it, and evaluates it with each knock-out."""
    options = (f"schedule.iterations={args.iterations}", *line.options)
    dataset = (args.dataroot, args.version, "synth_train")
    checkpoint = train(replace(line, options=options), dataset, work_dir, args.seed)
    return {
        name: evaluate(
            knocked_out(str(checkpoint), name),
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
        work_dir = args.folder / file_name(name)
        file = work_dir.with_suffix(".json")
        metrics = kept(file, partial(run_line, LINES[name], args, work_dir))
        cells = [f"{metrics['none']['nd_score']:.4f}"]
        cells += [f"{metrics[knockout]['mean_ap']:.4f}" for knockout in KNOCKOUTS]
        print(f"| {name:32} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
