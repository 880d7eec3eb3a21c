"""Writes the table of docs/model_zoo.md out of configs/metafile.yml: `make_model_zoo.py`."""

from pathlib import Path

from drivetr.engine.zoo import PublishedDetector, configs_folder, published_detectors
from drivetr.files import atomic_text

BEGIN, END = "<!-- table of tools/make_model_zoo.py -->", "<!-- end of the table -->"
DOCUMENT = Path(__file__).parents[1] / "docs" / "model_zoo.md"


def row(entry: PublishedDetector) -> str:
    """One line of the table."""
    figures, weights = entry.facts["figures"], entry.facts["weights"]
    config = entry.config.relative_to(configs_folder().parent)
    published = f"{figures['mAP']:.1f} / {figures['NDS']:.1f} ({figures['split']})"
    names = "" if entry.verified else "some of its names, "
    cells = (
        f"`{entry.name}`",
        entry.facts["paper"],
        f"{published} [1]({figures['source']})",
        f"[config](../{config})",
        f"[weights]({weights['address']}), {weights['licence']}",
        " or ".join(f"`{name}`" for name in entry.box_conventions),
        f"keys {entry.keys}; {entry.facts['checked']}",
        f"{names}the file, its figures",
    )
    return f"| {' | '.join(cells)} |"


def commands(entry: PublishedDetector) -> str:
    """How one checkpoint is converted and tested."""
    convention = entry.box_conventions[0]
    split = entry.facts["figures"]["split"]
    version = {"val": "v1.0-trainval", "test": "v1.0-test"}[split]
    return (
        f"drivetr convert CHECKPOINT --model {entry.name} --box-convention {convention}"
        f" --out weights/{entry.name}\n"
        f"drivetr test weights/{entry.name} --dataroot data/nuscenes --version {version}"
        f" --split {split}"
    )


def table() -> str:
    """The table, and below it the commands of every entry."""
    entries = published_detectors().values()
    head = (
        "| name | paper | mAP / NDS as published | config | weights, licence | `--box-convention` |"
        " verified here | not verified |\n|---|---|---|---|---|---|---|---|"
    )
    blocks = "\n\n".join(commands(entry) for entry in entries)
    return "\n".join([head, *map(row, entries), "", "```", blocks, "```"])


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    with atomic_text(DOCUMENT) as file:
        file.write(f"{text[:start]}\n{table()}\n{text[end:]}")
