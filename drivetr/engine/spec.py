"""What rebuilds a detector from its checkpoint: data whose names resolve in a fixed table."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.config import RunConfig
from drivetr.engine.registry import from_data, to_data
from drivetr.errors import DrivetrError


@dataclass(frozen=True)
class DetectorSpec:
    """The parts of a config that inference needs, classes resolved and nothing built.

    Attributes:
        model: the detector.
        postprocess: what turns its outputs into `Detections`.
        test_data: the dataset, its transforms and the loader's numbers.
        classes: names in the order of the labels.
        source: config file or checkpoint it comes from.
    """

    model: dict[str, Any]
    postprocess: dict[str, Any]
    test_data: dict[str, Any]
    classes: tuple[str, ...]
    source: str

    @staticmethod
    def of_config(config: RunConfig) -> "DetectorSpec":
        """The spec of what a config trains."""
        return DetectorSpec(
            config.model,
            config.postprocess,
            config.test_data,
            tuple(config.classes),
            str(config.file),
        )

    def to_data(self) -> dict[str, Any]:
        """JSON-like data for a checkpoint, without paths to pretrained weights."""
        return {
            "model": without_init(to_data(self.model)),
            "postprocess": to_data(self.postprocess),
            "test_data": to_data(self.test_data),
            "classes": list(self.classes),
        }

    @staticmethod
    def from_data(data: Any, source: str) -> "DetectorSpec":
        """What `to_data` wrote; refuses names that are not drivetr's own."""
        try:
            model, postprocess, test_data = (
                from_data(data[key], source) for key in ("model", "postprocess", "test_data")
            )
            return DetectorSpec(model, postprocess, test_data, tuple(data["classes"]), source)
        except (KeyError, TypeError) as error:
            raise DrivetrError(f"{source}: its description of the model is damaged") from error

    def build_detector(self) -> tuple[nn.Module, Any]:
        """The detector, with fresh weights, and its postprocess."""
        builder = Builder(self.source)
        detector = builder.build(self.model, "model")
        return detector, builder.build(self.postprocess, "postprocess")


def without_init(value: Any) -> Any:
    """The same data with every `init` of a `dict(type=...)` taken out."""
    if isinstance(value, dict):
        return {
            key: without_init(item)
            for key, item in value.items()
            if key != "init" or "type" not in value
        }
    if isinstance(value, list | tuple):
        return type(value)(without_init(item) for item in value)
    return value
