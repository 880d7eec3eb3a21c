"""Published checkpoints of 3D detectors, brought into a folder that drivetr loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from drivetr.engine.box_conventions import CONVENTIONS, check_convention, with_convention
from drivetr.engine.build import Builder
from drivetr.engine.config import RunConfig, load_config, suggestion
from drivetr.engine.detector_folder import Origin, sha256_of, write_detector
from drivetr.engine.sources import Source, check_conversion
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.zoo import PublishedDetector, published_detectors
from drivetr.errors import DrivetrError
from drivetr.models.layouts import layout_of
from drivetr.models.manifest import compare_with_manifest, read_manifest
from drivetr.models.multi_view import MultiViewDetector
from drivetr.models.petr_layouts import HEAD, PETR_LAYOUTS
from drivetr.models.published import FAMILIES, PUBLISHED
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.weights import LoadReport, load_weights

# What only a training needs: published beginning of the names, own beginning, what it is.
_AUXILIARY = ("img_roi_head.", "focal.", "a head of 2D boxes for training, which the config lacks")
_MOST_DIFFERENCE = 1e-4  # of a setting, beside the rounding of the file's numbers


@dataclass(frozen=True)
class Target:
    """What a checkpoint is converted to.

    Attributes:
        config: defines the detector.
        published: the entry that names it, None for a config of one's own.
    """

    config: RunConfig
    published: PublishedDetector | None = None

    @property
    def name(self) -> str:
        """Name of the published model, or of the config's file."""
        return self.config.file.stem if self.published is None else self.published.name

    @property
    def conventions(self) -> tuple[str, ...]:
        """Box conventions that may be named."""
        return (*CONVENTIONS,) if self.published is None else self.published.box_conventions


def find_target(model: str | None, config: str | None) -> Target | None:
    """What the command line names; None for the name of a 2D model.

    Raises:
        DrivetrError: there is no model of that name, or the config cannot be read.
    """
    if config is not None:
        return Target(load_config(config))
    if model is None or model in PUBLISHED or model in FAMILIES:
        return None
    detectors = published_detectors()
    if model not in detectors:
        known = [*detectors, *PUBLISHED, *FAMILIES]
        raise DrivetrError(
            f"there is no model named {model!r}{suggestion(model, known)}; `drivetr convert --list`"
            " prints all names"
        )
    return Target(load_config(detectors[model].config), detectors[model])


def listed_names() -> list[str]:
    """Every name that `drivetr convert --model` takes, with what is to be said about it."""
    names = [*PUBLISHED, *(f"{name} (sizes from the source)" for name in FAMILIES)]
    try:
        detectors = published_detectors()
    except DrivetrError as error:
        return [*names, f"(no 3D detectors: {error})"]
    return names + [
        f"{d.name} (--box-convention {' or '.join(d.box_conventions)}; keys {d.keys})"
        for d in detectors.values()
    ]


def convert_detector(
    source: Source, target: Target, box_convention: str | None, out: Path
) -> LoadReport:
    """Writes `model.safetensors` and `config.json`, which `drivetr.from_pretrained` reads.

    Args:
        source: the checkpoint.
        target: what it should become.
        box_convention: that the checkpoint was trained in.
        out: folder to write into.

    Returns:
        what became of every key.

    Raises:
        DrivetrError: no or a wrong convention, names or shapes that are not those of the published
            model or do not fit the config, settings in the file that contradict it, or `out`
            holds the source; nothing is written then.
    """
    check_conversion(source.path, out)
    convention = check_convention(box_convention, target.conventions, target.name)
    model = with_convention(target.config.model, convention, target.config.file)
    spec = replace(DetectorSpec.of_config(target.config), model=model)
    detector, _ = spec.build_detector()
    kept, left_out = _without_auxiliary(source.weights, detector)
    if target.published is not None:
        _check_manifest(kept, target.published, f"{source.path} as {target.name}")
    layout = layout_of(kept, PETR_LAYOUTS, source.path)
    where = f"{source.path} (layout of {layout.name}) as {target.name}"
    _check_settings(kept, detector, target.config, where)
    try:
        state = layout.translate(kept)
        report = load_weights(detector, state, left_out={**layout.dropped(kept), **left_out})
    except DrivetrError as error:
        raise DrivetrError(f"{where}: {error}") from error
    origin = Origin(
        name=target.name,
        source=source.path.name,
        sha256=sha256_of(source.path),
        weights=source.told,
        layout=layout.name,
        box_convention=convention,
        keys="not verified" if target.published is None else target.published.keys,
    )
    write_detector(out, detector, spec, origin)
    return report


def _without_auxiliary(
    weights: Mapping[str, Tensor], detector: nn.Module
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights that the detector has a place for, and the reason for each of the others."""
    theirs, ours, reason = _AUXILIARY
    if any(name.startswith(ours) for name in detector.state_dict()):
        return dict(weights), {}
    kept = {key: t for key, t in weights.items() if not key.startswith(theirs)}
    return kept, {key: reason for key in weights if key not in kept}


def _check_manifest(
    weights: Mapping[str, Tensor], published: PublishedDetector, where: str
) -> None:
    """Refuses names and shapes that are not those of the published model."""
    if not published.parts:
        return
    report = compare_with_manifest(weights, read_manifest(published.parts, published.sizes))
    if not report.complete:
        raise DrivetrError(
            f"{where}: names and shapes are not those that were published; give the checkpoint of"
            f" this model, or your own config, --config FILE:\n{report}"
        )


def _check_settings(
    weights: Mapping[str, Tensor], detector: nn.Module, config: RunConfig, where: str
) -> None:
    """Refuses settings that lie among the weights and contradict the config."""
    for name, own in _own_settings(detector, config).items():
        found = weights.get(HEAD + name)
        if found is None:
            continue
        expected = torch.as_tensor(own, dtype=torch.float64)
        if found.shape != expected.shape or not _is_near(found, expected):
            raise DrivetrError(
                f"{where}: {HEAD}{name} is {_rounded(found)}, but {config.file} has"
                f" {_rounded(expected)}; give the config that this checkpoint was trained with"
            )


def _own_settings(detector: nn.Module, config: RunConfig) -> dict[str, Sequence[float] | Tensor]:
    """What the config says where published heads keep settings among their weights."""
    own: dict[str, Any] = {}
    for module in detector.modules():
        if isinstance(module, MultiViewDetector):
            own["pc_range"] = module.span
        elif isinstance(module, FrustumPositionEncoding):
            own |= {"position_range": module.position_range, "coords_d": module.depths}
    criterion = Builder(config.file).build(config.criterion, "criterion")
    weights = {
        "code_weights": getattr(criterion, "code_weights", None),
        "match_costs": getattr(getattr(criterion, "matcher", None), "code_weights", None),
    }
    return own | {name: values for name, values in weights.items() if values is not None}


def _is_near(found: Tensor, expected: Tensor) -> bool:
    """Whether numbers of a file are those of the config, in the precision of the file."""
    rounding = torch.finfo(found.dtype).eps if found.is_floating_point() else 0.0
    limit = _MOST_DIFFERENCE + rounding * expected.abs()
    return bool(((found.double() - expected).abs() <= limit).all())


def _rounded(values: Tensor) -> list[float]:
    return [round(number, 4) for number in values.double().flatten().tolist()]
