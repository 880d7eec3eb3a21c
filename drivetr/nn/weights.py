"""State dicts of others, loaded with an account of every key."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from drivetr.errors import DrivetrError

KeyMap = Callable[[str], str | None]
"""Own name of a published parameter, or None where it is known and not wanted."""

_Mismatch = tuple[str, tuple[int, ...], tuple[int, ...]]

_SHOWN_KEYS = 8
_WITH_OUTPUTS = (nn.Linear, nn.modules.conv._ConvNd)  # the first side of their shape: outputs


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
        other_outputs: own name, shape found and shape expected of layers that were allowed to have
            another number of outputs, and keep their values.
    """

    loaded: tuple[str, ...]
    ignored: dict[str, str]
    kept: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[_Mismatch, ...]
    wrong_type: tuple[str, ...]
    conflicting: tuple[str, ...]
    other_outputs: tuple[_Mismatch, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every key on both sides is accounted for."""
        wrong = (self.missing, self.unexpected, self.mismatched, self.wrong_type, self.conflicting)
        return not any(wrong)

    def __str__(self) -> str:
        """A table: the number of keys of every kind, and the names of those that are wrong.

        Of the others the first names are shown.
        """
        rows = [f"loaded       {len(self.loaded):5d}"]
        for reason in dict.fromkeys(self.ignored.values()):
            keys = tuple(key for key, why in self.ignored.items() if why == reason)
            rows.append(f"{_row('ignored', keys)} ({reason})")
        if self.kept:
            rows.append(_row("kept", self.kept))
        if self.other_outputs:
            rows.append(_whole("fresh", _told_shapes(self.other_outputs)))
        for name, keys in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("wrong shape", _told_shapes(self.mismatched)),
            ("wrong type", self.wrong_type),
            ("conflicting", self.conflicting),
        ):
            if keys:
                rows.append(_whole(name, keys))
        return "\n".join(rows)


def _row(name: str, keys: tuple[str, ...]) -> str:
    more = f" … and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return f"{name:12s} {len(keys):5d}  {', '.join(keys[:_SHOWN_KEYS])}{more}"


def _told_shapes(mismatched: tuple[_Mismatch, ...]) -> tuple[str, ...]:
    return tuple(f"{k} {list(found)}, expected {list(want)}" for k, found, want in mismatched)


def _whole(name: str, keys: tuple[str, ...]) -> str:
    """A row with all names, one a line where there are many."""
    if len(keys) <= _SHOWN_KEYS:
        return _row(name, keys)
    return "\n    ".join([f"{name:12s} {len(keys):5d}", *keys])


class MisfitError(DrivetrError):
    """Weights that do not fit a module.

    Attributes:
        only_outputs: whether nothing else is wrong than the number of outputs of some layers.
    """

    def __init__(self, told: str, only_outputs: bool) -> None:
        super().__init__(told)
        self.only_outputs = only_outputs


def load_weights(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    key_map: KeyMap | None = None,
    allow_missing: tuple[str, ...] = (),
    left_out: Mapping[str, str] | None = None,
    allow_other_outputs: bool = False,
) -> LoadReport:
    """Loads a state dict strictly: all keys of both sides are accounted for, or nothing changes.

    Args:
        module: gets the weights.
        state_dict: published name to tensor.
        key_map: own name of a published one; None for names that are the same.
        allow_missing: prefixes of own names that may keep their values. Counters of batches
            (`num_batches_tracked`) always may: frozen batch norms are published without.
        left_out: names of the file that did not get this far, with the reason, for the report.
        allow_other_outputs: a linear layer or convolution whose number of outputs alone differs
            keeps its values. That is a last one, such as a head of other classes: what reads the
            outputs of any other differs too, in its inputs, and is refused.

    Raises:
        MisfitError: with the report, if keys are missing, unexpected, conflicting or of another
            shape.
    """
    own = module.state_dict(keep_vars=True)
    targets = {key: key if key_map is None else key_map(key) for key in state_dict}
    sources = {target: key for key, target in targets.items() if target in own}
    shapes = {
        key: (tuple(state_dict[s].shape), tuple(own[key].shape)) for key, s in sources.items()
    }
    differing = tuple((k, found, want) for k, (found, want) in shapes.items() if found != want)
    outputs = {key for key, found, want in differing if _other_outputs(module, key, found, want)}
    fresh = outputs if allow_other_outputs else set()
    absent = [key for key in own if key not in sources]
    kept = tuple(k for k in absent if k.startswith(allow_missing) or k.endswith("_batches_tracked"))
    report = LoadReport(
        loaded=tuple(key for key in own if key in sources and key not in fresh),
        ignored=dict(left_out or {})
        | {key: f"no part of {type(module).__name__}" for key, t in targets.items() if t is None},
        kept=kept,
        other_outputs=tuple(row for row in differing if row[0] in fresh),
        missing=tuple(key for key in absent if key not in kept),
        unexpected=tuple(k for k, target in targets.items() if target not in own and target),
        mismatched=tuple(row for row in differing if row[0] not in fresh),
        wrong_type=tuple(
            key
            for key, s in sources.items()
            if own[key].is_floating_point() != state_dict[s].is_floating_point()
        ),
        conflicting=_conflicts(own, targets, sources, state_dict),
    )
    if not report.complete:
        alone = replace(report, mismatched=()).complete
        raise MisfitError(
            f"the weights do not fit {type(module).__name__}; load those of the same architecture"
            f" and layout:\n{report}",
            only_outputs=alone and all(key in outputs for key, *_ in report.mismatched),
        )
    with torch.no_grad():
        for key in report.loaded:
            source = sources[key]
            own[key].copy_(state_dict[source])
    return report


def _other_outputs(
    module: nn.Module, key: str, found: tuple[int, ...], want: tuple[int, ...]
) -> bool:
    """Whether a parameter differs from what is wanted in the number of its layer's outputs only."""
    layer = module.get_submodule(key.rpartition(".")[0])
    return isinstance(layer, _WITH_OUTPUTS) and len(found) > 0 and found[1:] == want[1:]


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
