"""Examines a checkpoint: whether it can be read and built, and where it comes from."""

from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version

import drivetr
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.checkpoint import read_checkpoint
from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from drivetr.engine.sources import DESCRIPTION, read_json
from drivetr.errors import DrivetrError

SUBJECT = "checkpoint"


def examine_checkpoint(
    path: Path, device: str | None
) -> tuple[LoadedDetector | None, list[Diagnosis]]:
    """The detector, None where it cannot be loaded, and what is known of it.

    Args:
        path: of a checkpoint of `drivetr train`, or of a folder of `drivetr convert`.
        device: name of the device, None for the best there is.
    """
    try:
        loaded = load_detector(path, device)
    except DrivetrError as error:
        remedy = "give another checkpoint, or convert or download this one again"
        return None, [Diagnosis(SUBJECT, Level.ERROR, str(error), remedy)]
    weights = sum(p.numel() for p in loaded.detector.parameters())
    told = (
        f"{path}: a {type(loaded.detector).__name__} of {weights / 1e6:.1f} million weights; every"
        f" key of the file has its place; {len(loaded.classes)} classes:"
        f" {', '.join(loaded.classes)}"
    )
    origin = _of_folder(path) if path.is_dir() else _of_training(path)
    return loaded, [Diagnosis(SUBJECT, Level.OK, told), *_finite(loaded), *origin]


def _finite(loaded: LoadedDetector) -> list[Diagnosis]:
    """Weights that are no numbers, which a diverged training or a bad transfer leaves."""
    bad = [
        name
        for name, tensor in loaded.detector.state_dict().items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]
    if not bad:
        return []
    told = f"{len(bad)} tensors hold NaN or infinity (first {bad[0]})"
    return [Diagnosis(SUBJECT, Level.ERROR, told, "take an earlier checkpoint, or fetch it again")]


def _of_folder(folder: Path) -> list[Diagnosis]:
    """What `drivetr convert` wrote down; the checksum was compared when the weights were read."""
    told = read_json(folder / DESCRIPTION)
    keys = told.get("keys")
    found = (
        f"converted from {told.get('source')} (sha256 {told.get('sha256')}) as {told.get('name')},"
        f" layout {told.get('layout')}, box convention {told.get('box_convention')}, weights:"
        f" {told.get('weights')}; model.safetensors has the recorded checksum"
    )
    if keys == "verified":
        return [Diagnosis(SUBJECT, Level.OK, f"{found}; its keys are the published ones")]
    remedy = (
        "compare its metrics with the published ones before you rely on it, and check the"
        " convention with --dataroot"
    )
    return [Diagnosis(SUBJECT, Level.WARNING, f"{found}; its keys are {keys}", remedy)]


def _of_training(path: Path) -> list[Diagnosis]:
    content = read_checkpoint(path)
    meta: dict[str, Any] = content.get("meta") or {}
    versions = meta.get("versions") or {}
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    found = (
        f"trained for {content.get('iteration')} of {meta.get('iterations')} iterations, seed"
        f" {meta.get('seed')}, {meta.get('batch_size')} x {meta.get('world_size')} frames a step,"
        f" by {told or 'unknown versions'}"
    )
    origin = [Diagnosis(SUBJECT, Level.OK, found)]
    own = {"drivetr": drivetr.__version__, "torch": str(torch.__version__)}
    newer = [n for n, version in own.items() if _is_newer(versions.get(n), version)]
    if newer:
        pairs = ", ".join(f"{name} {versions[name]} (here {own[name]})" for name in newer)
        told = f"it was made with a newer {pairs}; what that changed is not known here"
        remedy = f"pip install --upgrade {' '.join(newer)}"
        origin.append(Diagnosis(SUBJECT, Level.WARNING, told, remedy))
    return origin


def _is_newer(other: object, own: str) -> bool:
    try:
        return Version(str(other)).release > Version(own).release
    except InvalidVersion:
        return False
