"""Every config of the repository: it can be read, every key means something, everything builds."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from drivetr.engine.build import Builder
from drivetr.engine.checkpoint import CheckpointSettings
from drivetr.engine.config import RunConfig, load_config
from drivetr.engine.ema import EmaSettings
from drivetr.engine.loaders import LoaderSettings, TrainLoaderSettings
from drivetr.engine.optim import build_optimizer
from drivetr.engine.schedule import Schedule
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import DetectorTraining, has_memory

ROOT = Path(__file__).parents[2]
# What several configs share is in `_base_` and no config of its own.
CONFIGS = sorted(p for p in (ROOT / "configs").rglob("*.py") if p.parent.name != "_base_")


@pytest.fixture(params=CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def config(request: pytest.FixtureRequest) -> RunConfig:
    return load_config(request.param)


def build_without_data(node: dict[str, Any], where: str) -> dict[str, Any]:
    """What the dataset's class would get, its arguments checked and its transforms built."""

    def dataset(**arguments: Any) -> dict[str, Any]:
        return arguments

    dataset.__signature__ = inspect.signature(node["type"])  # type: ignore[attr-defined]
    kind = TrainLoaderSettings if where == "train_data" else LoaderSettings
    loader = {field.name for field in fields(kind)}
    rest = {k: v for k, v in node.items() if k not in {"type", *loader}}
    if "index" in inspect.signature(node["type"]).parameters:
        rest["index"] = (rest.pop("dataroot"), rest.pop("version"))
    built: dict[str, Any] = Builder(where).call(dataset, rest, where)
    return built


def test_there_are_configs() -> None:
    assert CONFIGS


def test_everything_builds(config: RunConfig) -> None:
    builder = Builder(config.file)
    model = DetectorTraining(
        builder.build(config.model, "model"),
        builder.build(config.criterion, "criterion"),
        builder.build(config.denoising, "denoising"),
    )
    assert config.train_data.get("streaming") or not has_memory(model.detector)
    optimizer = build_optimizer(model, config.optimizer, 1.0, config.file)
    grouped = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert grouped == {id(p) for p in model.parameters() if p.requires_grad}

    # And so does a checkpoint's description, without the config.
    data = DetectorSpec.of_config(config).to_data()
    detector, postprocess = DetectorSpec.from_data(data, "checkpoint").build_detector()
    assert list(detector.state_dict()) == list(model.detector.state_dict())
    assert callable(postprocess)


def test_settings(config: RunConfig) -> None:
    builder = Builder(config.file)
    schedule = builder.call(Schedule, config.schedule, "schedule")
    total = schedule.total(num_samples=1000, frames_per_step=8, scale=1.0)
    assert schedule.factor(total - 1, total) < schedule.factor(total // 2, total) <= 1
    builder.call(CheckpointSettings, config.checkpoint, "checkpoint")
    if config.ema is not None:
        builder.call(EmaSettings, config.ema, "ema")
    assert config.amp in ("off", "bf16", "fp16")


def test_data(config: RunConfig) -> None:
    for node, where in ((config.train_data, "train_data"), (config.test_data, "test_data")):
        built = build_without_data(node, where)
        assert all(callable(transform) for transform in built.get("transforms", ()))
    if "transforms" in inspect.signature(config.test_data["type"]).parameters:
        assert build_without_data(config.test_data, "test_data")["transforms"]
