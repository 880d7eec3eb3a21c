"""Weights from files of others: read without running them, loaded with an account of every key."""

import pickle
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from drivetr.errors import DrivetrError

KeyMap = Callable[[str], str | None]
"""Own name of a published parameter, or None where it is known and not wanted."""

_WRAPPERS = ("state_dict", "model")  # mmcv and mmengine; DETR
_SHOWN_KEYS = 8


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads a state dict from .safetensors, or from a .pth without running any of its code.

    A dictionary that holds the state dict as `state_dict` or `model` is unwrapped.

    Raises:
        DrivetrError: if the file is absent, damaged, holds objects other than plain data, or is
            no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise DrivetrError(f"{path}: there is no such weight file; download it or mend the path")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise DrivetrError(
            f"{path}: found {type(content).__name__}, expected a state dict (name to tensor)"
        )
    weights: dict[str, Tensor] = {}
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise DrivetrError(
                f"{path}: entry {key!r} is a {type(value).__name__}, expected a tensor;"
                " give a file that holds a state dict"
            )
        weights[str(key)] = value
    return weights


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DrivetrError(f"{path}: not a safetensors file ({error}); fetch it again") from error


def _read_torch(path: Path) -> object:
    # mmcv writes learning rates and losses into `meta` as numpy scalars: harmless data.
    scalar: Any = np.float64(0).__reduce__()[0]
    harmless: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        np.dtype,
        *(type(np.dtype(name)) for name in ("float64", "float32", "int64")),
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]
    try:
        with torch.serialization.safe_globals(harmless):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
        return content
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"pickled objects ({named[1]})" if named else "something else than pickled tensors"
        raise DrivetrError(
            f"{path}: holds {what}, which drivetr never runs; where you trust the file, load it"
            " with the program that wrote it and save its state dict alone, best as .safetensors"
        ) from error
    except Exception as error:  # garbage makes the reader stumble in any way, KeyError included
        reason = f"{type(error).__name__} {error}".split("\n")[0]
        raise DrivetrError(
            f"{path}: not a whole PyTorch file ({reason}); fetch it again"
        ) from error


@dataclass(frozen=True)
class LoadReport:
    """What became of every key when a state dict was loaded.

    Attributes:
        loaded: own names that got a tensor.
        ignored: published names that are known and not wanted, such as a classifier's.
        kept: own names that were allowed to be missing and keep their values.
        missing: own names for which there was nothing.
        unexpected: published names that nothing is known about.
        mismatched: own name, shape found and shape expected.
        conflicting: own names that got several tensors, or that share one parameter here and
            differ in the file.
    """

    loaded: tuple[str, ...]
    ignored: tuple[str, ...]
    kept: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    conflicting: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every key on both sides is accounted for."""
        return not (self.missing or self.unexpected or self.mismatched or self.conflicting)

    def __str__(self) -> str:
        """A short table: the number of keys of every kind and the first names of the rarer ones."""
        shapes = tuple(f"{k} {list(a)}, expected {list(b)}" for k, a, b in self.mismatched)
        rows = [f"loaded       {len(self.loaded):5d}"]
        for name, keys in (
            ("ignored", self.ignored),
            ("kept", self.kept),
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("wrong shape", shapes),
            ("conflicting", self.conflicting),
        ):
            if keys:
                more = f" … and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
                rows.append(f"{name:12s} {len(keys):5d}  {', '.join(keys[:_SHOWN_KEYS])}{more}")
        return "\n".join(rows)


def load_weights(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    key_map: KeyMap | None = None,
    allow_missing: tuple[str, ...] = (),
) -> LoadReport:
    """Loads a state dict strictly: all keys of both sides are accounted for, or nothing changes.

    Args:
        module: gets the weights.
        state_dict: published name to tensor.
        key_map: own name of a published one; None for names that are the same.
        allow_missing: prefixes of own names that may keep their values. Counters of batches
            (`num_batches_tracked`) always may: frozen batch norms are published without.

    Raises:
        DrivetrError: with the report, if keys are missing, unexpected, conflicting or of another
            shape.
    """
    own = module.state_dict(keep_vars=True)
    targets = {key: key if key_map is None else key_map(key) for key in state_dict}
    sources = {target: key for key, target in targets.items() if target in own}
    shapes = {
        key: (tuple(state_dict[s].shape), tuple(own[key].shape)) for key, s in sources.items()
    }
    absent = [key for key in own if key not in sources]
    kept = tuple(k for k in absent if k.startswith(allow_missing) or k.endswith("_batches_tracked"))
    report = LoadReport(
        loaded=tuple(key for key in own if key in sources),
        ignored=tuple(key for key, target in targets.items() if target is None),
        kept=kept,
        missing=tuple(key for key in absent if key not in kept),
        unexpected=tuple(k for k, target in targets.items() if target not in own and target),
        mismatched=tuple((k, found, want) for k, (found, want) in shapes.items() if found != want),
        conflicting=_conflicts(own, targets, sources, state_dict),
    )
    if not report.complete:
        raise DrivetrError(
            f"the weights do not fit {type(module).__name__}; load those of the same architecture"
            f" and layout:\n{report}"
        )
    with torch.no_grad():
        for key, source in sources.items():
            own[key].copy_(state_dict[source])
    return report


def _conflicts(
    own: Mapping[str, Tensor],
    targets: Mapping[str, str | None],
    sources: Mapping[str, str],
    state_dict: Mapping[str, Tensor],
) -> tuple[str, ...]:
    counts = Counter(target for target in targets.values() if target is not None)
    conflicts = [key for key, count in counts.items() if count > 1]
    first: dict[int, str] = {}
    for key, source in sources.items():
        twin = first.setdefault(id(own[key]), source)
        if twin != source and not torch.equal(state_dict[twin], state_dict[source]):
            conflicts.append(key)
    return tuple(conflicts)
