"""Training from a config: everything built, checked and said aloud, then handed to the runner."""

import sys
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.hooks import Hook
from tqdm.contrib.logging import logging_redirect_tqdm

from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import LAST, CheckpointSettings
from drivetr.engine.config import RunConfig
from drivetr.engine.devices import choose_device, flushed_denormals, process_group
from drivetr.engine.ema import Ema, EmaSettings
from drivetr.engine.gather import by_first_process, rank_and_size
from drivetr.engine.hooks import (
    CheckpointHook,
    EmaHook,
    LogWindowHook,
    ProgressHook,
    ScheduleHook,
)
from drivetr.engine.loaders import loader_for_training
from drivetr.engine.nan_policy import NanPolicy, Recovery
from drivetr.engine.optim import build_optimizer, wrap_optimizer
from drivetr.engine.resume import find_resumed
from drivetr.engine.rng import seed_everything
from drivetr.engine.run_length import RunLength, length_of_run
from drivetr.engine.runner import TrainingState, TrainRunner
from drivetr.engine.same_run import check_same_run, facts_of_run
from drivetr.engine.sharding import shard_blocks
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.stopping import StopSignals
from drivetr.engine.training import DetectorTraining
from drivetr.engine.training_frames import open_training_frames, sequences_in_order
from drivetr.engine.work_folder import record_start, take_folder
from drivetr.errors import DrivetrError


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
        by_first_process(lambda: take_folder(options.work_dir, stack))
        _run(config, options)
    return options.work_dir / LAST


def _run(config: RunConfig, options: RunOptions) -> None:
    """Builds and trains, in a work folder that belongs to this run."""
    rank, world_size = rank_and_size()
    device = choose_device(options.device)
    torch.backends.cudnn.deterministic = True  # a resumed run repeats what it does
    notes: list[str] = []
    resumed = find_resumed(options.work_dir, options.resume, notes)
    builder = Builder(
        config.file, resumed is None, options.from_scratch, options.allow_head_mismatch, notes
    )
    seed_everything(config.seed)
    model = _build_model(config, builder).to(device)
    dataset, loading = open_training_frames(config, builder)
    sequences = sequences_in_order(config, model.detector, dataset, loading)
    _shard(config, model, world_size, notes)
    length = length_of_run(config, builder, len(dataset), loading.batch_size, world_size)
    optimizer = build_optimizer(model, config.optimizer, length.lr_scale, config.file)
    state = TrainingState(
        model=model,
        optimizer=wrap_optimizer(optimizer, config, device),
        ema=_build_ema(config, model, builder),
        spec=DetectorSpec.of_config(config).to_data(),
        meta=facts_of_run(config, loading.batch_size, world_size, length.iterations),
        seed=config.seed,
        saving=builder.call(CheckpointSettings, config.checkpoint, "checkpoint"),
        on_nan=builder.call(NanPolicy, config.on_nan, "on_nan"),
        resumed=resumed,
        recovery=Recovery(**(resumed or {}).get("recovery", {})),  # older ones had none
    )
    check_same_run(state, notes)
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
            record_start(Path(runner.log_dir), config, state.meta)
        for note in notes:
            runner.logger.info(note)
        with logging_redirect_tqdm([runner.logger]) if sys.stderr.isatty() else nullcontext():
            runner.train()


def _build_model(config: RunConfig, builder: Builder) -> DetectorTraining:
    """Detector, criterion and denoising of a config, in the one wrapper."""
    builder.build(config.postprocess, "postprocess")  # a wrong key should not wait for the test
    return DetectorTraining(
        builder.build(config.model, "model"),
        builder.build(config.criterion, "criterion"),
        builder.build(config.denoising, "denoising"),
        turns=config.train_data.get("turns", 1),
    )


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


def _hooks(config: RunConfig, state: TrainingState, length: RunLength) -> list[Hook]:
    """What happens between two iterations."""
    rates = [group["lr"] for group in state.optimizer.param_groups]
    hooks: list[Hook] = [
        ScheduleHook(length.schedule, rates),
        LogWindowHook(config.log_interval),
        CheckpointHook(state.saving),
        ProgressHook(),
    ]
    return hooks if state.ema is None else [*hooks, EmaHook(state.ema)]
