"""State dicts of others, loaded with an account of every key."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drivetr.errors import DrivetrError

KeyMap = Callable[[str], str | None]
"""Own name of a published parameter, or None where it is known and not wanted."""

_SHOWN_KEYS = 8


@dataclass(frozen=True)
class LoadReport:
    """What became of every key when a state dict was loaded.

    Attributes:
        loaded: own names that got a tensor.
        ignored: published names that are known and not wanted, such as a classifier's, each with
            the reason.
        kept: own names that were allowed to be missing and keep their values.
        missing: own names for which there was nothing.
        unexpected: published names that nothing is known about.
        mismatched: own name, shape found and shape expected.
        wrong_type: own names of real numbers that got whole ones, or the other way round.
        conflicting: own names that got several tensors, or that share one parameter here and
            differ in the file.
    """

    loaded: tuple[str, ...]
    ignored: dict[str, str]
    kept: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    wrong_type: tuple[str, ...]
    conflicting: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every key on both sides is accounted for."""
        wrong = (self.missing, self.unexpected, self.mismatched, self.wrong_type, self.conflicting)
        return not any(wrong)

    def __str__(self) -> str:
        """A table: the number of keys of every kind, and the names of those that are wrong.

        Of the others the first names are shown.
        """
        shapes = tuple(f"{k} {list(a)}, expected {list(b)}" for k, a, b in self.mismatched)
        rows = [f"loaded       {len(self.loaded):5d}"]
        for reason in dict.fromkeys(self.ignored.values()):
            keys = tuple(key for key, why in self.ignored.items() if why == reason)
            rows.append(f"{_row('ignored', keys)} ({reason})")
        if self.kept:
            rows.append(_row("kept", self.kept))
        for name, keys in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("wrong shape", shapes),
            ("wrong type", self.wrong_type),
            ("conflicting", self.conflicting),
        ):
            if keys:
                rows.append(_whole(name, keys))
        return "\n".join(rows)


def _row(name: str, keys: tuple[str, ...]) -> str:
    more = f" … and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return f"{name:12s} {len(keys):5d}  {', '.join(keys[:_SHOWN_KEYS])}{more}"


def _whole(name: str, keys: tuple[str, ...]) -> str:
    """A row with all names, one a line where there are many."""
    if len(keys) <= _SHOWN_KEYS:
        return _row(name, keys)
    return "\n    ".join([f"{name:12s} {len(keys):5d}", *keys])


def load_weights(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    key_map: KeyMap | None = None,
    allow_missing: tuple[str, ...] = (),
    left_out: Mapping[str, str] | None = None,
) -> LoadReport:
    """Loads a state dict strictly: all keys of both sides are accounted for, or nothing changes.

    Args:
        module: gets the weights.
        state_dict: published name to tensor.
        key_map: own name of a published one; None for names that are the same.
        allow_missing: prefixes of own names that may keep their values. Counters of batches
            (`num_batches_tracked`) always may: frozen batch norms are published without.
        left_out: names of the file that did not get this far, with the reason, for the report.

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
        ignored=dict(left_out or {})
        | {key: f"no part of {type(module).__name__}" for key, t in targets.items() if t is None},
        kept=kept,
        missing=tuple(key for key in absent if key not in kept),
        unexpected=tuple(k for k, target in targets.items() if target not in own and target),
        mismatched=tuple((k, found, want) for k, (found, want) in shapes.items() if found != want),
        wrong_type=tuple(
            key
            for key, s in sources.items()
            if own[key].is_floating_point() != state_dict[s].is_floating_point()
        ),
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
