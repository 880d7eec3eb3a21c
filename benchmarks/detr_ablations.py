"""DETR's own ablations (arXiv:2005.12872) on the synthetic 2D set: positions, and parts.

    drivetr synth data/shapes --shapes 3000 500
    python -m benchmarks.detr_ablations --dataroot data/shapes --folder work_dirs/detr_ablations

Every line is trained from each seed and tested by pycocotools. The table has the mean over the
seeds, its spread, and the paper's number. Runs that are finished in `--folder` are kept, so that an
interrupted table goes on; several of these commands may share a folder if their `--only` differ.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.trainings import Line, file_name, kept, train_and_test
from drivetr.data.shapes.write import VERSION

BASE = "configs/detr/detr_shapes.py"
POSITIONS = "configs/detr/positions"

# Name -> what is trained, and COCO AP in the paper (tables 2 and 3, section 4.2). The paper's
# encoder has 6 layers: its numbers for 0, 3, 6 and 12 stand beside 0, 1, 2 and 4 of 2.
LINES: dict[str, tuple[Line, float]] = {
    "no spatial encoding": (Line(f"{POSITIONS}/none.py"), 32.8),
    "sines in the decoder's attentions": (Line(f"{POSITIONS}/decoder.py"), 39.3),
    "sines at the input": (Line(f"{POSITIONS}/input.py"), 39.2),
    "learned, in all attentions": (Line(f"{POSITIONS}/learned.py"), 39.6),
    "sines in all attentions (base)": (Line(f"{POSITIONS}/attention.py"), 40.6),
    "encoder without layers": (Line(BASE, ("model.encoder.num_layers=0",)), 36.7),
    "encoder of half the layers": (Line(BASE, ("model.encoder.num_layers=1",)), 40.1),
    "encoder of twice the layers": (Line(BASE, ("model.encoder.num_layers=4",)), 41.6),
    "no feed-forward parts": (
        Line(BASE, ("model.encoder.ffn_dim=0", "model.decoder.ffn_dim=0")),
        38.3,
    ),
}


def row(name: str, runs: list[dict[str, Any]], paper: float) -> str:
    """A line of the table."""
    ap, ap50 = ([100 * run["metrics"][key] for run in runs] for key in ("AP", "AP50"))
    spread = f"{min(ap):.1f} to {max(ap):.1f}" if len(ap) > 1 else ""
    cells = [name, f"{statistics.fmean(ap):.1f}", spread, f"{statistics.fmean(ap50):.1f}"]
    cells += [str(len(runs)), f"{paper:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/detr_ablations"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=LINES, default=list(LINES))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    dataset, splits = (args.dataroot, VERSION), (f"train_{VERSION}", f"val_{VERSION}")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in args.only}
    for seed in args.seeds:  # outermost: an interrupted table has whole seeds
        for name in args.only:
            work_dir = args.folder / f"{file_name(name)}_seed{seed}"
            make = partial(train_and_test, LINES[name][0], dataset, splits, work_dir, seed)
            runs[name].append(kept(work_dir.with_suffix(".json"), make))
    print("| line | AP | spread | AP50 | seeds | AP in the paper |\n|---|---|---|---|---|---|")
    for name in args.only:
        print(row(name, runs[name], LINES[name][1]))


if __name__ == "__main__":
    main()
