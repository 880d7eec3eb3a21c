"""The conventions of boxes that published detectors were trained in.

Their checkpoints have the same names and shapes, so nothing in a file tells them apart: which one
it is has to be said. `drivetr doctor` finds out with a few frames of ground truth.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from drivetr.errors import DrivetrError
from drivetr.geometry.box_codes import BOX_CODES, BoxCode

CONVENTIONS = {
    "petr": "PETR, PETRv2 and DETR3D from their authors' code (mmdetection3d before 1.0)",
    "streampetr": "StreamPETR from its authors' code (mmdetection3d 1.0 and later)",
    "mmdet3d_petr": "projects/PETR of mmdetection3d 1.x",
    "mmdet3d_detr3d": "projects/DETR3D of mmdetection3d 1.x",
}


def check_convention(name: str | None, allowed: tuple[str, ...], model: str) -> str:
    """The convention that was named, if it can be.

    Args:
        name: of the convention, None where none was given.
        allowed: those that the model was published in.
        model: its name, for messages.

    Raises:
        DrivetrError: none was given, or one that is unknown or that the model was not published in.
    """
    choice = "; ".join(f"{key}: {CONVENTIONS[key]}" for key in allowed)
    if name is None:
        raise DrivetrError(
            "--box-convention is missing: names and shapes of a checkpoint do not tell how it was"
            f" trained to write boxes down. Where does yours come from? {choice}"
        )
    if name not in CONVENTIONS:
        raise DrivetrError(f"--box-convention {name}: unknown, expected one of {choice}")
    if name not in allowed:
        raise DrivetrError(
            f"--box-convention {name}: {model} was published as {choice}; for a training of your"
            " own name its config, --config FILE"
        )
    return name


def with_convention(model: dict[str, Any], name: str, source: object) -> dict[str, Any]:
    """The description of a detector whose head reads boxes in a convention.

    Raises:
        DrivetrError: no part of it has a `code`.
    """
    changed, count = _replaced(model, name)
    if not count:
        raise DrivetrError(f"{source}: no part of its model has a box code, `code='...'`")
    return dict(changed)


def _replaced(node: Any, name: str) -> tuple[Any, int]:
    """A copy with every `code` of a box replaced, and how many there were."""
    if isinstance(node, list | tuple):
        pairs = [_replaced(item, name) for item in node]
        return type(node)(item for item, _ in pairs), sum(count for _, count in pairs)
    if not isinstance(node, dict):
        return node, 0
    found = {key: _replaced(item, name) for key, item in node.items()}
    copy = {key: item for key, (item, _) in found.items()}
    count = sum(count for _, count in found.values())
    if isinstance(node.get("code"), str) and node["code"] in BOX_CODES:
        return copy | {"code": name}, count + 1
    return copy, count


def heads_of(detector: nn.Module) -> Iterator[Any]:
    """The parts of a detector that read boxes in some convention, their attribute `code`."""
    for module in detector.modules():
        if isinstance(getattr(module, "code", None), BoxCode):
            yield module
