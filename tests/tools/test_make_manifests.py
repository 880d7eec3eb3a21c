"""The shipped lists are what the tool writes, and the tool repeats the recordings' own lists."""

import json
import re
from pathlib import Path

import pytest

from drivetr.models.manifest import FOLDER
from tools.make_manifests import PARTS, make, recorded_names, with_blocks, with_layers


@pytest.mark.parametrize("name", PARTS)
def test_shipped_is_what_the_tool_writes(golden_dir: Path, name: str) -> None:
    assert json.loads((FOLDER / f"{name}.json").read_text()) == make(PARTS[name], golden_dir)


def test_every_shipped_part_is_made_by_the_tool() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(PARTS)


@pytest.mark.parametrize("case", ["petr_head", "petrv2_head", "streampetr_head", "detr3d_head"])
def test_layers_of_a_head_repeat_the_recorded_ones(golden_dir: Path, case: str) -> None:
    """Grown to as many layers and branches as were recorded, the names are the recorded ones."""
    names = recorded_names(golden_dir, f"{case}_tiny")
    numbers = {
        kind: {int(n) for n in re.findall(rf"{kind}\.(\d+)\.", " ".join(names))}
        for kind in (r"decoder\.layers", "_branches")
    }
    layers, branches = (max(found) + 1 for found in numbers.values())
    grown = with_layers(names, max(layers, branches))
    kept = {
        k: s
        for k, s in grown.items()
        if not (m := re.search(r"decoder\.layers\.(\d+)", k)) or int(m[1]) < layers
    }
    assert kept == names


def test_blocks_of_a_vovnet_repeat_the_recorded_ones(golden_dir: Path) -> None:
    names = recorded_names(golden_dir, "vovnet_tiny")
    grown = with_blocks(names, (1, 2, 3, 2), 3)
    assert set(grown) == set(names)
