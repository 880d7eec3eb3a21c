"""Tests a detector under many corruptions, and keeps what is finished."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from drivetr import __version__
from drivetr.data.corruptions.catalogue import CORRUPTIONS, SEVERITIES, Corruption
from drivetr.data.corruptions.late import LateCamera
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.engine.api import LoadedDetector
from drivetr.engine.corrupted import corrupted, corruption_named, parse_corruption
from drivetr.engine.devices import full_memory_told
from drivetr.engine.judges.nuscenes import Names, official_metrics
from drivetr.engine.loaders import dead_workers_told
from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.truth import check_dataset
from drivetr.files import atomic_text

_LOADING = ("dataroot", "version", "split", "batch_size", "num_workers")  # change no detection


@dataclass(frozen=True)
class Condition:
    """What a detector is tested under.

    Attributes:
        corruption: None for clean input.
        severity: of it.
    """

    corruption: Corruption | None = None
    severity: float = 0

    @property
    def key(self) -> str:
        """Name of its file."""
        if self.corruption is None:
            return "clean"
        return f"{self.corruption.name}_{self.severity:g}"

    @property
    def title(self) -> str:
        """For people."""
        if self.corruption is None:
            return "Clean"
        return f"{self.corruption.title}, {self.corruption.severity_text(self.severity)}"


def chosen_conditions(only: Sequence[str], severities: Sequence[int] | None) -> list[Condition]:
    """Clean input, and the conditions that were asked for in the order of the catalogue.

    Args:
        only: `NAME` or `NAME:SEVERITY`; all corruptions if there are none.
        severities: which of 1, 2 and 3 a corruption with these is tested at; None for all.

    Raises:
        DrivetrError: an unknown name or severity, or severities that nothing asks for.
    """
    steps_of_all = SEVERITIES if severities is None else severities
    if not steps_of_all or not set(steps_of_all) <= set(SEVERITIES):
        raise DrivetrError(f"--severities {severities}: expected some of 1, 2 and 3")
    asked: set[tuple[str, float]] = set()
    for text in only or list(CORRUPTIONS):
        if ":" in text:
            corruption, severity = parse_corruption(text)
            asked.add((corruption.name, severity))
            continue
        corruption = corruption_named(text)
        steps = corruption.severities == SEVERITIES
        asked |= {
            (corruption.name, severity)
            for severity in corruption.severities
            if not steps or severity in steps_of_all
        }
    if severities is not None and only and all(":" in text for text in only):
        raise DrivetrError(
            f"--severities {severities} is for corruptions without a severity of their own, but"
            f" --only {' '.join(only)} names all of them; leave --severities out"
        )
    return [Condition()] + [
        Condition(corruption, severity)
        for corruption in CORRUPTIONS.values()
        for severity in corruption.severities
        if (corruption.name, severity) in asked
    ]


class RobustnessTest:
    """Official metrics of one detector on one split under any condition.

    Each condition's metrics are kept in `FOLDER/NAME_SEVERITY.json` when they are known, and taken
    from there when they are asked for again by a test of the same weights, parts, frames and
    transforms.

    Args:
        loaded: a detector of camera frames.
        names: dataroot, version and split.
        folder: for the metrics.

    Raises:
        DrivetrError: the split cannot be evaluated, or the model does not detect in frames.
    """

    def __init__(self, loaded: LoadedDetector, names: Names, folder: Path) -> None:
        self.loaded = loaded
        self.names = names
        self.folder = folder
        if loaded.spec.test_data["type"] is not NuScenesDataset:
            raise DrivetrError(
                f"{loaded.spec.source}: is no detector in camera frames of nuScenes, and only these"
                " are tested for robustness"
            )
        check_dataset(*names)
        if not self.dataset.index.num_annotations:
            raise DrivetrError(
                f"{Path(names[0]) / names[1]}: has no ground truth to be judged by; name another"
                " version"
            )

    @cached_property
    def dataset(self) -> NuScenesDataset:
        """The split on clean input, with the detector's own transforms."""
        dataset: NuScenesDataset = self.loaded.dataset(*self.names)
        return dataset

    @cached_property
    def identity(self) -> dict[str, str]:
        """Tells this test from others: digests of weights, parts, frames and transforms."""
        parts = self.loaded.spec.to_data()
        test_data = parts.pop("test_data")
        data = {k: v for k, v in test_data.items() if k not in _LOADING}
        return {
            "weights": weights_digest(self.loaded.detector),
            "parts": _digest(json.dumps(parts, sort_keys=True)),
            "frames": _digest(" ".join(self.dataset.tokens)),
            "transforms": _digest(json.dumps(data, sort_keys=True)),
            "drivetr": __version__,
        }

    def possible(self, condition: Condition) -> str:
        """Why a condition cannot be made from this split; "" where it can."""
        if condition.corruption is None:
            return ""
        fault = condition.corruption.make(condition.severity)
        if isinstance(fault, LateCamera):
            try:
                fault.files(self.dataset.index, self.dataset.rows)
            except DrivetrError as error:
                return str(error)
        return ""

    def kept(self, condition: Condition) -> dict[str, Any] | None:
        """The metrics of an earlier test, None where there was none.

        Raises:
            DrivetrError: the file is damaged or of another test.
        """
        path = self.folder / f"{condition.key}.json"
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            test, metrics = dict(content["test"]), dict(content["metrics"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DrivetrError(f"{path}: is damaged; remove it to measure it again") from error
        for key, value in self.identity.items():
            if test.get(key) != value:
                raise DrivetrError(
                    f"{path}: was measured with other {key} than this test has; name another"
                    " folder, or remove this one to measure anew"
                )
        return metrics

    def measure(self, condition: Condition) -> dict[str, Any]:
        """The devkit's metrics under a condition, kept or new; shows its progress.

        Raises:
            DrivetrError: what was kept is of another test, or no image is old enough for a delay.
        """
        found = self.kept(condition)
        if found is not None:
            return found
        loaded = self.loaded
        if condition.corruption is not None:
            loaded = corrupted(loaded, condition.corruption.make(condition.severity))
        dataset, settings = loaded.open(*self.names)
        predicted = tqdm(
            loaded.predictions(dataset, settings),
            total=len(dataset),
            desc=condition.title,
            unit="frame",
            leave=False,
        )
        with full_memory_told(), dead_workers_told(), tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.json"
            metrics = official_metrics(predicted, loaded.classes, self.names, results)
        with atomic_text(self.folder / f"{condition.key}.json") as file:
            json.dump({"test": self.identity, "metrics": metrics}, file, indent=1)
        return metrics


def weights_digest(module: nn.Module) -> str:
    """BLAKE2b of all tensors of a module, by name."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
