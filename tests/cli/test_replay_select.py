"""Which scenes and moments are chosen."""

from pathlib import Path

import pytest

from drivetr.cli.replay_moments import MomentReader, Window
from drivetr.cli.replay_predictions import open_predictions
from drivetr.cli.replay_select import choose_scenes, count_moments, worst_moments
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.errors import DrivetrError
from tests.cli.replay_world import VERSION, change_results, moments_of, perfect_results


@pytest.fixture
def index(drive: Path) -> NuScenesIndex:
    return open_index(drive, VERSION)


def test_the_worst_first(index: NuScenesIndex, perfect: Path, tmp_path: Path) -> None:
    """Boxes go from moment to moment, in an order that is not that of time."""
    left_out = dict(zip(index.tokens_of(range(8)), [3, 0, 5, 1, 5, 2, 0, 4], strict=True))
    results = change_results(
        perfect, tmp_path / "r.json", lambda token, boxes: boxes[left_out[token] :]
    )
    moments = moments_of(index, open_predictions([str(results)], None, index, None))
    wrong = [moment.errors("r", 0.5) for moment in moments]
    worst = worst_moments(iter(moments), 3, "r", 0.5)
    ranks = sorted(range(8), key=lambda number: (-wrong[number], number))
    assert len(set(wrong)) > 3
    assert [m.sample.token for m in worst] == [moments[n].sample.token for n in ranks[:3]]
    assert len(worst_moments(moments, 99, "r", 0.5)) == 8


def test_worst_passes_over_what_cannot_be_judged(
    index: NuScenesIndex, perfect: Path, tmp_path: Path
) -> None:
    first = index.tokens_of([0])[0]
    results = change_results(
        perfect, tmp_path / "r.json", lambda token, boxes: boxes if token == first else None
    )
    moments = moments_of(index, open_predictions([str(results)], None, index, None))
    assert [m.sample.token for m in worst_moments(moments, 5, "r", 0.5)] == [first]
    with pytest.raises(DrivetrError, match="--worst compares other with ground truth"):
        worst_moments(moments, 5, "other", 0.5)


def test_window(index: NuScenesIndex) -> None:
    reader, scenes = MomentReader(index, []), index.scenes()
    assert [round(time_s, 1) for time_s in reader.times(scenes[0])] == [0.0, 0.5, 1.0, 1.5]
    assert count_moments(reader, scenes, Window()) == 8
    assert count_moments(reader, scenes, Window(0.4, 1.1)) == 4
    assert [m.number for m in reader.of(scenes[1], Window(0.4, 1.1))] == [2, 3]
    with pytest.raises(DrivetrError, match=f"between --from 7 and --to 9.*{scenes[0].name} lasts"):
        count_moments(reader, scenes[:1], Window(7.0, 9.0))


def test_a_submission_of_another_split(drive: Path, index: NuScenesIndex, tmp_path: Path) -> None:
    first = perfect_results(drive, tmp_path / "first.json", scenes=1)
    sources = open_predictions([str(first)], None, index, None)
    splits = [
        split
        for split in ("synth_train", "synth_val")
        if index.sample(int(index.samples_of_split(split)[0])).scene_row == 1
    ]
    assert len(splits) == 1
    other = ({"synth_train", "synth_val"} - set(splits)).pop()
    for name in ("all", None):
        with pytest.raises(DrivetrError, match=f"first has .*{splits[0]}|split {other}") as told:
            choose_scenes(index, name, splits[0], sources)
        assert f"its samples are those of split {other}" in str(told.value)
    assert len(choose_scenes(index, "all", None, sources)) == 2


def test_a_submission_of_another_dataset(
    index: NuScenesIndex, perfect: Path, tmp_path: Path
) -> None:
    def foreign(token: str, boxes: list) -> list:
        return []

    results = change_results(perfect, tmp_path / "r.json", foreign)
    text = results.read_text()
    for number, token in enumerate(index.tokens_of(range(8))):
        text = text.replace(token, f"{number:032x}")
    results.write_text(text)
    sources = open_predictions([str(results)], None, index, None)
    with pytest.raises(DrivetrError, match="none of its tokens is a sample of this version"):
        choose_scenes(index, "all", None, sources)
