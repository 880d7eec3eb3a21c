"""The official nuScenes tracking metrics of a submission, computed by the devkit itself."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drivetr import __version__
from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.truth import (
    NoTruthError,
    check_dataset,
    devkit_output,
    faults_of_tables,
    lend_reference_channel,
    open_split,
)

_EXTRA = ("motmetrics", "pandas")


def require_tracking_extra() -> None:
    """Checks that what the devkit's tracking evaluation imports is there.

    Raises:
        DrivetrError: a package of the extra `tracking` is not installed.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise DrivetrError(
            f"the devkit's tracking evaluation needs {' and '.join(missing)}, which"
            f" {'is' if len(missing) == 1 else 'are'} not installed;"
            " pip install -e '.[tracking]' brings what it needs"
        )


def evaluate_tracks(
    path: str | Path, dataroot: str | Path, version: str, split: str, verbose: bool = False
) -> dict[str, Any]:
    """Metrics of a tracking submission in the devkit's official configuration.

    Args:
        path: the tracking submission, a JSON file.
        dataroot: folder of the dataset; only the tables are read, never an image.
        version: folder of the tables, such as v1.0-trainval.
        split: an official split, or one of the version's own `splits.json`.
        verbose: whether the devkit's own lines go to stderr.

    Returns:
        The devkit's keys: `label_metrics` (metric -> class -> value, NaN for classes that the split
        does not have), the mean or sum over the classes of every metric (`amota`, `amotp`,
        `recall`, `mota`, `ids`, ...), `eval_time`, `cfg`, `meta`. And `drivetr`: where the numbers
        come from, and the number of evaluated ground-truth boxes of each class, with those that the
        devkit puts into the gaps of tracks.

    Raises:
        NoTruthError: the split has no ground truth of the classes that are tracked.
        DrivetrError: the extra `tracking` is absent, or the submission, the dataset or the split
            cannot be evaluated.
    """
    require_tracking_extra()
    from drivetr.evaluation.nuscenes.tracking_devkit import OpenTablesEval, load_tracks, load_truth

    check_dataset(dataroot, version, split)
    nusc, tokens_of_split = open_split(dataroot, version, split, verbose)
    tokens = tokens_of_split[split]
    predicted, meta = load_tracks(Path(path), tokens, verbose)
    with faults_of_tables(dataroot, version):
        lend_reference_channel(nusc, tokens)
        truth = load_truth(nusc, tokens, verbose)
        if not truth.all:
            raise NoTruthError(
                f"split {split} of {version} in {dataroot} has no box of the seven classes that are"
                " tracked, so tracks cannot be evaluated on it."
            )
        with devkit_output(verbose):
            evaluation = OpenTablesEval(nusc, split, tokens, predicted, truth, verbose)
        del nusc, predicted, truth
        metrics = evaluation.judge()
    metrics["meta"] = meta
    metrics["drivetr"] = {
        "drivetr_version": __version__,
        "tracks": str(path),
        "dataset_version": version,
        "split": split,
        "num_samples": evaluation.num_samples,
        "num_truth": evaluation.num_truth,
    }
    return metrics
