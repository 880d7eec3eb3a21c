"""Turns nested `dict(type=Class, key=value)` into objects, with a sentence for every wrong key."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from drivetr.engine.config import suggestion
from drivetr.engine.pretrained import load_part
from drivetr.engine.sources import read_source
from drivetr.errors import DrivetrError
from drivetr.nn.weights import MisfitError

# What constructors, torch's among them, raise for values that mean nothing or fit nowhere.
_REFUSALS = (
    *(ValueError, TypeError, RuntimeError, ArithmeticError, LookupError),
    *(AttributeError, AssertionError, MemoryError),
)


@dataclass
class Builder:
    """Builds what one config describes.

    Attributes:
        source: name of the config file or checkpoint, for messages.
        load_init: whether `init` paths are loaded; False where trained weights follow anyway.
        from_scratch: with `load_init`, accepts `init=None`.
        allow_head_mismatch: with `load_init`, accepts heads of other classes, which start afresh.
        reports: one line for each state dict that was loaded.
    """

    source: str | Path
    load_init: bool = False
    from_scratch: bool = False
    allow_head_mismatch: bool = False
    reports: list[str] = field(default_factory=list)

    def build(self, node: Any, where: str) -> Any:
        """The object that `node` describes.

        Args:
            node: a dict with `type`, or a list, tuple, dict or plain value that may contain some.
            where: dotted path of `node` in the config, for messages.

        Raises:
            DrivetrError: a key that the class does not take, one that it needs, a value that it
                refuses, or missing pretrained weights.
        """
        if isinstance(node, list | tuple):
            return type(node)(self.build(item, f"{where}.{i}") for i, item in enumerate(node))
        if not isinstance(node, dict):
            return node
        if "type" not in node:
            return {key: self.build(item, f"{where}.{key}") for key, item in node.items()}
        return self.call(node["type"], {k: v for k, v in node.items() if k != "type"}, where)

    def call(self, cls: Callable[..., Any], arguments: dict[str, Any], where: str) -> Any:
        """`cls(**arguments)` with the arguments checked and built first."""
        if not callable(cls):
            raise DrivetrError(f"{self.source}: {where}.type is {cls!r}, not a class")
        parameters = inspect.signature(cls).parameters
        wants_init = "init" in arguments and "init" not in parameters
        given = {key: value for key, value in arguments.items() if key != "init" or not wants_init}
        self._check(cls, parameters, given, where)
        built = {key: self.build(value, f"{where}.{key}") for key, value in given.items()}
        self._check_modules(cls, parameters, built, where)
        try:
            made = cls(**built)
        except _REFUSALS as error:
            raise DrivetrError(f"{self.source}: {where}: {error}") from error
        if wants_init and self.load_init:
            self._load(made, arguments["init"], where)
        return made

    def _check(self, cls: Any, parameters: Any, arguments: dict[str, Any], where: str) -> None:
        """Refuses keys that the class does not take and names those that it needs."""
        kinds = [p.kind for p in parameters.values()]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names = [name for name, parameter in parameters.items() if parameter.kind in named]
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            for key in arguments:
                if key not in names:
                    raise DrivetrError(
                        f"{self.source}: {cls.__name__} at {where} has no argument {key!r}"
                        f"{suggestion(key, names)}"
                    )
        missing = [n for n in names if parameters[n].default is inspect.Parameter.empty]
        for name in missing:
            if name not in arguments:
                raise DrivetrError(f"{self.source}: {cls.__name__} at {where} needs {name!r}")

    def _check_modules(self, cls: Any, parameters: Any, built: Any, where: str) -> None:
        """Refuses a plain value where the signature asks for a module."""
        for name, value in built.items():
            annotation = getattr(parameters.get(name), "annotation", None)
            wanted = [
                kind
                for kind in (typing.get_args(annotation) or (annotation,))
                if inspect.isclass(kind) and issubclass(kind, nn.Module)
            ]
            if wanted and value is not None and not isinstance(value, nn.Module):
                raise DrivetrError(
                    f"{self.source}: {where}.{name} is {value!r}, expected dict(type=...) of a"
                    f" {wanted[0].__name__}"
                )

    def _load(self, module: nn.Module, path: str | None, where: str) -> None:
        """Loads pretrained weights into a fresh module, strictly and with a report."""
        if path is None:
            if not self.from_scratch:
                raise DrivetrError(
                    f"{self.source}: {where} needs pretrained weights: --cfg-options"
                    f" {where}.init=PATH (weights of the same architecture), or --from-scratch"
                )
            return
        try:
            report = load_part(module, read_source(Path(path)), self.allow_head_mismatch)
        except DrivetrError as error:
            other_classes = isinstance(error, MisfitError) and error.only_outputs
            hint = "\n--allow-head-mismatch starts these layers afresh" if other_classes else ""
            raise DrivetrError(f"{self.source}: {where}.init={path}: {error}{hint}") from error
        self.reports.append(f"{where}.init={path}:\n{report}")
