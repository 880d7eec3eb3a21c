"""Testing: predictions of a whole split, and the metrics that its kind of dataset is judged by."""

import importlib
from collections.abc import Callable
from pathlib import Path

from drivetr.engine.api import LoadedDetector
from drivetr.engine.devices import full_memory_told
from drivetr.engine.gather import lost_processes_told, rank_and_size
from drivetr.engine.judges.exam import Exam
from drivetr.engine.loaders import dead_workers_told
from drivetr.errors import DrivetrError

# Name of a dataset's class -> module and function that judges what is predicted for it. By name,
# so that only the judge that is needed is imported: each brings an evaluator of others.
JUDGES: dict[str, tuple[str, str]] = {
    "NuScenesDataset": ("drivetr.engine.judges.nuscenes", "judge_nuscenes"),
    "PromptedCrops": ("drivetr.engine.judges.zero_shot", "judge_zero_shot"),
    "CocoDataset": ("drivetr.engine.judges.coco", "judge_coco"),
    "DigitsDataset": ("drivetr.engine.judges.classification", "judge_classification"),
    "NumberWordsDataset": ("drivetr.engine.judges.number_words", "judge_number_words"),
}


def test(
    loaded: LoadedDetector,
    dataset: tuple[str | None, str | None, str | None],
    results: Path,
    metrics: Path,
) -> str | None:
    """Predicts every sample of a split and judges the predictions.

    Several processes share the predictions; the first one judges.

    Args:
        loaded: the trained model.
        dataset: dataroot, version and split, each None for the one of the model's config.
        results: where predictions go, in the format of the dataset's benchmark.
        metrics: where the metrics go.

    Returns:
        the metrics as a text; None in other processes than the first.

    Raises:
        DrivetrError: the split cannot be judged; told before anything is predicted.
    """
    own = loaded.spec.test_data
    dataroot, version, split = (
        own.get(key) if given is None else given
        for key, given in zip(("dataroot", "version", "split"), dataset, strict=True)
    )
    kind = own["type"].__name__
    if kind not in JUDGES:
        raise DrivetrError(
            f"{loaded.spec.source}: nothing judges a {kind}; known: {', '.join(JUDGES)}"
        )
    module, function = JUDGES[kind]
    judge: Callable[[Exam], str] = getattr(importlib.import_module(module), function)
    root = None if dataroot is None else Path(dataroot)
    exam = Exam(loaded, root, version, str(split), results, metrics)
    with full_memory_told(), dead_workers_told(), lost_processes_told():
        if rank_and_size()[0] != 0:
            exam.assist()
            return None
        try:
            return judge(exam)
        finally:
            exam.dismiss()
