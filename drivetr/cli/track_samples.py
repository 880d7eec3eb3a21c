"""Which samples `drivetr track` follows boxes through, from the index of a dataset."""

from collections import Counter

import numpy as np

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.records import SampleRecord
from drivetr.data.nuscenes.splits import splits_of_version
from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.tracks import Segment


def read_segments(index: NuScenesIndex, split: str) -> list[Segment]:
    """The samples of a split, cut where one does not continue the one before.

    Raises:
        DrivetrError: the version has no such split, or none of its scenes is here.
    """
    parts: list[list[SampleRecord]] = []
    rows = index.samples_of_split(split).tolist()
    for place, row in enumerate(rows):
        sample = index.sample(row)
        if place and sample.continues and sample.prev_row == rows[place - 1]:
            parts[-1].append(sample)
        else:
            parts.append([sample])
    count: Counter[str] = Counter()
    segments = []
    for samples in parts:
        first = samples[0]
        count[first.scene_name] += 1
        number = count[first.scene_name]
        segments.append(
            Segment(
                name=first.scene_name if number == 1 else f"{first.scene_name}.{number}",
                tokens=tuple(sample.token for sample in samples),
                times_s=tuple((s.timestamp_us - first.timestamp_us) * 1e-6 for s in samples),
            )
        )
    return segments


def tokens_of_splits(index: NuScenesIndex) -> dict[str, list[str]]:
    """Sample tokens of every split that has any here, and of the whole version under ''."""
    tokens = {"": index.tokens_of(np.arange(len(index)))}
    for name in splits_of_version(index.dataroot, index.version):
        try:
            tokens[name] = index.tokens_of(index.samples_of_split(name))
        except DrivetrError:  # none of its scenes is here
            continue
    return tokens
