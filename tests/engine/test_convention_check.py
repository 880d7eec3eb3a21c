"""The doctor names the right convention, whichever it is and whichever is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from drivetr.cli.main import main
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.engine.box_conventions import CONVENTIONS
from drivetr.engine.convention_check import (
    Finding,
    Reading,
    own_convention,
    read_in_all,
    spread_frames,
    verdict,
)
from drivetr.errors import DrivetrError
from drivetr.geometry.box_codes import BOX_CODES
from drivetr.models.petr_layouts import PETR_LAYOUT
from drivetr.structures.frame import Frame
from tests.engine.published_files import mmcv_file, published_state
from tests.engine.right_detector import CONFIG, options, right_detector, within
from tests.models.samples import make_frame

SPLIT = "mini_train"  # its one frame has cars, trucks, barriers and pedestrians


@pytest.fixture(scope="module")
def frame(nuscenes_real: Path) -> Frame:
    resize = ResizeCropFlip(size=(32, 64))
    return NuScenesDataset((nuscenes_real, "v1.0-mini"), SPLIT, transforms=[resize])[0]


@pytest.fixture(scope="module")
def readings(frame, nuscenes_real) -> dict[str, list[Reading]]:
    """Convention that a detector was made in -> what is found in each."""
    return {
        name: read_in_all(right_detector(frame, name, nuscenes_real, SPLIT), [frame])
        for name in CONVENTIONS
    }


@pytest.mark.parametrize("read_as", CONVENTIONS)
@pytest.mark.parametrize("made_in", CONVENTIONS)
def test_the_right_one_is_named(readings, made_in, read_as):
    finding, told = verdict(readings[made_in], read_as)
    assert finding == (Finding.RIGHT if made_in == read_as else Finding.WRONG)
    if made_in == read_as:
        assert (
            told == f"The boxes are read as they were trained: --box-convention {made_in} is right."
        )
    else:
        assert told.startswith(f"The boxes are read as {read_as}, but were trained as {made_in}: ")
        assert told.endswith(f"Convert the checkpoint again with --box-convention {made_in}.")


@pytest.mark.parametrize("made_in", CONVENTIONS)
def test_answers_are_right_by_construction_and_wrong_ones_have_the_signature(readings, made_in):
    found = {reading.name: reading for reading in readings[made_in]}
    right = found.pop(made_in)
    assert right.pairs > 40
    assert max(right.centre_m, right.size, right.yaw_rad, right.height_m) < 1e-2
    for reading in found.values():
        assert reading.centre_m < 1e-2  # x and y are the same columns in all
        assert reading.size > 0.3 or reading.yaw_rad > 1.0
    swapped = found.get({"petr": "mmdet3d_petr", "mmdet3d_petr": "petr"}.get(made_in, ""))
    if swapped:  # length and width alone
        assert 0.3 < swapped.size < 0.8
        assert swapped.yaw_rad < 1e-2


def test_the_detector_stays_as_it_was(frame, nuscenes_real):
    loaded = right_detector(frame, "mmdet3d_petr", nuscenes_real, SPLIT)
    read_in_all(loaded, [frame])
    assert own_convention(loaded) == "mmdet3d_petr"
    loaded.detector.head.code = BOX_CODES["drivetr"]
    assert own_convention(loaded) == "streampetr"  # the same columns


GOOD = Reading("petr", 60, 70, 0.5, 0.25, 0.4, 0.2)
BAD = tuple(
    replace(GOOD, name=name, size=0.7, yaw_rad=1.5) for name in CONVENTIONS if name != "petr"
)


class TestVerdict:
    """Sentences where nothing can be told."""

    def test_a_published_detector_s_errors_are_small_enough(self):
        finding, told = verdict([GOOD, *BAD], "petr")
        assert finding == Finding.RIGHT
        assert "petr is right" in told

    def test_too_few_pairs(self):
        few = [replace(r, pairs=19) for r in (GOOD, *BAD)]
        finding, told = verdict(few, "petr")
        assert finding == Finding.UNDECIDED
        assert told.startswith("Nothing can be told: 19 of 70 objects have a detection")
        assert "20 are needed" in told

    def test_too_few_pairs_in_the_wrong_present_reading(self):
        lost = replace(BAD[0], pairs=3)
        finding, told = verdict([GOOD, lost, *BAD[1:]], lost.name)
        assert finding == Finding.WRONG
        assert "trained as petr: 3 objects are found instead of 60." in told

    def test_a_reading_with_few_pairs_is_not_compared(self):
        lucky = replace(BAD[0], pairs=1, size=0.0, yaw_rad=0.0)
        assert verdict([GOOD, lucky, *BAD[1:]], "petr")[0] == Finding.RIGHT
        lost = [replace(r, pairs=2) for r in BAD]
        assert verdict([GOOD, *lost], "petr")[0] == Finding.RIGHT
        swapped = replace(GOOD, size=0.7)  # what length and width exchanged looks like
        assert verdict([swapped, *lost], "petr")[0] == Finding.UNDECIDED

    def test_no_difference(self):
        same = [replace(GOOD, name=name) for name in CONVENTIONS]
        finding, told = verdict(same, "petr")
        assert finding == Finding.UNDECIDED
        assert "no convention is clearly better" in told

    def test_an_untrained_detector(self):
        wild = [replace(BAD[0], name=name, size=0.6 + i) for i, name in enumerate(CONVENTIONS)]
        finding, told = verdict(wild, "petr")
        assert finding == Finding.UNDECIDED
        assert "the least errors are mASE 0.60" in told

    def test_cones_alone_have_no_heading(self):
        blind = [replace(r, yaw_rad=float("nan")) for r in (GOOD, *BAD)]
        assert verdict(blind, "petr")[1].startswith("Nothing can be told")


class TestFrames:
    def test_are_spread(self):
        data = [make_numbered(i) for i in range(10)]
        assert [f.timestamp_us for f in spread_frames(data, 3)] == [1, 5, 8]
        assert len(spread_frames(data, 100)) == 10

    def test_there_is_nothing_to_see(self):
        with pytest.raises(DrivetrError, match="the split has no samples"):
            spread_frames([], 3)
        with pytest.raises(DrivetrError, match="--frames is 0, expected 1 or more"):
            spread_frames([make_numbered(0)], 0)
        with pytest.raises(DrivetrError, match="no frames with 3D boxes"):
            spread_frames([1], 1)

    def test_without_ground_truth(self, frame, nuscenes_real):
        loaded = right_detector(frame, "petr", nuscenes_real, SPLIT)
        with pytest.raises(DrivetrError, match="the split has no ground truth"):
            read_in_all(loaded, [replace(frame, targets=None)])


def make_numbered(number: int) -> Frame:
    return replace(make_frame(1, (8, 8)), timestamp_us=number)


@pytest.mark.slow
def test_from_a_checkpoint_converted_with_the_wrong_flag_to_the_right_one(
    frame, nuscenes_real, tmp_path, capsys
):
    loaded = right_detector(frame, "streampetr", nuscenes_real, SPLIT)
    state = published_state(loaded.detector, PETR_LAYOUT, ["petr", "cpfpn"])
    path = mmcv_file(state, tmp_path / "petr.pth")
    count = len(within(frame.targets, loaded.detector.span))
    lines = [f"{key}={value!r}" for key, value in options(count, nuscenes_real, SPLIT).items()]
    config = tmp_path / "own.py"
    words = [line.split("=", 1) for line in lines]
    changes = "\n".join(
        "".join([parts[0], *(f"[{p!r}]" for p in parts[1:])]) + f" = {value}"
        for key, value in words
        for parts in [key.split(".")]
    )
    config.write_text(CONFIG.read_text() + "\n" + changes + "\n")
    convert = ["convert", str(path), "--config", str(config), "--out", str(tmp_path / "out")]
    doctor = ["doctor", str(tmp_path / "out"), "--dataroot", str(nuscenes_real), "--device", "cpu"]
    doctor += ["--version", "v1.0-mini", "--split", SPLIT]
    wrong, right = ("petr", "again with --box-convention streampetr", 1), ("streampetr", "right", 0)
    for flag, told, status in (wrong, right):
        assert main([*convert, "--box-convention", flag]) == 0
        capsys.readouterr()
        assert main(doctor) == status
        said = capsys.readouterr().out
        assert all(name in said for name in CONVENTIONS)
        assert told in said
