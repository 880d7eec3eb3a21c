"""One door for the weights of others: read safely, account for every key, write plain files."""

import json
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from drivetr.engine.config import suggestion
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text
from drivetr.models.layouts import layout_of
from drivetr.models.published import FAMILIES, PUBLISHED, Family, Settings
from drivetr.nn.weights import LoadReport, load_weights, read_weights

FORMAT = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"


@dataclass(frozen=True)
class Source:
    """What a published file or folder holds.

    Attributes:
        path: as the user gave it.
        weights: published name to tensor.
        config: content of a Hugging Face `config.json`, None where there is none.
    """

    path: Path
    weights: dict[str, Tensor]
    config: dict[str, Any] | None = None


def read_source(path: Path, allow_torchscript: bool = False) -> Source:
    """Reads a published model without running any of its code.

    Args:
        path: a `.safetensors`, `.pth`, `.pt`, `.bin` or `.npz` file, or a Hugging Face folder with
            `config.json` and `model.safetensors`.
        allow_torchscript: also read TorchScript archives, which carry code that loading runs.

    Raises:
        DrivetrError: absent, damaged, of another kind, or a TorchScript archive.
    """
    if path.is_dir():
        description, weights = path / "config.json", path / "model.safetensors"
        for file in (description, weights):
            if not file.is_file():
                raise DrivetrError(
                    f"{path} has no {file.name}; expected a Hugging Face folder with config.json"
                    " and model.safetensors, or the path of a weight file"
                )
        return Source(path, read_weights(weights), _read_json(description))
    if path.suffix == ".npz":
        return Source(path, _read_npz(path))
    if path.is_file() and _is_torchscript(path):
        return Source(path, _read_torchscript(path, allow_torchscript))
    return Source(path, read_weights(path))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DrivetrError(f"{path}: is not valid JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise DrivetrError(f"{path}: found a {type(content).__name__}, expected an object")
    return content


def _read_npz(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DrivetrError(f"{path}: there is no such weight file; download it or mend the path")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise DrivetrError(f"{path}: is no archive of plain arrays ({error})") from error


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _read_torchscript(path: Path, allowed: bool) -> dict[str, Tensor]:
    if not allowed:
        raise DrivetrError(
            f"{path}: is a TorchScript archive, whose code runs when it is loaded; where you trust"
            " the file, pass --allow-torchscript"
        )
    warnings.warn(f"loading {path} runs the TorchScript code that it carries", stacklevel=2)
    try:
        state: dict[str, Tensor] = torch.jit.load(str(path), map_location="cpu").state_dict()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise DrivetrError(f"{path}: cannot be read ({reason}); fetch it again") from error
    return state


def convert(source: Source, name: str, out: Path, given: Settings) -> LoadReport:
    """Writes `model.safetensors` and `config.json`, which `from_pretrained` reads.

    Args:
        source: of `read_source`.
        name: of a published model, or of a family whose sizes the source tells.
        out: folder to write into.
        given: settings that overrule what name and source tell.

    Returns:
        what became of every key.

    Raises:
        DrivetrError: unknown name or setting, a setting that nothing tells, or weights that do not
            fit; nothing is written then.
    """
    family_name, family, settings = _named(name)
    layout = layout_of(source.weights, family.layouts, source.path)
    state = layout.translate(source.weights)
    settings = _settled(source, family, (name, settings), state, given)
    try:
        model = family.build(settings)
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError) as error:
        raise DrivetrError(
            f"{source.path}: no {family_name} can be built from {settings}: {error}"
        ) from error
    try:
        report = load_weights(model, state)
    except DrivetrError as error:
        raise DrivetrError(f"{source.path} (layout of {layout.name}): {error}") from error
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


def _settled(
    source: Source,
    family: Family,
    named: tuple[str, Settings | None],
    state: Mapping[str, Tensor],
    given: Settings,
) -> Settings:
    """All settings: those of the name, else of the config, else of the weights; then the given."""
    name, published = named
    try:
        told = family.told_by_weights(state)
    except (KeyError, ValueError, IndexError) as error:
        raise DrivetrError(f"{source.path}: no {name}, there is no entry {error}") from error
    if published is not None:
        settings = published | {key: told[key] for key in family.free}
    elif source.config is not None:
        try:
            settings = told | family.told_by_config(source.config)
        except (KeyError, ValueError, TypeError) as error:
            raise DrivetrError(f"{source.path}/config.json: no {name}, {error} is wrong") from error
    else:
        settings = told
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


def from_pretrained(folder: str | Path) -> torch.nn.Module:
    """The model that `drivetr convert` wrote into `folder`, in evaluation mode.

    Raises:
        DrivetrError: files that are absent, damaged or not of this format.
    """
    folder = Path(folder)
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DrivetrError(f"{folder} has no {DESCRIPTION}; `drivetr convert` writes such folders")
    description = _read_json(path)
    if description.get("format") != FORMAT or description.get("family") not in FAMILIES:
        raise DrivetrError(
            f"{path}: found format {description.get('format')!r} and family"
            f" {description.get('family')!r}, expected {FORMAT} and one of {', '.join(FAMILIES)};"
            " `drivetr convert` writes such files"
        )
    try:
        model = FAMILIES[description["family"]].build(description["settings"])
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError) as error:
        raise DrivetrError(f"{path}: the settings make no model ({error})") from error
    try:
        load_weights(model, read_weights(folder / WEIGHTS))
    except DrivetrError as error:
        raise DrivetrError(f"{folder}: {error}") from error
    return model.eval()
