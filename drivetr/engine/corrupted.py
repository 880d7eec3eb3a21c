"""A trained detector that is tested on corrupted frames."""

from dataclasses import replace
from typing import Any

from drivetr.data.corruptions.catalogue import CORRUPTIONS, Corruption, Fault
from drivetr.data.corruptions.late import LateCamera
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.engine.api import LoadedDetector
from drivetr.engine.config import suggestion
from drivetr.errors import DrivetrError


def corruption_named(name: str) -> Corruption:
    """A corruption by its name.

    Raises:
        DrivetrError: there is none, with the name that was probably meant.
    """
    if name not in CORRUPTIONS:
        known = list(CORRUPTIONS)
        raise DrivetrError(f"there is no corruption {name!r}{suggestion(name, known)}")
    return CORRUPTIONS[name]


def parse_corruption(text: str) -> tuple[Corruption, float]:
    """A corruption and its severity from `NAME:SEVERITY`.

    Raises:
        DrivetrError: no such name, or no such severity of it; says which there are.
    """
    name, _, number = text.partition(":")
    corruption = corruption_named(name)
    for severity in corruption.severities:
        if number == f"{severity:g}":
            return corruption, severity
    known = ", ".join(f"{severity:g}" for severity in corruption.severities)
    unit = f" in {corruption.unit}" if corruption.unit else ""
    raise DrivetrError(
        f"{text}: expected a severity{unit} behind {name}:, one of {known}, such as"
        f" {name}:{corruption.severities[0]:g}"
    )


def corrupted(loaded: LoadedDetector, fault: Fault) -> LoadedDetector:
    """The same detector, whose test data is corrupted before all that its own transforms do.

    Args:
        loaded: a detector of camera frames.
        fault: what `Corruption.make` gives.

    Raises:
        DrivetrError: the model is tested on something else than nuScenes frames.
    """
    data = loaded.spec.test_data
    if data["type"] is not NuScenesDataset:
        raise DrivetrError(
            f"{loaded.spec.source}: is tested on a {data['type'].__name__}, but corruptions are of"
            " the cameras of a NuScenesDataset; name a 3D detector"
        )
    change: dict[str, Any]
    if isinstance(fault, LateCamera):
        change = {"late": fault}
    else:
        change = {"transforms": [fault, *data.get("transforms", ())]}
    return replace(loaded, spec=replace(loaded.spec, test_data=data | change))
