"""State dicts in the layouts of others, brought to drivetr's names and shapes.

A layout is a chain of pure functions on state dicts. What no rule knows keeps its name, so that
strict loading (`drivetr.nn.weights.load_weights`) reports it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from drivetr.errors import DrivetrError

State = dict[str, Tensor]
_PARTS = ("q", "k", "v")


@dataclass(frozen=True)
class Layout:
    """How one publisher writes down a model.

    Attributes:
        name: for messages.
        sign: pattern of a name that files of this layout have, and those of others have not.
        rules: pattern at the beginning of a name, and what stands there in drivetr; the first that
            fits counts. Names of separate projections end as `in_proj_q.weight` and so on.
        drop: patterns at the beginning of names that are known and not wanted, with the reason.
        reshape: a published name and its tensor to the tensor in PyTorch's order of dimensions,
            where the file has another.
        refusal: why drivetr has no model for weights of this layout, empty where it has.
    """

    name: str
    sign: str
    rules: Sequence[tuple[str, str]]
    drop: Mapping[str, str] = field(default_factory=dict)
    reshape: Callable[[str, Tensor], Tensor] | None = None
    refusal: str = ""

    def dropped(self, state: Mapping[str, Tensor]) -> dict[str, str]:
        """Names that `translate` leaves out, with the reason."""
        reasons = ((key, self._reason(key)) for key in state)
        return {key: reason for key, reason in reasons if reason is not None}

    def translate(self, state: Mapping[str, Tensor]) -> State:
        """The state dict under drivetr's names.

        Raises:
            DrivetrError: two names of the file mean the same, or a shape is not of this layout.
        """
        translated: State = {}
        for key, tensor in state.items():
            if self._reason(key) is not None:
                continue
            name = self._own_name(key)
            if name in translated:
                raise DrivetrError(f"two entries of the file stand for {name!r}, one is {key!r}")
            translated[name] = self._reshaped(key, tensor)
        return join_projections(translated)

    def _reason(self, key: str) -> str | None:
        return next((why for start, why in self.drop.items() if re.match(start, key)), None)

    def _reshaped(self, key: str, tensor: Tensor) -> Tensor:
        try:
            return tensor if self.reshape is None else self.reshape(key, tensor)
        except (RuntimeError, IndexError) as error:
            raise DrivetrError(
                f"{key} has shape {list(tensor.shape)}, which it has not in the layout of"
                f" {self.name}"
            ) from error

    def _own_name(self, key: str) -> str:
        for pattern, replacement in self.rules:
            name, count = re.subn(f"^{pattern}", replacement, key)
            if count:
                return name
        return key


def join_projections(state: State) -> State:
    """Stacks `X.in_proj_{q,k,v}.weight` to `X.in_proj_weight`, and the biases likewise."""
    stems = {k.split("in_proj_")[0] for k in state if re.search(r"\bin_proj_[qkv]\.", k)}
    joined = {k: v for k, v in state.items() if not re.search(r"\bin_proj_[qkv]\.", k)}
    for stem in sorted(stems):
        for kind in ("weight", "bias"):
            names = [f"{stem}in_proj_{part}.{kind}" for part in _PARTS]
            shapes = {state[name].shape for name in names if name in state}
            if all(name in state for name in names) and len(shapes) == 1 and shapes != {()}:
                joined[f"{stem}in_proj_{kind}"] = torch.cat([state[name] for name in names])
            else:
                joined |= {name: state[name] for name in names if name in state}
    return joined


def signed(state: Mapping[str, Tensor], layouts: Sequence[Layout]) -> list[Layout]:
    """The layouts whose sign a state dict bears."""
    return [x for x in layouts if any(re.match(x.sign, key) for key in state)]


def layout_of(state: Mapping[str, Tensor], layouts: Sequence[Layout], source: object) -> Layout:
    """The one layout whose sign a state dict bears.

    Raises:
        DrivetrError: none, or more than one, or one that drivetr has no model for.
    """
    fitting = signed(state, layouts)
    for layout in fitting:
        if layout.refusal:
            raise DrivetrError(f"{source}: {layout.refusal}")
    if len(fitting) == 1:
        return fitting[0]
    found = " and ".join(x.name for x in fitting) or "none of them"
    known = ", ".join(x.name for x in layouts if not x.refusal)
    raise DrivetrError(
        f"{source}: expected a state dict in one of the layouts {known}; found {found}"
        f" (its first name is {next(iter(state), 'missing')!r})"
    )


def behind(rules: Sequence[tuple[str, str]], theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """The rules of a part, for a model that has the part under a name.

    Args:
        rules: for the part alone.
        theirs: pattern of what stands before the part's published names; without groups.
        ours: what stands before its names here.
    """
    return tuple((theirs + pattern, ours + replacement) for pattern, replacement in rules)
