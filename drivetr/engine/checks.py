"""Checks of what a config or the command line gives."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any


def difference_of_classes(data: Sequence[str], model: Sequence[str]) -> str | None:
    """How the classes of a dataset differ from those that a model means; None where they do not."""
    for label, (ours, theirs) in enumerate(zip_longest(data, model)):
        if ours != theirs:
            return (
                f"the dataset has {len(data)} classes and the model {len(model)}, and label {label}"
                f" is {ours or 'none'} there and {theirs or 'none'} here"
            )
    return None


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
