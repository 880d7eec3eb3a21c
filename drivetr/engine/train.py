"""Training from a config: everything built, checked and said aloud, then handed to the runner."""

import json
import math
import shlex
import sys
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.hooks import Hook
from tqdm.contrib.logging import logging_redirect_tqdm

import drivetr
from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import (
    LAST,
    CheckpointSettings,
    iteration_of,
    latest_checkpoint,
    list_checkpoints,
    read_checkpoint,
    remove_leftovers,
)
from drivetr.engine.checks import difference_of_classes
from drivetr.engine.config import RunConfig
from drivetr.engine.devices import choose_device, flushed_denormals, process_group
from drivetr.engine.ema import Ema, EmaSettings
from drivetr.engine.gather import by_first_process, once_first_is_done, rank_and_size
from drivetr.engine.hooks import (
    CheckpointHook,
    EmaHook,
    LogWindowHook,
    ProgressHook,
    ScheduleHook,
)
from drivetr.engine.loaders import TrainLoaderSettings, build_dataset, loader_for_training
from drivetr.engine.lock import locked_folder
from drivetr.engine.nan_policy import NanPolicy, Recovery
from drivetr.engine.optim import build_optimizer, wrap_optimizer
from drivetr.engine.registry import to_data
from drivetr.engine.rng import seed_everything
from drivetr.engine.runner import TrainingState, TrainRunner
from drivetr.engine.schedule import Schedule
from drivetr.engine.sharding import shard_blocks
from drivetr.engine.spec import DetectorSpec, without_init
from drivetr.engine.stopping import StopSignals
from drivetr.engine.training import DetectorTraining, has_memory
from drivetr.errors import DrivetrError
from drivetr.files import atomic_text

# What lanes of frames follow from: another one would give a scene the memory of another scene.
_LANES = tuple(
    f"train_data.{key}"
    for key in ("dataroot", "version", "split", "streaming", "sequences_per_scene", "turns")
)


@dataclass(frozen=True)
class RunOptions:
    """What the command line adds to a config.

    Attributes:
        work_dir: folder of the run.
        resume: None for a fresh run, "auto" for the newest usable checkpoint in the folder, if
            any, or a path.
        device: name of the device, None for the best there is.
        launcher: none, pytorch (torchrun) or slurm.
        from_scratch: train without the pretrained weights that the config asks for.
        allow_head_mismatch: start layers afresh that have another number of outputs than in the
            pretrained weights, such as a head of other classes.
    """

    work_dir: Path
    resume: str | None = None
    device: str | None = None
    launcher: str = "none"
    from_scratch: bool = False
    allow_head_mismatch: bool = False


@dataclass(frozen=True)
class _Length:
    """How long a run is and how fast it learns, for the real number of frames in a step."""

    schedule: Schedule
    iterations: int
    lr_scale: float


@flushed_denormals()
def train(config: RunConfig, options: RunOptions) -> Path:
    """Trains what a config describes.

    Returns:
        the last checkpoint.

    Raises:
        DrivetrError: anything the user can mend, such as a wrong key or a loss that is not finite.
        StoppedError: SIGTERM or SIGUSR1 ended it after a step; its state is saved.
    """
    with process_group(options.launcher), ExitStack() as stack:
        by_first_process(lambda: _take_folder(options.work_dir, stack))
        _run(config, options)
    return options.work_dir / LAST


def _run(config: RunConfig, options: RunOptions) -> None:
    """Builds and trains, in a work folder that belongs to this run."""
    rank, world_size = rank_and_size()
    device = choose_device(options.device)
    torch.backends.cudnn.deterministic = True  # a resumed run repeats what it does
    notes: list[str] = []
    resumed = _find_resumed(options, notes)
    builder = Builder(
        config.file, resumed is None, options.from_scratch, options.allow_head_mismatch, notes
    )
    seed_everything(config.seed)
    model = _build_model(config, builder).to(device)
    dataset, loading = _open_dataset(config, builder)
    sequences = _sequences(config, model, dataset, loading)
    _shard(config, model, world_size, notes)
    length = _length(config, builder, len(dataset), (loading.batch_size, world_size))
    optimizer = build_optimizer(model, config.optimizer, length.lr_scale, config.file)
    state = TrainingState(
        model=model,
        optimizer=wrap_optimizer(optimizer, config, device),
        ema=_build_ema(config, model, builder),
        spec=DetectorSpec.of_config(config).to_data(),
        meta=_facts(config, (loading.batch_size, world_size), length.iterations),
        seed=config.seed,
        saving=builder.call(CheckpointSettings, config.checkpoint, "checkpoint"),
        on_nan=builder.call(NanPolicy, config.on_nan, "on_nan"),
        resumed=resumed,
        recovery=Recovery(**(resumed or {}).get("recovery", {})),  # older ones had none
    )
    _check_same_run(state, notes)
    with StopSignals() as stop:
        runner = TrainRunner(
            state,
            work_dir=options.work_dir,
            loader=loader_for_training(
                dataset, loading, config.seed, device, sequences, loading.turns
            ),
            max_iters=length.iterations,
            log_interval=config.log_interval,
            hooks=_hooks(config, state, length),
            stop=stop,
            launcher=options.launcher,
        )
        if rank == 0:
            _record(Path(runner.log_dir), config, state.meta)
        for note in notes:
            runner.logger.info(note)
        with logging_redirect_tqdm([runner.logger]) if sys.stderr.isatty() else nullcontext():
            runner.train()


def _find_resumed(options: RunOptions, notes: list[str]) -> dict[str, Any] | None:
    """The content of the checkpoint to go on from; None for a fresh run."""
    if options.resume is None:
        if list_checkpoints(options.work_dir):
            raise DrivetrError(
                f"{options.work_dir} holds checkpoints of an earlier run; go on with --resume, or"
                " name another --work-dir"
            )
        return None
    if options.resume != "auto":
        notes.append(f"Resuming from {options.resume}")
        content = read_checkpoint(options.resume)
        _check_none_is_newer(options.work_dir, options.resume, content["iteration"])
        return content
    found = latest_checkpoint(options.work_dir)
    if found is None:
        notes.append(f"Nothing to resume in {options.work_dir}, starting afresh")
        return None
    path, content, damaged = found
    notes.extend(f"{message}; falling back to an earlier one" for message in damaged)
    notes.append(f"Resuming from {path} after iteration {content['iteration']}")
    return content


def _check_none_is_newer(work_dir: Path, resume: str, iteration: int) -> None:
    """Refuses to mix two runs: a later `--resume` would take the older one's newest checkpoint."""
    newer = [path for path in list_checkpoints(work_dir) if iteration_of(path) > iteration]
    if newer:
        raise DrivetrError(
            f"{work_dir} holds {newer[0].name}, which is newer than {resume}; remove the newer"
            " checkpoints, or name another --work-dir"
        )


def _build_model(config: RunConfig, builder: Builder) -> DetectorTraining:
    """Detector, criterion and denoising of a config, in the one wrapper."""
    builder.build(config.postprocess, "postprocess")  # a wrong key should not wait for the test
    return DetectorTraining(
        builder.build(config.model, "model"),
        builder.build(config.criterion, "criterion"),
        builder.build(config.denoising, "denoising"),
        turns=config.train_data.get("turns", 1),
    )


def _open_dataset(config: RunConfig, builder: Builder) -> tuple[Any, TrainLoaderSettings]:
    """The training split; the first process builds the index where it is absent, others wait."""

    def opened() -> tuple[Any, TrainLoaderSettings]:
        return build_dataset(config.train_data, "train_data", builder, TrainLoaderSettings)

    dataset, loading = once_first_is_done(opened)
    if len(dataset) == 0:
        raise DrivetrError(f"{config.file}: train_data has no samples in split of that name")
    _check_classes(config, dataset)
    return dataset, loading


def _sequences(
    config: RunConfig, model: DetectorTraining, dataset: Any, loading: TrainLoaderSettings
) -> list[range] | None:
    """The sequences that the training goes through in order; None where it shuffles frames."""
    if has_memory(model.detector) and not loading.streaming:
        raise DrivetrError(
            f"{config.file}: {type(model.detector).__name__} has a memory and wants frames in the"
            " order of time, but train_data shuffles them; set streaming=True there"
        )
    try:
        return loading.sequences(dataset)
    except ValueError as error:
        raise DrivetrError(f"{config.file}: train_data: {error}") from error


def _check_classes(config: RunConfig, dataset: Any) -> None:
    """Refuses labels that mean something else than the config says, or nothing."""
    difference = difference_of_classes(getattr(dataset, "classes", config.classes), config.classes)
    if difference is not None:
        raise DrivetrError(
            f"{config.file}: {difference}; set the config's `classes`, and num_classes of model and"
            " criterion"
        )


def _length(
    config: RunConfig, builder: Builder, num_samples: int, frames: tuple[int, int]
) -> _Length:
    """Iterations and learning rate for the real batch size, both said aloud."""
    batch_size, world_size = frames
    real = batch_size * world_size
    reference = config.reference_batch_size or real
    schedule: Schedule = builder.call(Schedule, config.schedule, "schedule")
    iterations = schedule.total(num_samples, real, real / reference)
    builder.reports.append(
        f"{iterations} iterations of {real} frames ({batch_size} in each of {world_size}"
        f" processes), {iterations * real / num_samples:.2f} epochs of {num_samples} frames; the"
        f" learning rate {config.optimizer.get('lr')} is for {reference} frames and multiplied by"
        f" {real / reference:g}"
    )
    return _Length(schedule, iterations, real / reference)


def _build_ema(config: RunConfig, model: DetectorTraining, builder: Builder) -> Ema | None:
    """The average of the weights, if the config wants one."""
    if config.ema is None:
        return None
    return Ema(model, builder.call(EmaSettings, config.ema, "ema"))


def _shard(config: RunConfig, model: DetectorTraining, processes: int, notes: list[str]) -> None:
    """Shards what the config names over the processes of the run."""
    if not config.fsdp:
        return
    if processes == 1:
        raise DrivetrError(
            f"{config.file}: fsdp shares weights between processes, and there is one; start several"
            " with torchrun and --launcher pytorch, or leave it out"
        )
    blocks = shard_blocks(model, tuple(config.fsdp), config.file)
    notes.append(f"{len(blocks)} blocks of {', '.join(config.fsdp)} sharded over {processes}")


def _hooks(config: RunConfig, state: TrainingState, length: _Length) -> list[Hook]:
    """What happens between two iterations."""
    rates = [group["lr"] for group in state.optimizer.param_groups]
    hooks: list[Hook] = [
        ScheduleHook(length.schedule, rates),
        LogWindowHook(config.log_interval),
        CheckpointHook(state.saving),
        ProgressHook(),
    ]
    return hooks if state.ema is None else [*hooks, EmaHook(state.ema)]


def _facts(config: RunConfig, frames: tuple[int, int], iterations: int) -> dict[str, Any]:
    """What a checkpoint remembers about its run; nothing that changes from start to start."""
    return {
        "seed": config.seed,
        "batch_size": frames[0],
        "world_size": frames[1],
        "iterations": iterations,
        "threads": torch.get_num_threads(),
        "versions": {
            "drivetr": drivetr.__version__,
            "torch": str(torch.__version__),
            "mmengine": mmengine.__version__,
        },
        "config": without_init(to_data(vars(config))),
    }


def _check_same_run(state: TrainingState, notes: list[str]) -> None:
    """Refuses to go on with something else than what the checkpoint belongs to."""
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


def _take_folder(work_dir: Path, stack: ExitStack) -> None:
    """Makes the run's folder, locks it, and removes what a killed run left unfinished.

    Raises:
        DrivetrError: it cannot be written, or another run has it.
    """
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked_folder(work_dir))
        remove_leftovers(work_dir)
    except OSError as error:
        raise DrivetrError(
            f"--work-dir {work_dir} cannot be written ({error.strerror}); name another"
        ) from error


def _record(folder: Path, config: RunConfig, meta: dict[str, Any]) -> None:
    """Writes down how this start of the run came about."""
    record = {
        "command": shlex.join(sys.argv),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "config_text": config.file.read_text(encoding="utf-8"),
        **meta,
    }
    with atomic_text(folder / "run.json") as file:
        json.dump(record, file, indent=2)
