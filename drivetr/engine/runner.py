"""mmengine's Runner and training loop, with exact resume and safe checkpoints."""

import itertools
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer, MMLogger
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, LogProcessor, Runner
from torch import nn
from torch.utils.data import DataLoader

from drivetr.data.sampler import seed_from
from drivetr.engine.checkpoint import (
    CheckpointSettings,
    checkpoint_path,
    latest_checkpoint,
    refuse_not_finite,
    save_checkpoint,
)
from drivetr.engine.devices import full_memory_told
from drivetr.engine.ema import Ema
from drivetr.engine.gather import by_first_process, gathered, lost_processes_told
from drivetr.engine.loaders import batches, dead_workers_told
from drivetr.engine.nan_policy import NanGuard, NanPolicy, Recovery
from drivetr.engine.rng import rng_state, seed_everything, set_rng_state
from drivetr.engine.sharding import load_whole_weights, sharded_optimizer_state, whole
from drivetr.engine.stopping import StopSignals
from drivetr.engine.training import DetectorTraining
from drivetr.errors import DrivetrError, StoppedError
from drivetr.structures.batch import ModelBatch

# mmengine keeps loggers and logged values by name for ever: each run of a process needs its own.
_RUNS = itertools.count()
# Values of the clock and of the machine: not part of what a resumed run repeats.
_MACHINE_SCALARS = ("time", "data_time", "memory")


@dataclass
class TrainingState:
    """What a training run consists of; all of it is in a checkpoint.

    Attributes:
        model: on its device; parts of it may be sharded.
        optimizer: wraps the optimizer and the loss scaler.
        ema: the averaged weights, or None.
        spec: `DetectorSpec.to_data()`.
        meta: facts about the run, as plain data.
        seed: of this run.
        saving: when checkpoints are written, and how many stay.
        on_nan: what happens when a step is not finite.
        resumed: content of the checkpoint to go on from, or None.
        recovery: how often that happened so far.
    """

    model: DetectorTraining
    optimizer: OptimWrapper
    ema: Ema | None
    spec: dict[str, Any]
    meta: dict[str, Any]
    seed: int
    saving: CheckpointSettings
    on_nan: NanPolicy
    resumed: dict[str, Any] | None
    recovery: Recovery = field(default_factory=Recovery)


class StreamTrainLoop(BaseLoop):
    """Iterations over an endless loader, from any of them on without replaying the earlier ones."""

    max_epochs = 1
    epoch = 0
    val_interval = 0

    def __init__(
        self, runner: "TrainRunner", dataloader: "DataLoader[Any]", max_iters: int
    ) -> None:
        super().__init__(runner, dataloader)
        self.max_iters = max_iters
        self.iter = 0

    def run(self) -> nn.Module:
        """Trains up to the last iteration.

        Raises:
            StoppedError: a signal asked for it; the state is saved.
        """
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        with full_memory_told(), dead_workers_told(), lost_processes_told():
            while self.iter < self.max_iters:
                self._stretch()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        model: nn.Module = self.runner.model
        return model

    def _stretch(self) -> None:
        """Iterations up to the last one, or to one after which the data goes on elsewhere."""
        self.dataloader.sampler.start_at(self.runner.next_batch())
        loading = iter(self.dataloader)
        self.runner.restore_random_generators()  # starting workers may have drawn from them
        for batch in batches(loading):
            in_order = self._step(batch)
            if self.iter == self.max_iters or not in_order:
                return
            self.runner.stop_if_asked()

    def _step(self, batch: ModelBatch) -> bool:
        """One optimizer step with its hooks.

        Returns:
            whether the next batch is the one to go on with: not after a rollback.
        """
        position = {"batch_idx": self.iter, "data_batch": batch}
        self.runner.call_hook("before_train_iter", **position)
        self.runner.nan_guard.before_step()
        try:
            outputs = self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        except FloatingPointError as error:
            if self.runner.nan_guard.rolls_back(error, batch):
                return False
            outputs = None
        self.runner.call_hook("after_train_iter", **position, outputs=outputs)
        self.iter += 1
        return True


def wrapped_for_processes(model: nn.Module, device: torch.device) -> nn.Module:
    """The model with gradients that are averaged over the processes of the run."""
    wrapped: nn.Module = MMDistributedDataParallel(
        module=model,
        device_ids=[device.index] if device.type == "cuda" else None,
        broadcast_buffers=False,
        find_unused_parameters=False,
    )
    return wrapped


class TrainRunner(Runner):
    """Drives the training of built objects; saves and restores all of its state itself."""

    def __init__(
        self,
        state: TrainingState,
        work_dir: Path,
        loader: "DataLoader[Any]",
        max_iters: int,
        log_interval: int,
        hooks: list[Hook],
        stop: StopSignals,
        launcher: str = "none",
    ) -> None:
        """Takes over built objects.

        Args:
            state: model, optimizer and what else is saved.
            work_dir: folder of the run.
            loader: endless batches, see `loader_for_training`.
            max_iters: optimizer steps of the whole run.
            log_interval: iterations between two lines of the log.
            hooks: further hooks.
            stop: the signals that end the run early.
            launcher: how the processes were started; the process group exists already.
        """
        self.state = state
        self.stop = stop
        self.nan_guard = NanGuard(self)
        self.device = next(state.model.parameters()).device
        self._saved = 0  # iteration of the last checkpoint
        backends = [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]
        logger = {"type": "LoggerHook", "interval": log_interval}
        super().__init__(
            model=state.model,
            work_dir=str(work_dir),
            train_dataloader=loader,
            train_cfg={"type": StreamTrainLoop, "max_iters": max_iters},
            optim_wrapper=state.optimizer,
            default_hooks={
                "logger": logger,
                "param_scheduler": None,
                "checkpoint": None,
                "sampler_seed": None,
            },
            custom_hooks=hooks,
            launcher=launcher,
            log_processor={
                "type": LogProcessor,
                "window_size": log_interval,
                "by_epoch": False,
                "mean_pattern": r"^(?!.*lr$)",
            },
            visualizer={"type": "Visualizer", "vis_backends": backends},
            randomness={"seed": state.seed},
            experiment_name=f"{work_dir.name}_{next(_RUNS)}",
            cfg=Config(),
        )
        state.optimizer.message_hub = self.message_hub  # it was made before this run's hub

    @property
    def training_module(self) -> DetectorTraining:
        """The model without the wrapper for several processes."""
        return self.state.model

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        """Keeps the chosen device, where mmengine would choose one; wraps for several processes."""
        return wrapped_for_processes(model, self.device) if self.distributed else model

    def load_or_resume(self) -> None:
        """Puts back the state of a checkpoint, if the run goes on from one."""
        saved = self.state.resumed
        if saved is None:
            return
        load_whole_weights(self.state.model, saved["model"])
        if self.state.ema is not None:
            self.state.ema.load_state_dict(saved["ema"])
        optimizer = sharded_optimizer_state(saved["optimizer"], self.state.optimizer.optimizer)
        self.state.optimizer.load_state_dict(optimizer)
        if self._same_processes(saved):
            memory = saved.get("memory", [{}] * self.world_size)[self.rank]  # older ones had none
            self.state.model.load_memory({k: v.to(self.device) for k, v in memory.items()})
        for key, entry in saved["log"].items():
            self.message_hub.log_scalars[key] = HistoryBuffer(entry["values"], entry["counts"])
        self.train_loop.iter = saved["iteration"]

    def _same_processes(self, saved: dict[str, Any]) -> bool:
        """Whether a checkpoint has an entry of its own for every process of this run."""
        return len(saved["rng"]) == self.world_size

    def back_to_last_checkpoint(self) -> int:
        """Puts back the state of the newest checkpoint of this run.

        Returns:
            its iteration.

        Raises:
            DrivetrError: there is none.
        """
        found = latest_checkpoint(Path(self.work_dir))
        if found is None:
            raise DrivetrError(
                f"{self.work_dir} has no checkpoint to go back to; lower checkpoint.interval, or"
                " use --on-nan skip"
            )
        self.state.resumed = found[1]
        self.load_or_resume()
        # Data goes on elsewhere: what the lanes' last frames left does not belong to the next ones.
        self.training_module.forget_all()
        iteration: int = found[1]["iteration"]
        return iteration

    def next_batch(self) -> int:
        """The place in the stream of batches of the next iteration."""
        return self.iter + self.state.recovery.batches_left_out

    def restore_random_generators(self) -> None:
        """Puts back the generators of a checkpoint, or seeds those of this process afresh.

        Afresh as well where the checkpoint is of another number of processes.
        """
        saved = self.state.resumed
        if saved is None:
            seed_everything(self.state.seed + self.rank)
        elif self._same_processes(saved):
            set_rng_state(saved["rng"][self.rank], self.device)
        else:
            seed_everything(seed_from("processes", self.state.seed, saved["iteration"], self.rank))

    def stop_if_asked(self) -> None:
        """Saves and leaves if a signal reached any process; every process has to call it.

        Raises:
            StoppedError: so it was.
        """
        name = self.stop.agreed()
        if name is None:
            return
        if self._saved != self.iter:
            self.save(self.iter)
        path = checkpoint_path(Path(self.work_dir), self.iter)
        raise StoppedError(f"{name} received, saved {path} and stopped; go on with --resume")

    def save(self, done: int, may_fail: bool = False) -> None:
        """Writes a checkpoint after so many iterations; every process has to call it.

        Args:
            done: optimizer steps so far.
            may_fail: go on without it where the file cannot be written.

        Raises:
            DrivetrError: a weight is not finite, or the file cannot be written.
        """
        state = {
            "iteration": done,
            "spec": self.state.spec,
            "model": whole(self.state.model.state_dict()),
            "ema": None if self.state.ema is None else whole(self.state.ema.state),
            "optimizer": whole(self.state.optimizer.state_dict()),
            "rng": gathered(rng_state(self.device)),
            "memory": gathered(self.state.model.memory_state()),
            "recovery": asdict(self.state.recovery),
            "log": self._log_state(),
            "meta": self.state.meta,
        }
        refuse_not_finite(state)
        folder = Path(self.work_dir)
        try:
            path = by_first_process(lambda: save_checkpoint(state, folder, self.state.saving.keep))
        except DrivetrError as error:
            what = f"{error}; earlier checkpoints stay as they are"
            if not may_fail:
                raise DrivetrError(f"{what}: make room and go on with --resume") from error
            self.logger.warning(f"{what}, going on without this one")
            return
        self._saved = done
        self.logger.info(f"Saved {path}")

    def _log_state(self) -> dict[str, dict[str, list[float]]]:
        """The values that the next line of the log averages over."""
        return {
            key: {"values": buffer.data[0].tolist(), "counts": buffer.data[1].tolist()}
            for key, buffer in self.message_hub.log_scalars.items()
            if key.rpartition("/")[2] not in _MACHINE_SCALARS
        }

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """The logger of mmengine, whose file is UTF-8 whatever the locale is."""
        logger: MMLogger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler) and handler.stream is not None:
                # Names of files may hold bytes that the locale cannot read.
                handler.stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        return logger

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        """One line on the environment; the run's record in the work folder has the rest."""
        threads = torch.get_num_threads()
        self.logger.info(f"torch {torch.__version__} on {self.device}, {threads} threads")

    def get_hooks_info(self) -> str:
        """The names of the hooks, where mmengine would print a page."""
        return ", ".join(type(hook).__name__ for hook in self.hooks)

    def dump_config(self) -> None:
        """Nothing: the config is in the run's record, as data."""
