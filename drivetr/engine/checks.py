"""Checks of numbers that a config or the command line gives."""

from typing import Any


def at_least(settings: Any, **lowest: int | float) -> None:
    """Checks named attributes, of which None passes, against the least value that makes sense.

    A bound that is an int asks for an int.

    Raises:
        ValueError: an attribute is no number of that kind, or too small.
    """
    for name, bound in lowest.items():
        value = getattr(settings, name)
        kinds = int if isinstance(bound, int) else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if value is not None and not (number and value >= bound):
            kind = "a whole number" if isinstance(bound, int) else "a number"
            raise ValueError(f"{name} is {value!r}, expected {kind} of at least {bound}")
