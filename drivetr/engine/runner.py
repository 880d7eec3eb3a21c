"""mmengine's Runner and training loop, with exact resume and safe checkpoints."""

import itertools
import logging
from dataclasses import dataclass
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

from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.ema import Ema
from drivetr.engine.gather import gathered
from drivetr.engine.loaders import batches
from drivetr.engine.rng import rng_state, seed_everything, set_rng_state
from drivetr.engine.training import DetectorTraining
from drivetr.errors import DrivetrError
from drivetr.structures.batch import ModelBatch

# mmengine keeps loggers and logged values by name for ever: each run of a process needs its own.
_RUNS = itertools.count()
# Values of the clock and of the machine: not part of what a resumed run repeats.
_MACHINE_SCALARS = ("time", "data_time", "memory")


@dataclass
class TrainingState:
    """What a training run consists of; all of it is in a checkpoint.

    Attributes:
        model: on its device.
        optimizer: wraps the optimizer and the loss scaler.
        ema: the averaged weights, or None.
        spec: `DetectorSpec.to_data()`.
        meta: facts about the run, as plain data.
        seed: of this run.
        keep: number of checkpoints that stay.
        resumed: content of the checkpoint to go on from, or None.
    """

    model: DetectorTraining
    optimizer: OptimWrapper
    ema: Ema | None
    spec: dict[str, Any]
    meta: dict[str, Any]
    seed: int
    keep: int
    resumed: dict[str, Any] | None


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
        """Trains up to the last iteration."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.dataloader.sampler.start_at(self.iter)
        self.runner.model.train()
        if self.iter < self.max_iters:
            loading = iter(self.dataloader)
            self.runner.restore_random_generators()  # starting workers may have drawn from them
            for batch in batches(loading):
                self._step(batch)
                if self.iter == self.max_iters:
                    break
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        model: nn.Module = self.runner.model
        return model

    def _step(self, batch: ModelBatch) -> None:
        """One optimizer step with its hooks."""
        position = {"batch_idx": self.iter, "data_batch": batch}
        self.runner.call_hook("before_train_iter", **position)
        try:
            outputs = self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        except FloatingPointError as error:
            samples = ", ".join(batch.names)
            raise DrivetrError(
                f"training stopped at iteration {self.iter + 1}: {error}, with samples {samples};"
                " look at them with drivetr verify, or lower optimizer.lr"
            ) from error
        self.runner.call_hook("after_train_iter", **position, outputs=outputs)
        self.iter += 1


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
            launcher: how the processes were started; the process group exists already.
        """
        self.state = state
        self.device = next(state.model.parameters()).device
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
        self.state.model.load_state_dict(saved["model"])
        if self.state.ema is not None:
            self.state.ema.load_state_dict(saved["ema"])
        self.state.optimizer.load_state_dict(saved["optimizer"])
        memory = saved.get("memory", [{}] * self.world_size)[self.rank]  # older ones had none
        self.state.model.load_memory({k: v.to(self.device) for k, v in memory.items()})
        for key, entry in saved["log"].items():
            self.message_hub.log_scalars[key] = HistoryBuffer(entry["values"], entry["counts"])
        self.train_loop.iter = saved["iteration"]

    def restore_random_generators(self) -> None:
        """Puts back the generators of a checkpoint, or seeds those of this process afresh."""
        if self.state.resumed is None:
            seed_everything(self.state.seed + self.rank)
        else:
            set_rng_state(self.state.resumed["rng"][self.rank], self.device)

    def save(self) -> None:
        """Writes a checkpoint after the present iteration; every process has to call it."""
        rng = gathered(rng_state(self.device))
        memory = gathered(self.state.model.memory_state())
        if self.rank != 0:
            return
        weights = self.state.model.state_dict()
        for name, value in weights.items():
            if value.is_floating_point() and not value.isfinite().all():
                raise DrivetrError(
                    f"{name} is not finite after iteration {self.iter + 1}, not saved"
                )
        state = {
            "iteration": self.iter + 1,
            "spec": self.state.spec,
            "model": weights,
            "ema": None if self.state.ema is None else self.state.ema.state,
            "optimizer": self.state.optimizer.state_dict(),
            "rng": rng,
            "memory": memory,
            "log": self._log_state(),
            "meta": self.state.meta,
        }
        path = save_checkpoint(state, Path(self.work_dir), self.state.keep)
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
