"""The parts of the tour in the order of the road; a part is imported when it is asked for."""

import importlib

from drivetr.errors import DrivetrError

# One module of this package each, with a PART; a dash in the name is an underscore there.
NAMES = (
    *("convolution", "filters", "depth", "bias", "attention", "cost", "words", "vit"),
    *("clip", "detr", "layers", "frustum", "petr"),
)


def check_names(names: list[str]) -> tuple[str, ...]:
    """The named parts in the order of the road, each once; all of them where none is named.

    Raises:
        DrivetrError: there is no such part.
    """
    for name in names:
        if name not in NAMES:
            raise DrivetrError(f"--only {name}: no such part; the parts are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in names) if names else NAMES


def load_part(name: str):  # type: ignore[no-untyped-def]
    """The part of this name."""
    return importlib.import_module(f"drivetr.tour.{name.replace('-', '_')}").PART
