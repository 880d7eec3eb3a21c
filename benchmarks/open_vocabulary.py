"""Does a name find what the detector never heard the name of?

    python -m benchmarks.open_vocabulary work_dirs/petr_open_vocabulary_synth/last.pth data/names \
        --dataroot data/synth --version v1.0-synth --hidden bus pedestrian --out names.json

The folder is that of `drivetr names`, the checkpoint that of a training with its files
(`configs/petr/petr_open_vocabulary_synth.py`). The detector looks at every frame once; then each
line puts other texts into its head, and what it says with them is evaluated officially. Boxes,
objectness and the queries' places in CLIP's space are the same in all lines:

    as trained    the hidden classes have no name
    all names     each class has its own text: the hidden ones are found, or not
    exchanged     the hidden names in each other's place
    other words   words of the captions that name no class in the place of the hidden names
    random        random directions in the place of the hidden names: chance, mean of several draws
    permuted      every class has the text of another one, mean of several draws
    one text      all classes have the same text: objectness alone ranks the boxes
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from benchmarks.knockouts import judge
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.loaders import batches, loader_for_testing
from drivetr.files import atomic_text
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame

DRAWS = 3
Looks = list[tuple[list[Frame], dict[str, Tensor]]]


def lines(
    names: Tensor, others: Tensor, hidden: list[int], generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Name of a line and its texts (K,D); lines with several draws come several times."""
    yield "as trained", put(names, hidden, torch.zeros(len(hidden), names.shape[1]))
    yield "all names", names
    yield "exchanged", put(names, hidden, names[hidden].roll(1, 0))
    yield "other words", put(names, hidden, others[: len(hidden)])
    for _ in range(DRAWS):
        directions = torch.randn(len(hidden), names.shape[1], generator=generator)
        yield "random", put(names, hidden, directions)
    for _ in range(DRAWS):
        yield "permuted", names[derangement(len(names), generator)]
    yield "one text", torch.ones_like(names)


def put(names: Tensor, rows: list[int], texts: Tensor) -> Tensor:
    """The names with other texts in some rows."""
    return names.index_copy(0, torch.tensor(rows), texts)


def derangement(count: int, generator: torch.Generator) -> Tensor:
    """A permutation that leaves nothing in its place."""
    while True:
        order = torch.randperm(count, generator=generator)
        if (order != torch.arange(count)).all():
            return order


@torch.no_grad()
def look(loaded: LoadedDetector, dataset: tuple[str, str, str]) -> Looks:
    """Frames and outputs of the last layer, batch by batch."""
    frames, settings = loaded.open(*dataset)
    loader = loader_for_testing(frames, settings, loaded.device)
    found: Looks = []
    for batch in tqdm(batches(loader), total=len(loader), desc="looking", unit="batch"):
        outputs, _ = loaded.detector(*batch.to(loaded.device).inputs)
        found.append((batch.samples, outputs))
    return found


@torch.no_grad()
def named(
    loaded: LoadedDetector, looks: Looks, texts: Tensor
) -> Iterator[tuple[Frame, Detections]]:
    """Every frame with what the detector would have found with other texts in its head."""
    names: Any = loaded.detector.head.names
    names.rename(texts)
    for frames, outputs in looks:
        renamed = names.compare(outputs["pred_embeddings"], outputs["pred_objectness"])
        yield from zip(frames, loaded.postprocess({**outputs, **renamed}), strict=True)


def measure(
    args: argparse.Namespace, dataset: tuple[str, str, str]
) -> dict[str, list[dict[str, float]]]:
    """AP of all classes for every line and draw."""
    loaded = load_detector(args.checkpoint)
    texts = load_file(args.names / "names.safetensors")
    hidden = [loaded.classes.index(name) for name in args.hidden]
    looks = look(loaded, dataset)
    generator = torch.Generator().manual_seed(args.seed)
    found: dict[str, list[dict[str, float]]] = {}
    for line, embeddings in lines(texts["embeddings"], texts["others"], hidden, generator):
        metrics = judge(named(loaded, looks, embeddings), loaded.classes, dataset)
        found.setdefault(line, []).append(metrics["mean_dist_aps"])
    return found


def main() -> None:
    """Prints a line a set of texts, and keeps all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint")
    parser.add_argument("names", type=Path, help="folder of `drivetr names`")
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--split", default="synth_val")
    parser.add_argument("--hidden", nargs="+", required=True, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("open_vocabulary.json"))
    args = parser.parse_args()
    found = measure(args, (args.dataroot, args.version, args.split))
    with atomic_text(args.out) as file:
        json.dump({"seed": args.seed, "hidden": args.hidden, "lines": found}, file, indent=1)
    print(f"| texts | {' | '.join(f'AP, {name}' for name in args.hidden)} | mean AP, others |")
    for line, draws in found.items():
        cells = [spread([draw[name] for draw in draws]) for name in args.hidden]
        cells += [
            spread([mean(ap for n, ap in draw.items() if n not in args.hidden) for draw in draws])
        ]
        print(f"| {line} | {' | '.join(cells)} |")


def spread(values: list[float]) -> str:
    """The mean, and the range where there are several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
