"""What rebuilds a detector from its checkpoint: data whose names resolve in a fixed table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from drivetr.engine.build import Builder
from drivetr.engine.config import RunConfig
from drivetr.engine.registry import from_data, to_data
from drivetr.engine.within_weights import within_weights
from drivetr.errors import DrivetrError
from drivetr.nn.weights import load_weights


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
            classes = tuple(data["classes"])
            dicts = all(isinstance(part, dict) for part in (model, postprocess, test_data))
            if dicts and all(isinstance(name, str) for name in classes):
                return DetectorSpec(model, postprocess, test_data, classes, source)
        except (KeyError, TypeError, RecursionError) as error:
            raise DrivetrError(f"{source}: its description of the model is damaged") from error
        raise DrivetrError(f"{source}: its description of the model is damaged")

    def build_detector(self) -> tuple[nn.Module, Any]:
        """The detector, with fresh weights, and its postprocess."""
        builder = Builder(self.source)
        detector = builder.build(self.model, "model")
        postprocess = builder.build(self.postprocess, "postprocess")
        if not isinstance(detector, nn.Module) or not callable(postprocess):
            raise DrivetrError(
                f"{self.source}: model or postprocess is no dict(type=...); found"
                f" {type(detector).__name__} and {type(postprocess).__name__}"
            )
        return detector, postprocess

    def check_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Refuses weights of another model before anything of it is in memory.

        Raises:
            DrivetrError: names or shapes differ, or the description is of a far larger model.
        """
        with within_weights(weights, self.source):
            skeleton, _ = self.build_detector()
        try:
            load_weights(skeleton, weights)
        except DrivetrError as error:
            raise DrivetrError(f"{self.source}: {error}") from error


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
