"""Does a name find what the detector never heard the name of?

    python -m benchmarks.open_vocabulary work_dirs/petr_open_vocabulary_synth/last.pth data/names \
        --dataroot data/synth --version v1.0-synth --hidden bus pedestrian --out names.json

The checkpoint of `configs/petr/petr_open_vocabulary_synth.py` is evaluated officially with
different texts in its head; boxes and objectness are the same in all lines:

    as trained    the hidden classes have no name
    all names     each class has its own text: the hidden ones are found, or not
    exchanged     the hidden names in each other's place
    other words   words of the captions that name no class in the place of the hidden names
    random        random directions in the place of the hidden names: chance, mean of several draws
    permuted      every class has the text of another one, mean of several draws
    one name      all classes have the same text: objectness alone ranks the boxes
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.knockouts import evaluate
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.files import atomic_text

DRAWS = 3


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
    yield "one name", torch.ones_like(names)


def put(names: Tensor, rows: list[int], texts: Tensor) -> Tensor:
    """The names with other texts in some rows."""
    return names.index_copy(0, torch.tensor(rows), texts)


def derangement(count: int, generator: torch.Generator) -> Tensor:
    """A permutation that leaves nothing in its place."""
    while True:
        order = torch.randperm(count, generator=generator)
        if (order != torch.arange(count)).all():
            return order


def measure(loaded: LoadedDetector, hidden: list[str], dataset: tuple[str, str, str]) -> dict:
    """AP of every hidden class and the mean over the others."""
    aps: dict[str, float] = evaluate(loaded, *dataset)["mean_dist_aps"]
    found = {name: aps[name] for name in hidden}
    return {**found, "named": mean(ap for name, ap in aps.items() if name not in hidden)}


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
    parser.add_argument("--hidden", nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("open_vocabulary.json"))
    args = parser.parse_args()
    loaded = load_detector(args.checkpoint)
    texts = load_file(args.names / "names.safetensors")
    rows = [loaded.classes.index(name) for name in args.hidden]
    generator = torch.Generator().manual_seed(args.seed)
    found: dict[str, list[dict[str, float]]] = {}
    for line, embeddings in lines(texts["embeddings"], texts["others"], rows, generator):
        loaded.detector.head.names.rename(embeddings)
        aps = measure(loaded, args.hidden, (args.dataroot, args.version, args.split))
        found.setdefault(line, []).append(aps)
        print(line, aps, flush=True)
    print(f"| texts | {' | '.join(f'AP, {name}' for name in args.hidden)} | mean AP, named |")
    for line, draws in found.items():
        means = (mean(draw[key] for draw in draws) for key in (*args.hidden, "named"))
        print(f"| {line:11} | {' | '.join(f'{value:.3f}' for value in means)} |")
    with atomic_text(args.out) as file:
        json.dump({"seed": args.seed, "draws": DRAWS, "lines": found}, file, indent=1)


if __name__ == "__main__":
    main()
