"""The ground truth of a split as the devkit reads it, and its crashes told beforehand."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetr.errors import DrivetrError
from drivetr.files import require_local
from drivetr.structures.splits import OFFICIAL_SPLITS

if TYPE_CHECKING:
    from nuscenes.nuscenes import NuScenes

_TABLES = (
    "category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose",
    "log", "scene", "sample", "sample_data", "sample_annotation", "map",
)  # fmt: skip
_REFERENCE_CHANNEL = "LIDAR_TOP"


class NoTruthError(DrivetrError):
    """A split without ground truth, which can be submitted but not evaluated here."""


def check_dataset(dataroot: str | Path, version: str, split: str) -> None:
    """Checks, before tables of gigabytes are read, that a split can be evaluated there at all.

    Raises:
        DrivetrError: no such folder, table, map or split, or a split of another version.
    """
    require_local(dataroot)
    if not Path(dataroot).is_dir():
        raise DrivetrError(
            f"dataroot {dataroot} is not a folder; name the one that holds samples/ and v1.0-…/."
        )
    tables = Path(dataroot) / version
    if not tables.is_dir():
        found = sorted(path.parent.name for path in Path(dataroot).glob("*/sample.json"))
        raise DrivetrError(
            f"{tables} is no folder, so dataroot {dataroot} has no version {version}"
            f" (found: {', '.join(found) or 'no version at all'})."
        )
    missing = [name for name in _TABLES if not (tables / f"{name}.json").is_file()]
    if missing:
        raise DrivetrError(
            f"{tables} lacks the table {missing[0]}.json; unpack the whole archive of the tables."
        )
    _check_maps(Path(dataroot), tables)
    _check_split(tables, version, split)


def open_tables(dataroot: str | Path, version: str, verbose: bool = False) -> "NuScenes":
    """The devkit's database, without a word on stdout; it opens tables and no image."""
    from nuscenes.nuscenes import NuScenes

    with devkit_output(verbose):
        return NuScenes(version=version, dataroot=str(dataroot), verbose=verbose)


def open_split(
    dataroot: str | Path, version: str, split: str, verbose: bool = False
) -> tuple["NuScenes", dict[str, list[str]]]:
    """The devkit's database and the sample tokens of its splits (`tokens_of_splits`).

    Raises:
        NoTruthError: the split has no ground truth.
        DrivetrError: the tables cannot be used, or the split cannot be evaluated.
    """
    with faults_of_tables(dataroot, version):
        nusc = open_tables(dataroot, version, verbose)
        tokens = tokens_of_splits(nusc, split)
        check_truth(nusc, tokens[split], split)
    return nusc, tokens


def tokens_of_splits(nusc: "NuScenes", split: str) -> dict[str, list[str]]:
    """Sample tokens of every split that has any in these tables, of `split`, and all under ''."""
    from nuscenes.utils.splits import create_splits_scenes

    scenes: dict[str, set[str]] = {k: set(v) for k, v in create_splits_scenes().items()}
    custom = Path(nusc.dataroot) / nusc.version / "splits.json"
    if custom.is_file():
        own = {k: set(v) for k, v in _read_json(custom).items() if isinstance(v, list)}
        scenes = own | scenes
    tokens: dict[str, list[str]] = {"": [], split: []}
    scene_names = {scene["token"]: scene["name"] for scene in nusc.scene}
    splits_of_scene = {
        name: [key for key, members in scenes.items() if name in members]
        for name in scene_names.values()
    }
    for sample in nusc.sample:
        for key in ("", *splits_of_scene[scene_names[sample["scene_token"]]]):
            tokens.setdefault(key, []).append(sample["token"])
    return tokens


def check_truth(nusc: "NuScenes", tokens: Sequence[str], split: str) -> None:
    """Checks that the devkit can evaluate these samples.

    Raises:
        NoTruthError: the split has no ground truth.
        DrivetrError: it has no samples, or a box has two attributes.
    """
    from nuscenes.eval.detection.utils import category_to_detection_name

    place = f"split {split} of {nusc.version} in {nusc.dataroot}"
    if not tokens:
        raise DrivetrError(f"{place} has no samples: none of its scenes is in the tables.")
    annotations = [
        annotation
        for token in tokens
        for annotation in (
            nusc.get("sample_annotation", key) for key in nusc.get("sample", token)["anns"]
        )
        if category_to_detection_name(annotation["category_name"]) is not None
    ]
    if not annotations:
        raise NoTruthError(
            f"{place} has no ground truth in sample_annotation.json, so it cannot be evaluated"
            " here; submit the results to the official server, or choose another split."
        )
    for annotation in annotations:
        if len(annotation["attribute_tokens"]) > 1:
            raise DrivetrError(
                f"{nusc.table_root}/sample_annotation.json: annotation {annotation['token']} has"
                f" {len(annotation['attribute_tokens'])} attribute_tokens, expected one or none."
            )


def lend_reference_channel(nusc: "NuScenes", tokens: Sequence[str]) -> None:
    """Lets the devkit evaluate a rig without LIDAR_TOP, in memory only.

    The devkit takes the car's place at a sample from its LIDAR_TOP record. Where a rig has none,
    the camera's key frame that is nearest to the sample in time stands in. The devkit also drops
    boxes without lidar and radar points; where nothing counted any, each box gets one.

    Raises:
        DrivetrError: a sample has no such key frame.
    """
    lent = []
    for token in tokens:
        sample = nusc.get("sample", token)
        if _REFERENCE_CHANNEL in sample["data"]:
            continue
        lent.append(sample)
        records = [nusc.get("sample_data", key) for key in sample["data"].values()]
        records = [record for record in records if record["sensor_modality"] == "camera"]
        if not records:
            raise DrivetrError(
                f"{nusc.table_root}/sample_data.json has neither a {_REFERENCE_CHANNEL} nor a"
                f" camera key frame for sample {token}, so the distance of its boxes from the car"
                f" is unknown; `drivetr verify {nusc.dataroot} --version {nusc.version}` lists such"
                " samples."
            )
        gaps = [abs(record["timestamp"] - sample["timestamp"]) for record in records]
        sample["data"][_REFERENCE_CHANNEL] = records[gaps.index(min(gaps))]["token"]
    if not any(a["num_lidar_pts"] + a["num_radar_pts"] for a in nusc.sample_annotation):
        for sample in lent:
            for key in sample["anns"]:
                nusc.get("sample_annotation", key)["num_lidar_pts"] = 1


@contextmanager
def faults_of_tables(dataroot: str | Path, version: str) -> Iterator[None]:
    """Turns what the devkit does on tables that contradict themselves into a DrivetrError."""
    try:
        yield
    except DrivetrError:
        raise
    except Exception as error:  # the devkit raises what comes, bare Exception included
        raise DrivetrError(
            f"the tables in {Path(dataroot) / version} cannot be used ({_told(error)});"
            f" `drivetr verify {dataroot} --version {version}` shows what is wrong with them."
        ) from error


@contextmanager
def devkit_output(verbose: bool) -> Iterator[None]:
    """Sends what the devkit prints to stderr when verbose, to nowhere otherwise."""
    if verbose:
        with redirect_stdout(sys.stderr):
            yield
    else:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield


def _check_maps(dataroot: Path, tables: Path) -> None:
    """The devkit wants the files of map.json to exist, although no metric opens them."""
    for record in _read_json(tables / "map.json"):
        if not (dataroot / str(record.get("filename"))).is_file():
            raise DrivetrError(
                f"{tables}/map.json names {record.get('filename')}, which is not in {dataroot}; the"
                " devkit wants to see it, so unpack the maps that come with the tables."
            )


def _check_split(tables: Path, version: str, split: str) -> None:
    """Checks the name of a split against the version and its splits.json."""
    if split in OFFICIAL_SPLITS and version.endswith(OFFICIAL_SPLITS[split]):
        return
    path = tables / "splits.json"
    official = [name for name, end in OFFICIAL_SPLITS.items() if version.endswith(end)]
    custom = _read_json(path) if path.is_file() else {}
    if not isinstance(custom, dict):
        raise DrivetrError(f"{path} has to map the name of every split to a list of scene names.")
    choice = ", ".join([*official, *custom]) or f"none, because {path} does not exist"
    if split in OFFICIAL_SPLITS:
        raise DrivetrError(
            f"split {split} belongs to a version whose name ends in {OFFICIAL_SPLITS[split]}, not"
            f" to {version}, whose splits are: {choice}."
        )
    if split not in custom:
        raise DrivetrError(f"{version} in {tables.parent} has no split {split} (found: {choice}).")
    scenes = custom[split]
    if not isinstance(scenes, list) or not all(isinstance(name, str) for name in scenes):
        raise DrivetrError(f"{path}: split {split} has to be a list of scene names.")


def _read_json(path: Path) -> Any:
    """A small JSON file of the dataset."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DrivetrError(f"{path} cannot be read as JSON ({_told(error)}).") from error


def _told(error: Exception) -> str:
    """One line about a foreign exception."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
