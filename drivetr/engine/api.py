"""Trained detectors for use: load one from a checkpoint, give it frames, take detections."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import read_checkpoint
from drivetr.engine.config import RunConfig
from drivetr.engine.devices import choose_device
from drivetr.engine.loaders import batches, build_dataset, loader_for_testing
from drivetr.engine.spec import DetectorSpec
from drivetr.errors import DrivetrError
from drivetr.nn.weights import load_weights
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Batch, Frame, collate_frames


@dataclass(frozen=True)
class LoadedDetector:
    """A trained detector in evaluation mode.

    Attributes:
        detector: on `device`, with averaged weights where the training had them.
        postprocess: turns its outputs into detections.
        spec: what it was built from, with the transforms its frames need (`spec.test_data`).
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
    def predict(self, batch: Batch) -> list[Detections]:
        """Detections of each frame of a batch, on the CPU."""
        batch = batch.to(self.device)
        outputs, _ = self.detector(batch.images, batch.cameras)
        found: list[Detections] = self.postprocess(outputs)
        return [detections.to("cpu") for detections in found]

    def predict_frames(self, frames: Iterable[Frame]) -> Iterator[Detections]:
        """Detections of frames, one after the other; the frames went through the transforms."""
        for frame in frames:
            yield self.predict(collate_frames([frame]))[0]

    def dataset(
        self,
        dataroot: str | Path | None = None,
        version: str | None = None,
        split: str | None = None,
    ) -> Any:
        """The dataset of the spec with its transforms; names that are given replace the spec's."""
        return build_dataset(
            self._test_data(dataroot, version, split), "test_data", Builder(self.spec.source)
        )[0]

    def predictions(
        self,
        dataroot: str | Path | None = None,
        version: str | None = None,
        split: str | None = None,
    ) -> tuple[int, Iterator[tuple[Frame, Detections]]]:
        """All frames of a split with their detections.

        Returns:
            number of frames, and an iterator over (frame without images, detections).
        """
        node = self._test_data(dataroot, version, split)
        dataset, settings = build_dataset(node, "test_data", Builder(self.spec.source))
        return len(dataset), self._stream(loader_for_testing(dataset, settings, self.device))

    def _stream(self, loader: Iterable[Any]) -> Iterator[tuple[Frame, Detections]]:
        for batch in batches(loader):
            yield from zip(batch.frames, self.predict(batch), strict=True)

    def _test_data(
        self, dataroot: str | Path | None, version: str | None, split: str | None
    ) -> dict[str, Any]:
        names = {"dataroot": dataroot, "version": version, "split": split}
        return {**self.spec.test_data, **{k: v for k, v in names.items() if v is not None}}


def load_detector(
    checkpoint: str | Path, device: str | None = None, config: RunConfig | None = None
) -> LoadedDetector:
    """Loads what `drivetr train` saved.

    Args:
        checkpoint: its path.
        device: name of the device, None for the best there is.
        config: builds the detector from this config; without it the checkpoint's own description
            is used, whose names resolve in `drivetr.engine.registry` only.

    Raises:
        DrivetrError: the file is damaged or holds code, or does not fit the config.
    """
    content = read_checkpoint(checkpoint)
    chosen = choose_device(device)
    if config is None:
        spec = DetectorSpec.from_data(content["spec"], str(checkpoint))
    else:
        spec = replace(DetectorSpec.of_config(config), source=f"{config.file} with {checkpoint}")
    detector, postprocess = spec.build_detector()
    weights = content["model"] if content["ema"] is None else content["ema"]
    start = "detector."
    weights = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
    try:
        load_weights(detector, weights)
    except DrivetrError as error:
        raise DrivetrError(f"{spec.source}: {error}") from error
    return LoadedDetector(detector.eval().to(chosen), postprocess, spec, chosen)
