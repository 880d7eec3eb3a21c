"""Trained models for use: load one from a checkpoint, give it samples, take predictions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import read_checkpoint
from drivetr.engine.config import RunConfig
from drivetr.engine.detector_folder import read_detector
from drivetr.engine.devices import choose_device
from drivetr.engine.loaders import (
    LoaderSettings,
    batches,
    build_dataset,
    in_order,
    loader_for_testing,
)
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import answer, has_memory
from drivetr.errors import DrivetrError
from drivetr.nn.weights import load_weights
from drivetr.structures.batch import ModelBatch
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame, collate_frames
from drivetr.structures.stream_memory import StreamMemory

# Batches that belong together, each as the places of its samples in the dataset.
Unit = list[list[int]]


@dataclass(frozen=True)
class LoadedDetector:
    """A trained model in evaluation mode.

    Attributes:
        detector: on `device`, with averaged weights where the training had them.
        postprocess: turns its outputs into predictions.
        spec: what it was built from, with the transforms its samples need (`spec.test_data`).
        device: where it runs.
    """

    detector: nn.Module
    postprocess: Any
    spec: DetectorSpec
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the labels."""
        return self.spec.classes

    @torch.no_grad()
    def step(
        self, batch: ModelBatch, memory: StreamMemory | None = None
    ) -> tuple[list[Any], StreamMemory | None]:
        """The prediction of each sample of a batch, on the CPU, and the memory for the next one.

        A pure function; `memory` is None before the first batch, and with models that have none.
        """
        batch = batch.to(self.device)
        outputs, memory = answer(self.detector, batch, memory)
        found = self.postprocess(outputs, *batch.sizes)
        return [prediction.to("cpu") for prediction in found], memory

    def predict_frames(self, frames: Iterable[Frame]) -> Iterator[Detections]:
        """Detections of frames, one after the other; the frames went through the transforms.

        A model with a memory remembers the frame before where one goes on from the other.
        """
        stream = FrameStream(self)
        for frame in frames:
            yield stream.next(frame)

    def dataset(
        self,
        dataroot: str | Path | None = None,
        version: str | None = None,
        split: str | None = None,
    ) -> Any:
        """The dataset of the spec with its transforms; names that are given replace the spec's."""
        return self.open(dataroot, version, split)[0]

    def open(
        self,
        dataroot: str | Path | None = None,
        version: str | None = None,
        split: str | None = None,
    ) -> tuple[Any, LoaderSettings]:
        """As `dataset`, and how to load it."""
        names = {"dataroot": dataroot, "version": version, "split": split}
        node = {**self.spec.test_data, **{k: v for k, v in names.items() if v is not None}}
        return build_dataset(node, "test_data", Builder(self.spec.source), LoaderSettings)

    def units(self, dataset: Any, settings: LoaderSettings) -> list[Unit]:
        """The whole dataset in parts whose predictions do not depend on each other, in order.

        They are single batches; with a memory, which gets frames one by one whatever batch size the
        settings say, they are unbroken runs of frames.
        """
        if not has_memory(self.detector):
            return [[places] for places in in_order(len(dataset), settings.batch_size)]
        runs = dataset.sequences() if hasattr(dataset, "sequences") else [range(len(dataset))]
        return [[[place] for place in run] for run in runs]

    def predictions(
        self, dataset: Any, settings: LoaderSettings, units: list[Unit] | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """The samples of a dataset, without their images, with their predictions.

        Args:
            dataset: with the transforms of the spec.
            settings: how to load it.
            units: of `units(dataset, settings)` those to predict; None for all.
        """
        units = self.units(dataset, settings) if units is None else units
        places = [batch for unit in units for batch in unit]
        starts = {unit[0][0] for unit in units}
        memory = None
        loader = batches(loader_for_testing(dataset, settings, self.device, places))
        for (place, *_), batch in zip(places, loader, strict=True):
            # Not even the numbers of queries count on from what was predicted before.
            found, memory = self.step(batch, None if place in starts else memory)
            yield from zip(batch.samples, found, strict=True)


class FrameStream:
    """A detector that is given one frame after the other.

    Args:
        loaded: the detector, with or without a memory.
    """

    def __init__(self, loaded: LoadedDetector) -> None:
        self._loaded = loaded
        self._memory: StreamMemory | None = None
        self._last: Frame | None = None

    def next(self, frame: Frame) -> Detections:
        """Detections of a frame that went through the transforms; any frame may come at any time.

        What was seen before counts only where the frame goes on from the one that came last.
        """
        frame = replace(frame, continues=frame.goes_on_from(self._last))
        batch = collate_frames([frame])
        (found,), self._memory = self._loaded.step(batch, self._memory)
        self._last = batch.frames[0]  # without its images
        return found


def load_detector(
    checkpoint: str | Path, device: str | None = None, config: RunConfig | None = None
) -> LoadedDetector:
    """Loads what `drivetr train` saved or `drivetr convert` wrote.

    Args:
        checkpoint: path of a checkpoint, or of a folder with a converted detector.
        device: name of the device, None for the best there is.
        config: builds the detector from this config; without it the checkpoint's own description
            is used, whose names resolve in `drivetr.engine.registry` only.

    Raises:
        DrivetrError: the file is damaged or holds code, or does not fit the config.
    """
    chosen = choose_device(device)
    read = read_detector if Path(checkpoint).is_dir() else _read_training
    description, weights = read(Path(checkpoint))
    if config is None:
        spec = DetectorSpec.from_data(description, str(checkpoint))
    else:
        spec = replace(DetectorSpec.of_config(config), source=f"{config.file} with {checkpoint}")
    if config is None:  # a description from anywhere
        spec.check_weights(weights)
    detector, postprocess = spec.build_detector()
    try:
        load_weights(detector, weights)
    except DrivetrError as error:
        hint = "" if config is None else f"\nwithout a config {checkpoint} builds its own model"
        raise DrivetrError(f"{spec.source}: {error}{hint}") from error
    return LoadedDetector(detector.eval().to(chosen), postprocess, spec, chosen)


def _read_training(path: Path) -> tuple[Any, dict[str, Tensor]]:
    """Description and weights of a checkpoint of `drivetr train`, averaged where it has some."""
    content = read_checkpoint(path)
    weights: Any = content.get("model") if content.get("ema") is None else content["ema"]
    start = "detector."
    try:
        own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
    except AttributeError as error:
        raise DrivetrError(f"checkpoint {path} holds no weights by name; give another") from error
    if not all(isinstance(value, Tensor) for value in own.values()):
        raise DrivetrError(f"checkpoint {path} holds something else than tensors; give another")
    return content["spec"], own
