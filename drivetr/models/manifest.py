"""Names and shapes of published checkpoints, which a file is compared with before it is used.

`manifests/*.json` has one part of a detector each: a head, a backbone, a neck. They are written by
`tools/make_manifests.py`; the tests compare them with the reference implementations' own lists.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.nn.weights import LoadReport

Shape = tuple[int, ...]
Manifest = dict[str, Shape]
FOLDER = Path(__file__).with_name("manifests")
_COUNTER = "num_batches_tracked"  # frozen batch norms are published with and without


def read_manifest(parts: Sequence[str], sizes: Mapping[str, int]) -> Manifest:
    """Published name to shape of a checkpoint that consists of some parts.

    Args:
        parts: names of files in `manifests/`.
        sizes: what the parts leave open, such as `num_queries`.

    Raises:
        DrivetrError: no such part, or a size that it needs is missing.
    """
    manifest: Manifest = {}
    for part in parts:
        path = FOLDER / f"{part}.json"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json")))
            raise DrivetrError(f"there is no manifest part {part!r} (known: {known})")
        for key, shape in json.loads(path.read_text(encoding="utf-8")).items():
            open_sizes = [n for n in shape if isinstance(n, str) and n not in sizes]
            if open_sizes:
                raise DrivetrError(f"manifest part {part!r} needs the size {open_sizes[0]!r}")
            manifest[key] = tuple(sizes[n] if isinstance(n, str) else n for n in shape)
    return manifest


def compare_with_manifest(state: Mapping[str, Tensor], manifest: Manifest) -> LoadReport:
    """Which names of a file are as published, missing, unknown or of another shape."""
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    return LoadReport(
        loaded=tuple(key for key in manifest if key in shapes),
        ignored={},
        kept=tuple(k for k in manifest if k not in shapes and k.endswith(_COUNTER)),
        missing=tuple(k for k in manifest if k not in shapes and not k.endswith(_COUNTER)),
        unexpected=tuple(key for key in shapes if key not in manifest),
        mismatched=tuple(
            (key, shapes[key], manifest[key])
            for key in manifest
            if key in shapes and shapes[key] != manifest[key]
        ),
        wrong_type=(),
        conflicting=(),
    )
