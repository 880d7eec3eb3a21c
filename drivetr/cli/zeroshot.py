"""`drivetr zeroshot`: names for detected 3D boxes by CLIP."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetr.cli.common import add_dataset_arguments
from drivetr.errors import DrivetrError

if TYPE_CHECKING:
    from drivetr.cli.replay_predictions import PredictionSource
    from drivetr.cli.zeroshot_labels import Labelled
    from drivetr.data.nuscenes.index import NuScenesIndex

HELP = "Name detected 3D boxes by CLIP: crop each from its best camera, rank your words for it."
EXAMPLE = (
    "drivetr zeroshot data/nuscenes --version v1.0-mini --split mini_val --results results.json"
    ' --clip work_dirs/clip_synth/last.pth --names car truck "traffic cone" --sheet names.png'
)


def add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the names of a model and its vocabulary."""
    parser.add_argument(
        "--clip",
        metavar="MODEL",
        required=True,
        help="a CLIP: checkpoint of drivetr train, or a folder that drivetr convert wrote",
    )
    parser.add_argument(
        "--vocab",
        metavar="FILE",
        help="vocabulary of its tokenizer: bpe_simple_vocab_16e6.txt.gz, merges.txt or"
        " tokenizer.json (default: that of the package open_clip_torch)",
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the dataset's names, where the boxes come from, the words, and what is written."""
    add_dataset_arguments(parser, coco=False)
    add_clip_arguments(parser)
    boxes = parser.add_mutually_exclusive_group(required=True)
    boxes.add_argument("--results", metavar="FILE", help="a submission whose boxes are named")
    boxes.add_argument("--checkpoint", metavar="C", help="a 3D detector that finds the boxes")
    parser.add_argument(
        "--names",
        metavar="NAME",
        nargs="*",
        help="what the boxes may be called (default: the ten classes of nuScenes)",
    )
    parser.add_argument(
        "--score-threshold",
        metavar="S",
        type=float,
        default=0.3,
        help="detections below this score are left out (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default="zeroshot.json",
        help="where the names go, as JSON (default: %(default)s)",
    )
    parser.add_argument("--sheet", metavar="FILE", help="also draw crops with their names (PNG)")


def run(args: argparse.Namespace) -> None:
    """Labels every detection of the split, writes the file, tells the accuracy."""
    names = _checked_names(args.names)
    from tqdm import tqdm

    from drivetr.cli.replay_predictions import open_predictions
    from drivetr.cli.zeroshot_labels import DetectionLabeller
    from drivetr.data.nuscenes.index import open_index
    from drivetr.engine.clip import load_clip
    from drivetr.files import require_writable

    require_writable(args.out)
    if args.sheet is not None:
        require_writable(args.sheet, ".png")
    clip = load_clip(args.clip, args.vocab, args.device)
    index = open_index(args.dataroot, args.version)
    results = [args.results] if args.results else []
    source = open_predictions(results, args.checkpoint, index, args.split)[0]
    rows = _covered_rows(index, source, args.split)
    labeller = DetectionLabeller(index, source, clip, names, args.score_threshold)
    found = [
        labelled
        for row in tqdm(rows, desc="Naming", unit="sample")
        for labelled in labeller.label(row)
    ]
    _write(Path(args.out), args, names, found, clip.fingerprint)
    print(f"{args.out}: names of {len(found)} detections in {len(rows)} samples")
    if labeller.unseen:
        print(f"{labeller.unseen} detections are in no camera and have no name")
    for line in _accuracy_lines(found, names):
        print(line)
    if args.sheet:
        _draw(Path(args.sheet), found, names)
        print(f"{args.sheet}: some of them as a picture")


def _checked_names(given: Sequence[str] | None) -> list[str]:
    """The names to choose from."""
    from drivetr.structures.classes import DETECTION_CLASSES

    names = list(DETECTION_CLASSES) if given is None else [name.strip() for name in given]
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise DrivetrError(
            f"--names {' '.join(map(repr, names))}: expected at least two different names, none of"
            ' them empty, such as --names car "traffic cone"'
        )
    return names


def _covered_rows(index: "NuScenesIndex", source: "PredictionSource", split: str) -> list[int]:
    """The samples of the split that the source has an answer for."""
    rows = [int(row) for row in index.samples_of_split(split)]
    tokens = index.tokens_of(index.samples_of_split(split))
    covered = [row for row, token in zip(rows, tokens, strict=True) if source.has(token)]
    if not covered:
        raise DrivetrError(
            f"{source.name} has none of the {len(rows)} samples of split {split!r} of"
            f" {index.dataroot} {index.version}; it was made for another split or dataset"
        )
    if len(covered) < len(rows):
        print(f"{source.name} has {len(covered)} of the split's {len(rows)} samples")
    return covered


def _write(
    path: Path, args: argparse.Namespace, names: list[str], found: "list[Labelled]", weights: str
) -> None:
    import json

    from drivetr.files import atomic_text

    samples: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        order = one.probabilities.argsort(descending=True).tolist()
        samples.setdefault(one.sample_token, []).append(
            {
                "names": [names[i] for i in order],
                "probabilities": [round(float(one.probabilities[i]), 6) for i in order],
                "camera": one.channel,
                "bounds_px": list(one.bounds),
                "centre": list(one.centre),
                "detection_name": one.detected,
                "detection_score": one.score,
                "truth": one.truth,
            }
        )
    made_by = {
        "clip": args.clip, "weights": weights, "boxes": args.results or args.checkpoint,
        "version": args.version, "split": args.split, "names": names,
    }  # fmt: skip
    with atomic_text(path) as file:
        json.dump({"meta": made_by, "results": samples}, file, indent=1)


def _accuracy_lines(found: "list[Labelled]", names: list[str]) -> list[str]:
    """How often the first name is right, where truth is known and among the names."""
    from drivetr.data.captions import spoken

    said = [spoken(name) for name in names]
    judged = [one for one in found if one.truth is not None and spoken(one.truth) in said]
    if not judged:
        return ["no detection matches an annotated object whose class is among the names"]
    right = sum(said[int(one.probabilities.argmax())] == spoken(str(one.truth)) for one in judged)
    detector = sum(one.detected == one.truth for one in judged)
    return [
        f"of {len(judged)} detections within 2 m of an object of these classes:",
        f"  named rightly by CLIP       {right / len(judged):6.1%}",
        f"  named rightly by detector   {detector / len(judged):6.1%}",
    ]


def _draw(path: Path, found: "list[Labelled]", names: list[str]) -> None:
    """Up to 60 detections, spread over the samples."""
    from drivetr.data.captions import spoken
    from drivetr.visual.palette import ACCENT, MUTED, TEXT
    from drivetr.visual.png import write_png
    from drivetr.visual.sheet import Cell, draw_sheet

    if not found:
        raise DrivetrError(f"--sheet {path}: there are no detections to draw")
    cells = []
    for one in found[:: max(1, len(found) // 60)][:60]:
        best = int(one.probabilities.argmax())
        wrong = one.truth is not None and spoken(one.truth) != spoken(names[best])
        lines = [
            (f"{one.probabilities[best]:.0%} {spoken(names[best])}", ACCENT if wrong else TEXT)
        ]
        truth = "no object" if one.truth is None else spoken(one.truth)
        lines.append((f"truth: {truth}", MUTED))
        cells.append(Cell(one.picture.permute(1, 2, 0).numpy(), lines))
    title = "Names by CLIP; in yellow where the object is called otherwise"
    write_png(path, draw_sheet(title, cells, columns=10, cell_width=128, cell_height=128))
