"""The published detectors that drivetr has a config for: `configs/metafile.yml`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import drivetr
from drivetr.errors import DrivetrError

_VERIFIED = {True: "verified", False: "not verified"}


@dataclass(frozen=True)
class PublishedDetector:
    """One published checkpoint.

    Attributes:
        name: that `drivetr convert --model` takes.
        config: file that defines the model, for training, testing and converting.
        box_conventions: that it was published in, the authors' own first.
        parts: of the list of its names and shapes (`drivetr.models.manifest`), none for a
            checkpoint whose names were never recorded.
        sizes: what these parts leave open.
        verified: the list covers every name, and the reference's own code wrote it.
        facts: everything else of the entry: figures, addresses, licences, what was checked.
    """

    name: str
    config: Path
    box_conventions: tuple[str, ...]
    parts: tuple[str, ...]
    sizes: dict[str, int]
    verified: bool
    facts: dict[str, Any]

    @property
    def keys(self) -> str:
        """`verified` or `not verified`."""
        return _VERIFIED[self.verified]


def configs_folder() -> Path:
    """The folder `configs/`, which lies beside the package.

    Raises:
        DrivetrError: it is not there.
    """
    folder = Path(drivetr.__file__).resolve().parents[1] / "configs"
    if not (folder / "metafile.yml").is_file():
        raise DrivetrError(
            f"{folder}/metafile.yml is not there: the configs of published detectors are part of"
            " the repository, not of the installed package; run drivetr from a checkout (pip"
            " install -e .), or name your config, --config FILE"
        )
    return folder


def published_detectors(folder: Path | None = None) -> dict[str, PublishedDetector]:
    """All entries of the metafile by name.

    Args:
        folder: that holds `metafile.yml`; None for the repository's.

    Raises:
        DrivetrError: it is absent, or an entry lacks something.
    """
    folder = folder or configs_folder()
    path = folder / "metafile.yml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
        return {name: _entry(name, facts, folder) for name, facts in entries.items()}
    except (LookupError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise DrivetrError(f"{path}: an entry is damaged ({error!r}); restore the file") from error


def _entry(name: str, facts: dict[str, Any], folder: Path) -> PublishedDetector:
    keys = facts["keys"]
    return PublishedDetector(
        name=name,
        config=folder / facts["config"],
        box_conventions=tuple(facts["box_conventions"]),
        parts=tuple(keys["parts"]),
        sizes=dict(keys.get("sizes", {})),
        verified=keys["verified"],
        facts=facts,
    )
