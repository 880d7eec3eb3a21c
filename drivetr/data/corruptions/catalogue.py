"""All corruptions by name, with the severities that they are tested at."""

from collections.abc import Callable
from dataclasses import dataclass

from drivetr.data.corruptions.images import CorruptImages
from drivetr.data.corruptions.late import LateCamera
from drivetr.data.corruptions.lost_images import CameraCrash, FrameLost
from drivetr.data.corruptions.rig import ShakenRig, SwappedCameras
from drivetr.data.nuscenes.dataset import Transform

Fault = Transform | LateCamera
SEVERITIES = (1, 2, 3)  # of RoboBEV: easy, moderate and hard


@dataclass(frozen=True)
class Corruption:
    """One way in which what a detector gets is worse than what it was trained on.

    Attributes:
        name: on the command line and in files.
        title: for people.
        severities: numbers that may be asked for, rising.
        make: what a severity does to a dataset: a transform of its frames as they were recorded,
            or other images (`NuScenesDataset`'s `late`).
        unit: of the severities; "" where they are steps.
        unit_of_one: of a severity of 1, where it is another word.
    """

    name: str
    title: str
    severities: tuple[float, ...]
    make: Callable[[float], Fault]
    unit: str = ""
    unit_of_one: str = ""

    def severity_text(self, severity: float) -> str:
        """A severity for people."""
        if not self.unit:
            return f"severity {severity:g}"
        unit = self.unit_of_one or self.unit if severity == 1 else self.unit
        return f"{severity:g} {unit}"


def _of_images(name: str, title: str, levels: tuple[int, int, int]) -> Corruption:
    """A corruption of pixels whose severities are three levels of its own scale."""
    at: dict[float, int] = dict(zip(SEVERITIES, levels, strict=True))
    return Corruption(name, title, SEVERITIES, lambda severity: CorruptImages(name, at[severity]))


# Of six cameras, or in six draws: 2, 4 and 5.
_SIXTHS: dict[float, float] = {1: 2 / 6, 2: 4 / 6, 3: 5 / 6}

# The eight corruptions of RoboBEV (arXiv:2304.06719) with its levels, in the order of its table.
PROTOCOL: dict[str, Corruption] = {
    c.name: c
    for c in (
        Corruption("camera_crash", "Camera crash", SEVERITIES, lambda s: CameraCrash(_SIXTHS[s])),
        Corruption("frame_lost", "Frame lost", SEVERITIES, lambda s: FrameLost(_SIXTHS[s])),
        _of_images("color_quant", "Colour quantisation", (1, 2, 3)),
        _of_images("motion_blur", "Motion blur", (2, 4, 5)),
        _of_images("brightness", "Brightness", (2, 4, 5)),
        _of_images("low_light", "Low light", (2, 3, 4)),
        _of_images("fog", "Fog", (2, 4, 5)),
        _of_images("snow", "Snow", (1, 2, 3)),
    )
}

RIG_FAULTS: dict[str, Corruption] = {
    c.name: c
    for c in (
        Corruption(
            "rig_rotation",
            "Cameras turned",
            (0.5, 1, 2, 4),
            lambda degrees: ShakenRig(degrees=degrees),
            "degrees",
            "degree",
        ),
        Corruption(
            "rig_shift",
            "Cameras shifted",
            (5, 10, 20),
            lambda cm: ShakenRig(metres=cm / 100),
            "cm",
        ),
        Corruption("camera_late", "One camera late", (100, 200, 300, 400, 500), LateCamera, "ms"),
        Corruption(
            "camera_swap",
            "Cameras swapped",
            SEVERITIES,
            lambda pairs: SwappedCameras(int(pairs)),
            "pairs",
            "pair",
        ),
        _of_images("lens_dirt", "Dirty lenses", (1, 2, 3)),
    )
}

CORRUPTIONS = PROTOCOL | RIG_FAULTS
