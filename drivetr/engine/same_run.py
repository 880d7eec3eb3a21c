"""What checkpoints remember of their run, and whether another start goes on with the same one."""

import math
from typing import Any

import mmengine
import torch

import drivetr
from drivetr.engine.config import RunConfig
from drivetr.engine.registry import to_data
from drivetr.engine.runner import TrainingState
from drivetr.engine.spec import without_init
from drivetr.errors import DrivetrError

# What lanes of frames follow from: another one would give a scene the memory of another scene.
_LANES = tuple(
    f"train_data.{key}"
    for key in ("dataroot", "version", "split", "streaming", "sequences_per_scene", "turns")
)


def facts_of_run(
    config: RunConfig, batch_size: int, world_size: int, iterations: int
) -> dict[str, Any]:
    """What a checkpoint remembers about its run; nothing that changes from start to start.

    Args:
        config: of the run.
        batch_size: frames of one process in a step.
        world_size: processes.
        iterations: steps of the whole run.
    """
    return {
        "seed": config.seed,
        "batch_size": batch_size,
        "world_size": world_size,
        "iterations": iterations,
        "threads": torch.get_num_threads(),
        "versions": {
            "drivetr": drivetr.__version__,
            "torch": str(torch.__version__),
            "mmengine": mmengine.__version__,
        },
        "config": without_init(to_data(vars(config))),
    }


def check_same_run(state: TrainingState, notes: list[str]) -> None:
    """Refuses to go on with something else than what the checkpoint belongs to.

    Args:
        state: of this start; a fresh run passes.
        notes: differences that the run may have are added to them.

    Raises:
        DrivetrError: what differs would not go on with the run but begin another one.
    """
    if state.resumed is None:
        return
    _check_same_frames(state, notes)
    for key in ("seed", "iterations"):
        then, now = state.resumed["meta"][key], state.meta[key]
        if then != now:
            raise DrivetrError(f"--resume: the run had {key} {then}, now it is {now}; keep it")
    then, now = state.resumed["meta"]["threads"], state.meta["threads"]
    if then != now:
        notes.append(f"The run had {then} CPU threads, now it has {now}: the last bits may differ")
    if state.resumed["spec"]["model"] != state.spec["model"]:
        model = (state.resumed["spec"]["model"], state.spec["model"])
        keys = ", ".join(_differences(*model, "model")[:5])
        raise DrivetrError(
            f"--resume: the config's {keys} is not that of the run so far; keep it, or start a new"
            " run from its weights: --work-dir NEW --cfg-options model.init=PATH"
        )
    for key in _differences(state.resumed["meta"]["config"], state.meta["config"]):
        if any(state.resumed.get("memory", ())) and key in _LANES:
            raise DrivetrError(
                f"--resume: the config's {key} is not that of the run so far, whose memories belong"
                " to its own lanes of frames; keep it"
            )
        notes.append(f"--resume: the config's {key} is not that of the run so far")
    if (state.resumed["ema"] is None) != (state.ema is None):
        raise DrivetrError("--resume: one of config and checkpoint has an ema, the other has not")


def _check_same_frames(state: TrainingState, notes: list[str]) -> None:
    """Lets a step be shared by other processes than before, as long as it has the same frames.

    Which frames a step has depends on their number alone, see `StreamSampler`; what the processes
    draw from their own generators, such as dropout, does not survive such a change.
    """
    assert state.resumed is not None
    then, now = (
        [meta["world_size"], meta["batch_size"]] for meta in (state.resumed["meta"], state.meta)
    )
    if then == now:
        return
    told = "the run had {} processes with {} frames each".format(*then)
    told += ", now it is {} with {}".format(*now)
    if math.prod(then) != math.prod(now):
        raise DrivetrError(
            f"--resume: {told}; keep the product, so that steps have the same frames"
        )
    if any(state.resumed.get("memory", ())):
        raise DrivetrError(f"--resume: {told}; keep both, the memories belong to their lanes")
    notes.append(f"--resume: {told}: steps have the same frames, dropout draws anew")


def _differences(then: Any, now: Any, where: str = "") -> list[str]:
    """Dotted names of the entries in which two configs, as data, differ."""
    if isinstance(then, dict) and isinstance(now, dict):
        keys = [*then, *(key for key in now if key not in then)]
        return [
            name
            for key in keys
            for name in _differences(then.get(key), now.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if then == now else [where]
