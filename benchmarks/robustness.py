"""What training against bad images is worth, on the corruptions it showed and on the others.

    make demo
    drivetr synth data/synth_time --size 96x256 --reach 14 --density 2.4 --scenes 132 \
        --val-scenes 16 --frames-per-scene 16 --seed 1
    drivetr synth data/synth_robust --size 96x256 --reach 14 --density 2.4 --scenes 4 \
        --val-scenes 3 --frames-per-scene 16 --sweeps --seed 2
    python -m benchmarks.robustness --dataroot data/synth_time --test-dataroot data/synth_robust \
        --folder work_dirs/in_time --start work_dirs/demo/train/last.pth

Every model starts from the same detector and trains for as many steps on the same frames. The plain
ones are those of `benchmarks.in_time`: in its `--folder`, with the same `--iterations`, what it has
trained is taken. `drivetr robustness` tests each on a small world of its own (whole scenes, and
with the images between keyframes, so that a camera can be late by 100 ms); its pages stay in the
folder.

RR is the NDS that is left of the clean one, CE the error against the plain model of the same kind,
both in percent. What was seen in training is read from the config of the augmented model: a crashed
camera and a lost frame count as seen where `CameraDrop` was used. Finished trainings and conditions
are kept, and the table has all models that are finished in the folder; several of these commands
may share it if their `--only` or `--seed` differ.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.in_time import LINES, SPLITS, TAKES, with_budget
from benchmarks.trainings import Line, file_name, train
from drivetr.data.corruptions.catalogue import CORRUPTIONS, PROTOCOL, RIG_FAULTS
from drivetr.data.corruptions.images import RandomCorruption
from drivetr.data.transforms.camera_drop import CameraDrop
from drivetr.engine.config import load_config
from drivetr.evaluation.robustness import corruption_error, resilience_rate
from drivetr.files import atomic_text


@dataclass(frozen=True)
class Model:
    """One row of the table.

    Attributes:
        kind: of `benchmarks.in_time`; the plain model has this name.
        config: of the training.
    """

    kind: str
    config: str


# PETR's published encoding is missing: it learns nothing in such a training (docs/ablations.md).
AUGMENTED = {
    "PETR": "configs/petr/petr_point_synth_robust.py",
    "StreamPETR": "configs/streampetr/streampetr_point_synth_robust.py",
}
MODELS = {
    name: model
    for kind, augmented in AUGMENTED.items()
    for name, model in (
        (kind, Model(kind, LINES[kind].config)),
        (f"{kind}, augmented", Model(kind, augmented)),
    )
}
MEANS = ("seen", "unseen", "rig")


def seen(config: str) -> set[str]:
    """Corruptions that a training shows, by its transforms."""
    names: set[str] = set()
    for transform in load_config(config).train_data["transforms"]:
        if transform["type"] is RandomCorruption:
            names |= set(transform["levels"])
        elif transform["type"] is CameraDrop:
            names |= {"camera_crash", "frame_lost"}
    return names


def groups(kind: str) -> dict[str, list[str]]:
    """Names of corruptions by entry of `MEANS`; dirt on a lens is of the images here."""
    shown = seen(AUGMENTED[kind])
    of_images = [*PROTOCOL, "lens_dirt"]
    return {
        "seen": [name for name in of_images if name in shown],
        "unseen": [name for name in of_images if name not in shown],
        "rig": [name for name in RIG_FAULTS if name not in of_images],
    }


def row(name: str, found: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """What the table tells of a model.

    Args:
        name: of `MODELS`.
        found: its `robustness.json`.
        plain: that of the plain model of its kind.
    """
    clean = found["clean"]
    nds, before = (_nds(content) for content in (found, plain))
    rates = {key: resilience_rate(values, clean["NDS"]) for key, values in nds.items()}
    errors = {key: corruption_error(values, before[key]) for key, values in nds.items()}
    means = {
        f"{score}_{group}": fmean(scores[key] for key in keys)
        for score, scores in (("RR", rates), ("CE", errors))
        for group, keys in groups(MODELS[name].kind).items()
    }
    over_protocol = {
        f"m{score}": fmean(scores[key] for key in PROTOCOL)
        for score, scores in (("RR", rates), ("CE", errors))
    }
    return {"model": name, **clean, **over_protocol, **means, "RR": rates, "CE": errors}


def _nds(found: Mapping[str, Any]) -> dict[str, list[float]]:
    """NDS at each severity, by corruption."""
    return {
        name: [of["NDS"] for of in severities.values()]
        for name, severities in found["corruptions"].items()
    }


def tables(rows: Iterable[Mapping[str, Any]]) -> str:
    """The means of all models, and the RR of each corruption, in Markdown."""
    means = ["mRR", *(f"RR_{group}" for group in MEANS), "mCE", *(f"CE_{group}" for group in MEANS)]
    head = ["model", "mAP", "NDS", *(key.replace("_", ", ") for key in means)]
    lines = [head, ["---"] * len(head)]
    kept = [["RR", *(c.title.lower() for c in CORRUPTIONS.values())]]
    kept.append(["---"] * len(kept[0]))
    for of in rows:
        values = [f"{of[key]:.1f}" for key in means]
        lines.append([of["model"], f"{of['mAP']:.3f}", f"{of['NDS']:.3f}", *values])
        kept.append([of["model"], *(f"{of['RR'][name]:.1f}" for name in CORRUPTIONS)])
    first, second = ("\n".join(f"| {' | '.join(cells)} |" for cells in t) for t in (lines, kept))
    return f"{first}\n\n{second}"


def test_robustness(checkpoint: Path, dataset: tuple[str, str, str], out: Path) -> None:
    """Writes `robustness.json` and its page, or goes on with them."""
    command = [sys.executable, "-m", "drivetr.cli.main", "robustness", str(checkpoint)]
    for flag, value in zip(("--dataroot", "--version", "--split"), dataset, strict=True):
        command += [flag, value]
    log_file = out.with_suffix(".log")
    with log_file.open("a") as log:
        command += ["--out", str(out)]
        status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if status != 0:
        sys.exit(f"the test failed, see {log_file}")


def main() -> None:
    """Trains and tests what is missing, writes all rows and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataroot", required=True, help="world of the training")
    parser.add_argument("--test-dataroot", required=True, help="world of the test")
    parser.add_argument("--version", default="v1.0-synth")
    parser.add_argument("--iterations", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/in_time"))
    parser.add_argument("--start", type=Path, help="checkpoint to start from")
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    work_dirs = {name: args.folder / f"{file_name(name)}_seed{args.seed}" for name in MODELS}
    outs = {name: folder / "robustness" for name, folder in work_dirs.items()}
    for name in args.only:
        model = MODELS[name]
        line = Line(model.config, LINES[model.kind].options)
        line = with_budget(line, TAKES[model.kind], args.iterations, args.start)
        trained = (args.dataroot, args.version, SPLITS[0])
        checkpoint = train(line, trained, work_dirs[name], args.seed)
        test_robustness(checkpoint, (args.test_dataroot, args.version, SPLITS[1]), outs[name])
        print(f"{name}: {outs[name] / 'robustness.html'}", flush=True)
    files = {name: out / "robustness.json" for name, out in outs.items()}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    rows = [
        row(name, content, found[MODELS[name].kind])
        for name, content in found.items()
        if MODELS[name].kind in found
    ]
    with atomic_text(args.folder / f"robustness_seed{args.seed}.json") as out:
        json.dump(rows, out, indent=1)
    print(f"\n{tables(rows)}")


if __name__ == "__main__":
    main()
