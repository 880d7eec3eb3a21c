"""Files with two sets of weights: those that were trained, and their average over the training.

Where each stands differs from program to program:

* drivetr: `model` and `ema`;
* mmengine: `state_dict` is the average, and `ema_state_dict`, behind `module.`, what was trained;
  its EMAHook swaps them when it saves;
* mmcv: beside the parameter `a.b.weight` in `state_dict` stands `ema_a_b_weight`. Its EMAHook
  swaps the two around an evaluation, so that a file may hold them the other way round; no file
  tells which, and buffers such as running means have one value only.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

_WRAPPERS = ("state_dict", "model")  # mmcv, mmengine and timm; DETR and drivetr
_MODULE = "module."
ONLY = "its only weights"


def chosen_weights(content: Any, averaged: bool) -> tuple[Any, str]:
    """The state dict in what a file holds, and which of its two sets of weights that is.

    Args:
        content: of the file; anything but a dictionary that wraps a state dict comes back as it is.
        averaged: whether the average is wanted where there is one.
    """
    if not isinstance(content, Mapping):
        return content, ONLY
    wrapped = [w for name in _WRAPPERS if _is_state(w := content.get(name))]
    state: Mapping[Any, Any] = wrapped[0] if wrapped else content
    if _is_state(content.get("ema")):
        name = "ema" if averaged else "model"
        return content[name], f"{_told(averaged)} ({name!r} in the file)"
    other = content.get("ema_state_dict")
    if _is_state(other):
        if averaged:
            return state, f"{_told(True)} ('state_dict' of mmengine's EMAHook)"
        trained = {str(k).removeprefix(_MODULE): t for k, t in other.items() if k != "steps"}
        return trained, f"{_told(False)} ('ema_state_dict' of mmengine's EMAHook)"
    twins = {key: twin for key in state if (twin := "ema_" + str(key).replace(".", "_")) in state}
    if not twins:
        return state, ONLY
    own = {key: state[twins.get(key, key) if averaged else key] for key in state}
    for twin in twins.values():
        del own[twin]
    return own, f"{_told(averaged)} ({len(twins)} entries have a twin ema_... of mmcv's EMAHook)"


def _is_state(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping) and len(value) > 0


def _told(averaged: bool) -> str:
    return "the averaged weights" if averaged else "the weights as trained"
