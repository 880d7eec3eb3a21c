"""Which device a run uses, and the processes it consists of."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import distributed
from torch.distributed import PrefixStore
from torch.distributed.distributed_c10d import rendezvous

from drivetr.errors import DrivetrError


def choose_device(name: str | None) -> torch.device:
    """The named device, or the CUDA device of this process where there is one, or the CPU."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DrivetrError(
            f"--device {name}: no such device, expected cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DrivetrError(f"--device {name}: this torch finds no CUDA device here, use cpu")
        index = int(os.environ.get("LOCAL_RANK", 0)) if device.index is None else device.index
        if index >= torch.cuda.device_count():
            raise DrivetrError(
                f"--device {name}: there are {torch.cuda.device_count()} CUDA devices here, not"
                f" {index + 1}; start as many processes as there are devices"
            )
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    elif device.type != "cpu":
        raise DrivetrError(f"--device {name} is not supported, expected cpu, cuda or cuda:N")
    return device


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Lets the CPU take numbers below 1e-38 for zero, in this thread and those that it starts.

    Gradients of Gaussian kernels are full of them, and a CPU computes each one in microcode: a
    training step of the point-aware detector took 352 ms with them and 282 ms without.
    """
    for dtype in (np.float32, np.float64):
        np.finfo(dtype)  # numpy looks for its smallest numbers once and warns if they are gone
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def full_memory_told() -> Iterator[None]:
    """Within the block, an allocation that fails is a user's error, with what saves memory."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        what = str(error).partition("\n")[0]
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in what:
            raise
        raise DrivetrError(
            f"out of memory ({what}); lower batch_size or the images' size, use --amp, recompute"
            " activations (with_checkpoint=True of the backbone), or share weights with --fsdp"
        ) from error


@contextmanager
def process_group(launcher: str) -> Iterator[None]:
    """Within the block, this process belongs to the group that `launcher` started."""
    start_processes(launcher)
    try:
        yield
    finally:
        if launcher != "none":
            distributed.destroy_process_group()


def start_processes(launcher: str) -> tuple[int, int]:
    """Joins the process group that `launcher` (none, pytorch or slurm) started.

    Returns:
        rank of this process and number of processes; (0, 1) without a launcher.
    """
    if launcher == "none":
        return 0, 1
    if launcher == "slurm":
        _environment_from_slurm()
    missing = [
        n for n in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR") if n not in os.environ
    ]
    if missing:
        raise DrivetrError(
            f"--launcher {launcher}: the environment has no {missing[0]}; start with"
            " torchrun --nproc-per-node N -m drivetr.cli.main train CONFIG --launcher pytorch"
        )
    if not distributed.is_initialized():
        # gloo carries what stays on the CPU, such as the states of the random generators.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        store, rank, size = next(rendezvous("env://"))
        store = PrefixStore(f"start_{_restarts()}", store)
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    return distributed.get_rank(), distributed.get_world_size()


def _restarts() -> str:
    """How often torchrun has started these processes again; '0' without it.

    Its store outlives them (https://github.com/pytorch/pytorch/issues/135712), and a process that
    finds in it the address of one that is gone fails to connect. So every start has its own keys.
    Torchruns on several machines count differently, and docs/distributed.md has what helps there.
    """
    one_machine = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if one_machine else "0"


def _environment_from_slurm() -> None:
    """Translates SLURM's variables into those of torchrun."""
    if "SLURM_PROCID" not in os.environ:
        raise DrivetrError("--launcher slurm: not inside a SLURM step, start with srun")
    os.environ["RANK"] = os.environ["SLURM_PROCID"]
    os.environ["WORLD_SIZE"] = os.environ["SLURM_NTASKS"]
    os.environ["LOCAL_RANK"] = os.environ["SLURM_LOCALID"]
    os.environ.setdefault("MASTER_PORT", "29500")
    if "MASTER_ADDR" not in os.environ:
        nodes = ["scontrol", "show", "hostnames", os.environ["SLURM_STEP_NODELIST"]]
        hosts = subprocess.run(nodes, check=True, capture_output=True, text=True).stdout
        os.environ["MASTER_ADDR"] = hosts.split()[0]
