"""Which scenes belong to a split: nuScenes' own lists, or a version's `splits.json`."""

import json
from pathlib import Path

from drivetr.errors import DrivetrError
from drivetr.structures.splits import OFFICIAL_SPLITS


def custom_splits(dataroot: Path, version: str) -> dict[str, list[str]]:
    """The splits in a version's `splits.json`, none where it has no such file.

    Raises:
        DrivetrError: the file is no object of lists of names.
    """
    path = dataroot / version / "splits.json"
    if not path.is_file():
        return {}
    try:
        splits = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DrivetrError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(splits, dict) or not all(map(_is_list_of_names, splits.values())):
        raise DrivetrError(f"{path}: expected an object of lists of scene names")
    return splits


def splits_of_version(dataroot: Path, version: str) -> list[str]:
    """Names of the splits that a version has: official ones by its name, then its own."""
    official = [split for split, ending in OFFICIAL_SPLITS.items() if version.endswith(ending)]
    own = custom_splits(dataroot, version)
    return official + [name for name in own if name not in OFFICIAL_SPLITS]


def scenes_of_split(dataroot: Path, version: str, split: str) -> list[str]:
    """Names of the scenes of a split.

    An official name means the official list, as in the devkit; any other is looked up in
    `DATAROOT/VERSION/splits.json`, an object of lists of scene names.

    Raises:
        DrivetrError: the version has no such split, or `splits.json` is wrong.
    """
    if split in OFFICIAL_SPLITS and version.endswith(OFFICIAL_SPLITS[split]):
        from nuscenes.utils.splits import create_splits_scenes

        return list(create_splits_scenes()[split])
    custom = {} if split in OFFICIAL_SPLITS else custom_splits(dataroot, version)
    if split not in custom:
        if split in OFFICIAL_SPLITS and split in custom_splits(dataroot, version):
            raise DrivetrError(
                f"{dataroot / version / 'splits.json'}: {split!r} is the name of nuScenes' own list"
                f" of scenes, which versions ending in {OFFICIAL_SPLITS[split]!r} have; call yours"
                f" something else, such as 'my_{split}'"
            )
        have = ", ".join(splits_of_version(dataroot, version)) or "none"
        raise DrivetrError(
            f"{dataroot / version} has no split {split!r}; its splits: {have} (a version's own"
            " stand in its splits.json)"
        )
    return custom[split]


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
