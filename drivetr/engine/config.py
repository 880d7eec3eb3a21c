"""Reads a config file: what may stand in it, and a sentence for every key that may not.

A config is a new-style Python file of mmengine (classes are imported, `with read_base():` brings in
another config, no functions or classes of its own). It is code: run only configs you trust.

    from drivetr.models.petr import PETR
    ...
    model = dict(
        type=PETR,
        backbone=dict(type=ResNet, depth=50, init=None),
        neck=dict(type=...),
    )

Every `dict(type=Class, key=value)` becomes `Class(key=value)`, innermost first, so constructors
receive built modules. Keys are checked against the constructor's signature. A list may hold such
dicts. The engine itself understands one more key in any of them, `init`: the path of weights that
are loaded into what was built, in any form that `drivetr convert` reads or writes, or a checkpoint
of `drivetr train`; of a larger model its part is taken (`drivetr.engine.pretrained`). `init=None`
says "this needs pretrained weights", and training refuses to start without a path unless
`--from-scratch` is given. A dict without `type` stays a dict.

Names a config may define (`*` must be there). Any other name has to be a helper that the same file
uses; one that nobody reads is refused with a hint:

    model *        model(*batch.inputs, [noised=...]) -> outputs or (outputs, memory); a batch of
                   camera frames has the inputs images, cameras and moments, one of single images
                   has images and padding_mask. One whose class says `streams = True` also gets
                   memory=, what it gave for the frame before
    postprocess *  postprocess(outputs, *batch.sizes) -> one prediction a sample
    criterion *    criterion(outputs, *batch.truth) -> dict of weighted losses; their sum is the
                   training loss
    denoising      None, or denoising(targets) -> what the detector takes as `noised` in training
    classes        names in the order of the labels; default: the ten of nuScenes detection, which
                   a NuScenesDataset always gives. Not handed to anything by itself: pass it to the
                   model as well. A test on COCO compares it with the annotation file
    train_data *   dict(type=NuScenesDataset, dataroot=..., version=..., split=..., transforms=[..],
    test_data *    batch_size=2, num_workers=2); a NuScenesDataset gets index=(dataroot, version)
                   and the rest, other classes the names that they take; batch_size is for each
                   process. The command line's --dataroot and --version replace the entries of both,
                   --split that of `train_data` in `drivetr train` and of `test_data` in `drivetr
                   test`
    optimizer *    dict(type=AdamW, lr=..., <its arguments>, module_lr=dict(backbone=0.1));
                   module_lr multiplies the rate of what is under that module of the detector
    schedule *     dict(epochs=24) or dict(iterations=28130), with warmup_iterations=500,
                   warmup_ratio=1/3, min_ratio=1e-3: linear warm-up, then a cosine down to
                   min_ratio of the rate; with drop_after=2/3 one drop to it after that share of
                   the run
    reference_batch_size  frames a step that `lr` and `iterations` were chosen for; with another
                   real number (batch_size x processes) the rate is scaled in proportion and
                   `iterations` inversely, and the log says so. None: nothing is scaled
    clip_norm      largest norm of the gradient, None for no limit; default 35
    ema            None, or dict(decay=0.999, warmup=True)
    amp            "off", "bf16" or "fp16"; --amp turns "off" into "bf16"
    seed           of everything random; default 0
    log_interval   iterations between two lines of the log; default 50
    checkpoint     dict(interval=1000, keep=2) in iterations; the last iteration is always saved
"""

import ast
import difflib
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

from drivetr.engine.checks import at_least
from drivetr.errors import DrivetrError
from drivetr.structures.classes import DETECTION_CLASSES

_NODES = (
    *("model", "postprocess", "criterion", "denoising", "train_data", "test_data"),
    *("optimizer", "schedule", "ema", "checkpoint"),
)


@dataclass(frozen=True)
class RunConfig:
    """What a config file says, classes resolved and nothing built; see the module's docstring."""

    file: Path
    model: dict[str, Any]
    postprocess: dict[str, Any]
    criterion: dict[str, Any]
    train_data: dict[str, Any]
    test_data: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    denoising: dict[str, Any] | None = None
    classes: tuple[str, ...] = DETECTION_CLASSES
    reference_batch_size: int | None = None
    clip_norm: float | None = 35.0
    ema: dict[str, Any] | None = None
    amp: str = "off"
    seed: int = 0
    log_interval: int = 50
    checkpoint: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks what is not checked where it is built.

        Raises:
            DrivetrError: an entry that should be a dict is none, or a number is out of range.
        """
        for f in fields(self):
            value = getattr(self, f.name)
            optional = f.default is None and value is None
            if f.name in _NODES and not optional and not isinstance(value, dict):
                raise DrivetrError(f"{self.file}: {f.name} is {value!r}, expected a dict")
        names = isinstance(self.classes, list | tuple) and all(
            isinstance(name, str) for name in self.classes
        )
        if not names:
            raise DrivetrError(f"{self.file}: classes is {self.classes!r}, expected names")
        try:
            at_least(self, reference_batch_size=1, clip_norm=0.0, seed=0, log_interval=1)
        except ValueError as error:
            raise DrivetrError(f"{self.file}: {error}") from error


def load_config(file: str | Path, options: dict[str, Any] | None = None) -> RunConfig:
    """Reads a config file, with `options` (see `parse_options`) put over what it says.

    Raises:
        DrivetrError: the file cannot be read, an import in it fails, or a key is not known.
    """
    file = Path(file)
    if not file.is_file():
        raise DrivetrError(f"config {file} does not exist")
    if file.suffix != ".py":
        raise DrivetrError(
            f"config {file} is not a Python file (.py), see drivetr/engine/config.py"
        )
    values = _read(file)
    known = [f.name for f in fields(RunConfig) if f.name != "file"]
    _refuse_dead_names(file, known)
    values = {key: value for key, value in values.items() if key in known}
    for key, value in (options or {}).items():
        _set(values, key, value, file)
    for key in values:
        if key not in known:
            raise DrivetrError(f"--cfg-options: unknown key {key!r}{suggestion(key, known)}")
    for f in fields(RunConfig)[1:]:
        if f.default is MISSING and f.default_factory is MISSING and f.name not in values:
            raise DrivetrError(
                f"config {file}: {f.name!r} is missing, see drivetr/engine/config.py"
            )
    return RunConfig(file=file, **values)


def _read(file: Path) -> dict[str, Any]:
    """All names of a config file and of those it builds on."""
    try:
        parsed = Config.fromfile(file, lazy_import=True)
        values: dict[str, Any] = _resolved(parsed._to_lazy_dict())
    except (ImportError, SyntaxError) as error:
        if getattr(error, "name", None) == "pkg_resources":  # where mmengine looks for packages
            raise DrivetrError(
                f"config {file}: `with read_base():` takes relative imports, such as `from"
                " ..petr.petr_point_synth import *`; found the name of a package"
            ) from error
        raise DrivetrError(f"config {file}: {error}") from error
    except Exception as error:  # mmengine raises its own kinds for what a config may not contain
        raise DrivetrError(f"config {file} cannot be read: {error}") from error
    return values


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """Turns `key=value` words of the command line into a dict from dotted key to value.

    A value is read as a Python literal; what is none stays a string.
    """
    options: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise DrivetrError(f"--cfg-options: {pair!r} is not of the form key=value")
        try:
            options[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):  # of nesting, both
            options[key] = text
    return options


def suggestion(name: str, known: list[str]) -> str:
    """`, did you mean 'x'?`, or the known names where none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f", did you mean {close[0]!r}?"
    return f" (known: {', '.join(known)})"


def _refuse_dead_names(file: Path, known: list[str]) -> None:
    """Refuses a name that is set in the file, means nothing to drivetr and is not used there."""
    tree = ast.parse(file.read_text())
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    for node in names:
        if isinstance(node.ctx, ast.Store) and node.id not in {*known, *read}:
            raise DrivetrError(
                f"config {file}, line {node.lineno}: nothing reads {node.id!r}"
                f"{suggestion(node.id, known)}"
            )


def _resolved(value: Any) -> Any:
    """A config value with the imports of the file carried out."""
    if isinstance(value, LazyObject | LazyAttr):
        return value.build()
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_resolved(item) for item in value)
    return value


def _set(values: dict[str, Any], dotted: str, value: Any, file: Path) -> None:
    """Sets one entry of a nested config; the way to it has to exist, digits count in lists."""
    node: Any = values
    *parents, last = dotted.split(".")
    for name in parents:
        if isinstance(node, list | tuple) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            hint = suggestion(name, list(node)) if isinstance(node, dict) else ""
            raise DrivetrError(f"--cfg-options {dotted}: config {file} has no {name!r} there{hint}")
    if last == "type":
        raise DrivetrError(f"--cfg-options {dotted}: a class is chosen in the config file only")
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise DrivetrError(f"--cfg-options {dotted}: config {file} has no dict there to change")


def with_dataset(
    config: RunConfig,
    dataroot: str | None,
    version: str | None,
    train_split: str | None = None,
) -> RunConfig:
    """The config on another dataset: root and version of both parts, split of the training."""
    shared = {"dataroot": dataroot, "version": version}
    given = {key: value for key, value in shared.items() if value is not None}
    split = {} if train_split is None else {"split": train_split}
    return replace(
        config,
        train_data={**config.train_data, **given, **split},
        test_data={**config.test_data, **given},
    )
