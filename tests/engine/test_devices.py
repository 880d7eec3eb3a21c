"""Devices, and processes started by others."""

import subprocess

import pytest
import torch

from drivetr.engine.devices import (
    choose_device,
    flushed_denormals,
    full_memory_told,
    start_processes,
)
from drivetr.errors import DrivetrError


class TestDevice:
    def test_automatic(self):
        expected = "cuda" if torch.cuda.is_available() else "cpu"
        assert choose_device(None).type == expected

    @pytest.mark.parametrize("name", ["toaster", "meta", "cuda:x"])
    def test_unknown(self, name):
        with pytest.raises(DrivetrError, match=f"--device {name}"):
            choose_device(name)

    def test_cuda_where_there_is_none(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(DrivetrError, match="finds no CUDA device"):
            choose_device("cuda")

    def test_more_processes_than_devices(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setenv("LOCAL_RANK", "1")
        with pytest.raises(DrivetrError, match="there are 1 CUDA devices here, not 2"):
            choose_device("cuda")


class TestProcesses:
    @pytest.fixture(autouse=True)
    def _clean(self, monkeypatch):
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "SLURM_PROCID"):
            monkeypatch.delenv(name, raising=False)

    def test_one(self):
        assert start_processes("none") == (0, 1)

    def test_without_torchrun(self):
        with pytest.raises(DrivetrError, match="no RANK; start with torchrun"):
            start_processes("pytorch")

    def test_outside_slurm(self):
        with pytest.raises(DrivetrError, match="start with srun"):
            start_processes("slurm")

    def test_slurm_becomes_torchrun(self, monkeypatch):
        slurm = {"PROCID": "3", "NTASKS": "4", "LOCALID": "1", "STEP_NODELIST": "n[1-2]"}
        for name, value in slurm.items():
            monkeypatch.setenv(f"SLURM_{name}", value)
        monkeypatch.setenv("MASTER_PORT", "1")
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"):
            monkeypatch.setenv(name, "")  # so that it is taken back afterwards
            monkeypatch.delenv(name)
        hosts = subprocess.CompletedProcess([], 0, stdout="n1\nn2\n")
        monkeypatch.setattr(subprocess, "run", lambda *args, **options: hosts)
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
        assert start_processes("slurm") == (3, 4)
        import os

        assert [os.environ[n] for n in ("RANK", "LOCAL_RANK", "MASTER_ADDR")] == ["3", "1", "n1"]


def test_denormals_return_after_training():
    """A caller's own arithmetic stays IEEE when training is over."""
    tiny = torch.tensor([1e-40])
    with flushed_denormals():
        assert (tiny * 0.5).item() == 0
    assert (tiny * 0.5).item() > 0


class TestFullMemory:
    def test_an_allocation_that_fails(self):
        said = r"can't allocate memory.*lower batch_size"
        with pytest.raises(DrivetrError, match=said), full_memory_told():
            torch.empty(2**50)

    def test_the_error_that_cuda_raises(self):
        said = r"CUDA out of memory\. Tried.*--fsdp"
        with pytest.raises(DrivetrError, match=said), full_memory_told():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nmore")

    def test_other_errors_stay(self):
        with pytest.raises(RuntimeError, match="shape"), full_memory_told():
            raise RuntimeError("shape")
