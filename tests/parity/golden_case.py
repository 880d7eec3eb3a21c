"""Reads recordings of reference implementations, in both forms that they are stored in.

A case is `<name>_<size>.json` and `.safetensors`. Weights are stored, or drawn again from their
names by the rule that the json spells out; inputs are stored, or drawn likewise.
"""

import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

IMAGE_BLOCK = 16  # pixels of the squares that a drawn image is made of


@dataclass(frozen=True)
class GoldenCase:
    """One recording.

    Attributes:
        name: the case without its size, such as `petr_head`.
        size: `tiny` or `full` (the published size).
        meta: the json file.
        tensors: everything stored in the safetensors file.
    """

    name: str
    size: str
    meta: dict[str, Any]
    tensors: dict[str, Tensor]

    @staticmethod
    def open(path: Path) -> "GoldenCase":
        """Reads the case whose json file is `path`."""
        name, _, size = path.stem.rpartition("_")
        meta = json.loads(path.read_text())
        return GoldenCase(name, size, meta, load_file(path.with_suffix(".safetensors")))

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return self.meta["hyperparameters"]

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Published key to tensor, checked against the recorded checksum."""
        spec = self.meta["weights"]
        if spec["stored"]:
            weights = {k[7:]: t for k, t in self.tensors.items() if k.startswith("weight/")}
        else:
            weights = drawn_weights(spec, self.tensors)
        digest = sha256()
        for key in sorted(weights):
            digest.update(key.encode())
            digest.update(weights[key].numpy().tobytes())
        expected = spec.get("sha256_of_all_weights_in_key_order", digest.hexdigest())
        if digest.hexdigest() != expected:
            raise ValueError(f"{self.name}_{self.size}: the weights differ from the recorded ones")
        return weights

    def input(self, name: str) -> Tensor:
        """An input, stored or drawn and checked against its checksum."""
        if f"input/{name}" in self.tensors:
            return self.tensors[f"input/{name}"]
        spec = self.meta["inputs_not_stored"][name]
        tensor = drawn_input(name, spec["shape"], spec["scale"], spec["kind"])
        if sha256(tensor.numpy().tobytes()).hexdigest() != spec["sha256"]:
            raise ValueError(f"{self.name}_{self.size}: input {name} differs from the recorded one")
        return tensor

    def inputs(self, prefix: str) -> list[Tensor]:
        """Inputs `<prefix>0`, `<prefix>1`, … as long as there are any."""
        known = {k[6:] for k in self.tensors if k.startswith("input/")}
        known |= set(self.meta["inputs_not_stored"])
        count = 0
        while f"{prefix}{count}" in known:
            count += 1
        return [self.input(f"{prefix}{i}") for i in range(count)]

    def is_whole(self, output: str) -> bool:
        """Whether an output is recorded, and not only every so many of its elements."""
        return (
            output in self.outputs
            and "::" not in self.meta["tensors"][f"output/{output}"]["meaning"]
        )

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        return {k[7:]: t for k, t in self.tensors.items() if k.startswith("output/")}


def normal(seed_name: str, shape: list[int]) -> np.ndarray:
    """Standard normal float32 numbers that depend on a name only."""
    generator = np.random.RandomState(zlib.crc32(seed_name.encode()))
    return generator.standard_normal(shape).astype(np.float32)


def drawn_weights(spec: dict[str, Any], stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """All weights of a case, drawn by the rule that `weights.rule` in its json spells out."""
    weights = {}
    for key, shape in spec["shapes"].items():
        if key in spec["constants"]:
            weights[key] = stored[f"weight/{key}"]
        else:
            canonical = spec["aliases"].get(key, key)
            gains = [gain for suffix, gain in spec["gain"].items() if canonical.endswith(suffix)]
            weights[key] = drawn_weight(canonical, shape, gains[-1] if gains else 1.0)
    return weights


def drawn_weight(key: str, shape: list[int], gain: float) -> Tensor:
    """One weight; what it is drawn from follows from its name and its number of dimensions."""
    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    x = normal(key, shape)
    if key.endswith("running_var"):
        x = 1 + np.float32(0.25) * np.abs(x)
    elif key.endswith("running_mean"):
        x = np.float32(0.1) * x
    elif key.endswith("reference_points.weight") and len(shape) == 2 and shape[1] == 3:
        x = 1 / (1 + np.exp(-x))
    elif len(shape) >= 2:
        x = np.float32(gain) * x / np.float32(np.sqrt(x.size / shape[0]))
    elif key.endswith("weight"):
        x = 1 + np.float32(0.1) * x
    else:
        x = np.float32(0.1) * x
    return torch.from_numpy(np.asarray(x, dtype=np.float32))


def drawn_input(name: str, shape: list[int], scale: float, kind: str) -> Tensor:
    """One input of kind `randn`, `image` (coarse squares plus noise) or `smooth`."""

    def draw(suffix: str, size: list[int], factor: float) -> Tensor:
        values = normal(f"input/{name}{suffix}", size) * np.float32(factor)
        return torch.from_numpy(values)

    *lead, height, width = shape
    if kind == "image":
        squares = draw(".low", [*lead, -(-height // IMAGE_BLOCK), -(-width // IMAGE_BLOCK)], scale)
        image = squares.repeat_interleave(IMAGE_BLOCK, -2).repeat_interleave(IMAGE_BLOCK, -1)
        return (image[..., :height, :width] + draw("", shape, 0.3 * scale)).contiguous()
    if kind == "smooth":
        coarse = draw(".low", [*lead, -(-height // 8), -(-width // 8)], scale).flatten(0, -4)
        fine = torch.nn.functional.interpolate(
            coarse, size=(height, width), mode="bilinear", align_corners=False
        )
        return fine.view(*shape)
    return draw("", shape, scale)
