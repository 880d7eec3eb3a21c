"""Compares free disk and memory with what a training from a config needs at least.

What the layers keep for the backward pass is not counted, because it is not known before a step:
it is often the largest part, and grows with the batch and the size of the pictures.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from drivetr.data.nuscenes.schema import TABLES
from drivetr.data.nuscenes.store import index_folder
from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import CheckpointSettings
from drivetr.engine.config import RunConfig
from drivetr.engine.devices import choose_device
from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from drivetr.engine.loaders import TrainLoaderSettings, build_dataset
from drivetr.errors import DrivetrError

_PREFETCHED = 2  # batches that each worker of torch's DataLoader keeps ready
_MOMENTS = 2  # of AdamW, which every config of drivetr uses
_SHARED = Path("/dev/shm")


@dataclass(frozen=True)
class Needs:
    """Bytes that a training needs at least.

    Attributes:
        training: on the device: weights, gradients, moments of the optimizer, averaged weights.
        checkpoint: one file on the disk.
        checkpoints: all that are kept, and the one that is being written.
        batches: in shared memory, of those that the loader's workers hold ready; None where no
            sample could be read.
    """

    training: int
    checkpoint: int
    checkpoints: int
    batches: int | None


def examine_resources(config: RunConfig, work_dir: Path, device: str | None) -> list[Diagnosis]:
    """Disk of the run's folder and of the index, memory of the device, shared memory."""
    chosen = choose_device(device)
    try:
        needs = needs_of(config)
    except DrivetrError as error:
        return [Diagnosis("config", Level.ERROR, str(error), "mend the config, or --cfg-options")]
    place = _existing(work_dir)
    disk = compared(
        "disk",
        f"{needs.checkpoints / 2**30:.2f} GiB for checkpoints of {needs.checkpoint / 2**30:.2f} GiB"
        f" in {place}",
        needs.checkpoints,
        shutil.disk_usage(place).free,
        "free some, name another --work-dir, or keep fewer: checkpoint.keep in the config",
    )
    memory = compared(
        "memory",
        f"{needs.training / 2**30:.2f} GiB for weights, gradients and optimizer on {chosen}, and"
        " more for the layers' activations",
        needs.training,
        _free_memory(chosen),
        "choose a smaller model, or a machine with more memory",
    )
    return [disk, memory, *_index_room(config), *_shared_memory(needs)]


def needs_of(config: RunConfig) -> Needs:
    """What a config needs; its model is built without memory.

    Raises:
        DrivetrError: the config cannot be built.
    """
    builder = Builder(config.file)
    with torch.device("meta"):
        model = nn.ModuleList(
            part
            for part in (
                builder.build(config.model, "model"),
                builder.build(config.criterion, "criterion"),
            )
            if isinstance(part, nn.Module)
        )
    saving: CheckpointSettings = builder.call(CheckpointSettings, config.checkpoint, "checkpoint")
    weights = sum(p.nbytes for p in model.parameters())
    trained = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    others = sum(b.nbytes for b in model.buffers())
    copies = 1 if config.ema is None else 2
    checkpoint = copies * (weights + others) + _MOMENTS * trained
    return Needs(
        training=checkpoint + trained,
        checkpoint=checkpoint,
        checkpoints=(saving.keep + 1) * checkpoint,
        batches=_batches(config, builder),
    )


def _batches(config: RunConfig, builder: Builder) -> int | None:
    """Bytes of the batches that wait in shared memory; None where there is no dataset to ask."""
    if _tables_to_index(config):
        return None  # opening it would build the index first
    try:
        dataset, loading = build_dataset(
            config.train_data, "train_data", builder, TrainLoaderSettings
        )
        batch = dataset.collate([dataset[0]])
    except (DrivetrError, IndexError):
        return None
    one = sum(value.nbytes for value in _tensors(batch.inputs))
    return one * loading.batch_size * loading.num_workers * _PREFETCHED


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def compared(subject: str, need: str, least: int, free: int | None, remedy: str) -> Diagnosis:
    """Whether what is free suffices; less than twice the need is tight."""
    if free is None:
        return Diagnosis(subject, Level.NOTE, f"needs {need}; how much is free is not known here")
    told = f"needs {need}; {free / 2**30:.2f} GiB are free"
    if free < least:
        return Diagnosis(subject, Level.ERROR, told, remedy)
    if free < 2 * least:
        return Diagnosis(subject, Level.WARNING, f"{told}, which is tight", remedy)
    return Diagnosis(subject, Level.OK, told)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _index_room(config: RunConfig) -> list[Diagnosis]:
    """Room in the cache for an index that has yet to be built: at most as large as its tables."""
    tables = _tables_to_index(config)
    if not tables:
        return []
    folder = index_folder(tables[0].parents[1], tables[0].parent.name)
    size, place = sum(table.stat().st_size for table in tables), _existing(folder)
    need = f"up to {size / 2**30:.2f} GiB for the index below {place}"
    remedy = "set DRIVETR_CACHE to a folder with more room"
    return [compared("disk", need, size, shutil.disk_usage(place).free, remedy)]


def _tables_to_index(config: RunConfig) -> list[Path]:
    """The tables of nuScenes that the config trains on, where there is no index of them."""
    dataroot, version = (config.train_data.get(key) for key in ("dataroot", "version"))
    if dataroot is None or version is None:
        return []
    tables = [Path(dataroot) / version / f"{name}.json" for name in TABLES]
    indexed = (index_folder(Path(dataroot), version) / "header.json").exists()
    return [] if indexed or not all(table.is_file() for table in tables) else tables


def _shared_memory(needs: Needs) -> list[Diagnosis]:
    """Containers often have 64 MiB of it, and a worker that finds it full dies of a bus error."""
    if not needs.batches or not _SHARED.is_dir():
        return []
    need = f"{needs.batches / 2**20:.1f} MiB in {_SHARED} for batches that workers hold ready"
    free = shutil.disk_usage(_SHARED).free
    remedy = "docker run --shm-size=8g (or --ipc=host), or train_data.num_workers=0"
    return [compared("memory", need, needs.batches, free, remedy)]


def _free_memory(device: torch.device) -> int | None:
    """Bytes that are free on the device; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return min([free, *_group_limit()])


def _group_limit() -> list[int]:
    """What a container may still take (Linux control groups, version 2)."""
    try:
        most, used = (
            Path("/sys/fs/cgroup", name).read_text().strip()
            for name in ("memory.max", "memory.current")
        )
    except OSError:
        return []
    return [] if most == "max" else [int(most) - int(used)]
