"""One door for the weights of others: account for every key, write plain files, load them again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.config import suggestion
from drivetr.engine.detector_folder import is_detector
from drivetr.engine.devices import choose_device
from drivetr.engine.sources import DESCRIPTION, WEIGHTS, Source, check_conversion, read_json
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text
from drivetr.models.layouts import layout_of
from drivetr.models.published import FAMILIES, PUBLISHED, Family, Settings
from drivetr.nn.weight_files import read_weights
from drivetr.nn.weights import LoadReport, load_weights

FORMAT = 1


def convert(source: Source, name: str, out: Path, given: Settings) -> LoadReport:
    """Writes `model.safetensors` and `config.json`, which `from_pretrained` reads.

    Args:
        source: of `drivetr.engine.sources.read_source`.
        name: of a published model, or of a family whose sizes the source tells.
        out: folder to write into.
        given: settings that overrule what name and source tell.

    Returns:
        what became of every key.

    Raises:
        DrivetrError: unknown name or setting, a setting that nothing tells, or weights that do not
            fit, or `out` is the source; nothing is written then.
    """
    check_conversion(source.path, out)
    family_name, family, published = _named(name)
    layout = layout_of(source.weights, family.layouts, source.path)
    where = f"{source.path} (layout of {layout.name})"
    try:
        state = layout.translate(source.weights)
    except DrivetrError as error:
        raise DrivetrError(f"{where}: {error}") from error
    told = _told_by_weights(family_name, state, where)
    settings = _settled(source, (family_name, published), told, given)
    _check_sizes(settings, told, f"{where} as {name}")
    model, report = _assembled(family_name, settings, state, where, layout.dropped(source.weights))
    with atomic_path(out / WEIGHTS) as path:
        save_file({key: t.contiguous() for key, t in model.state_dict().items()}, path)
    description = {
        "format": FORMAT, "family": family_name, "name": name, "settings": settings,
        "source": source.path.name, "layout": layout.name,
    }  # fmt: skip
    with atomic_text(out / DESCRIPTION) as file:
        json.dump(description, file, indent=1)
        file.write("\n")
    return report


def _named(name: str) -> tuple[str, Family, Settings | None]:
    if name in FAMILIES:
        return name, FAMILIES[name], None
    if name not in PUBLISHED:
        known = [*PUBLISHED, *FAMILIES]
        raise DrivetrError(
            f"there is no model named {name!r}{suggestion(name, known)}; `drivetr convert --list`"
            " prints all names"
        )
    family, settings = PUBLISHED[name]
    return family, FAMILIES[family], settings


def _told_by_weights(family: str, state: Mapping[str, Tensor], where: str) -> Settings:
    try:
        return FAMILIES[family].told_by_weights(state)
    except KeyError as error:
        raise DrivetrError(f"{where}: no {family}, there is no entry {error}") from error
    except (ValueError, IndexError, ArithmeticError) as error:
        raise DrivetrError(f"{where}: no {family} has such shapes ({error})") from error


def _settled(
    source: Source, named: tuple[str, Settings | None], told: Settings, given: Settings
) -> Settings:
    """All settings: those of the name, else of the config, else of the weights; then the given."""
    name, published = named
    family = FAMILIES[name]
    if published is not None:
        settings = published | {key: told[key] for key in family.free}
    else:
        settings = told | _told_by_config(source, name)
    known = {*settings, *family.untold}
    for key in given:
        if key not in known:
            raise DrivetrError(
                f"--set {key}: {name} has no such setting{suggestion(key, [*known])}"
            )
    settings = settings | given
    missing = [key for key in family.untold if key not in settings]
    if missing:
        raise DrivetrError(
            f"{source.path}: a bare state dict does not tell {', '.join(missing)}; give"
            f" {' '.join(f'--set {key}=...' for key in missing)}, or the name of a published model"
        )
    return settings


def _told_by_config(source: Source, name: str) -> Settings:
    if source.config is None:
        return {}
    try:
        return FAMILIES[name].told_by_config(source.config)
    except (ValueError, TypeError, AttributeError) as error:
        raise DrivetrError(f"{source.path}/{DESCRIPTION}: describes no {name}: {error}") from error


def _check_sizes(settings: Settings, told: Settings, where: str) -> None:
    """Refuses sizes that are not those of the weights, before anything of them is built."""
    wrong = [key for key in told if settings.get(key) != told[key]]
    if wrong:
        found = ", ".join(f"{key} {settings.get(key)!r} (weights: {told[key]!r})" for key in wrong)
        raise DrivetrError(f"{where}: expected the sizes of the weights, found {found}")


def _assembled(
    family: str, settings: Settings, state: Mapping[str, Tensor], where: str,
    left_out: Mapping[str, str] | None = None,
) -> tuple[nn.Module, LoadReport]:  # fmt: skip
    """The model with its weights; one without memory is tried first, so that nothing is wasted."""
    try:
        with torch.device("meta"):
            skeleton = FAMILIES[family].build(settings)
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError) as error:
        raise DrivetrError(f"{where}: no {family} can be built from {settings}: {error}") from error
    try:
        load_weights(skeleton, state)
        model = FAMILIES[family].build(settings)
        return model, load_weights(model, state, left_out=left_out)
    except DrivetrError as error:
        raise DrivetrError(f"{where}: {error}") from error


def from_pretrained(folder: str | Path, device: str | None = None) -> nn.Module | LoadedDetector:
    """What `drivetr convert` wrote into `folder`, in evaluation mode.

    Args:
        folder: of `drivetr convert`.
        device: `cpu`, `cuda` or `cuda:N`; None for the best there is with a 3D detector, and for
            the CPU with other models.

    Returns:
        a model; for a 3D detector one with what belongs to it, its transforms and its decoding.

    Raises:
        DrivetrError: files that are absent, damaged or not of this format, or no such device.
    """
    folder = Path(folder)
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DrivetrError(f"{folder} has no {DESCRIPTION}; `drivetr convert` writes such folders")
    description = read_json(path)
    if is_detector(description):
        return load_detector(folder, device)
    family, settings = _described(path, description)
    state = read_weights(folder / WEIGHTS)
    told = _told_by_weights(family, state, str(folder))
    _check_sizes(settings, told, str(path))
    model = _assembled(family, settings, state, str(folder))[0].eval()
    return model if device is None else model.to(choose_device(device))


def _described(path: Path, description: Mapping[str, Any]) -> tuple[str, Settings]:
    family, settings = description.get("family"), description.get("settings")
    if description.get("format") != FORMAT or family not in [*FAMILIES]:
        raise DrivetrError(
            f"{path}: found format {description.get('format')!r} and family {family!r}, expected"
            f" {FORMAT} and one of {', '.join(FAMILIES)}; `drivetr convert` writes such files"
        )
    if not isinstance(settings, dict):
        raise DrivetrError(f"{path}: has no settings (name to value); convert the weights again")
    return str(family), settings
