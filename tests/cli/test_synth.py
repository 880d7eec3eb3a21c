"""`drivetr synth` from its command line."""

import argparse
import json
from pathlib import Path

import pytest

from drivetr.cli import synth
from drivetr.errors import DrivetrError


def call(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    synth.run(parser.parse_args(arguments))


def test_writes_once_and_then_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        str(tmp_path / "out"), "--size", "32x64", "--scenes", "1", "--val-scenes", "0",
        "--frames-per-scene", "1", "--workers", "1", "--density", "0.3", "--reach", "40",
    )  # fmt: skip
    call(*arguments)
    assert "wrote 1 scenes" in capsys.readouterr().out
    call(*arguments)
    assert "already holds" in capsys.readouterr().out


def test_a_rig_of_four_cameras_without_lidar(tmp_path: Path) -> None:
    turns = ([0.5, -0.5, 0.5, -0.5], [0.7071068, -0.7071068, 0, 0])
    cameras = [
        {
            "name": f"cam{number}",
            "width": 64,
            "height": 40,
            "intrinsic": [[40, 0, 32], [0, 40, 16], [0, 0, 1]],
            "ego_from_cam": {"translation": [0, 0, 1.5], "rotation": turns[number % 2]},
        }
        for number in range(4)
    ]
    (tmp_path / "rig.json").write_text(json.dumps({"cameras": cameras}))
    call(
        str(tmp_path / "out"), "--rig", str(tmp_path / "rig.json"), "--scenes", "1",
        "--val-scenes", "0", "--frames-per-scene", "1", "--workers", "1",
    )  # fmt: skip
    tables = tmp_path / "out/v1.0-synth"
    sensors = json.loads((tables / "sensor.json").read_text())
    assert [row["channel"] for row in sensors] == ["cam0", "cam1", "cam2", "cam3"]
    rows = json.loads((tables / "sample_data.json").read_text())
    assert {(row["height"], row["width"]) for row in rows} == {(40, 64)}
    assert json.loads((tables / "sample_annotation.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--size", "0x0"), "--size"),
        (("--size", "big"), "--size"),
        (("--reach", "-3"), "--reach"),
        (("--reach", "nan"), "--reach"),
        (("--scenes", "0"), "--scenes"),
        (("--scenes", "2", "--val-scenes", "3"), "--val-scenes"),
        (("--workers", "-1"), "--workers"),
        (("--rig", "/no/such/rig.json"), "rig file"),
    ],
)
def test_a_wrong_argument_is_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(DrivetrError, match=told) as caught:
        call(str(tmp_path / "out"), *arguments)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_out_must_not_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DrivetrError, match="is a file"):
        call(str(tmp_path / "out"), "--scenes", "1", "--val-scenes", "0")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_rig_has_its_own_sizes(tmp_path: Path) -> None:
    (tmp_path / "rig.json").write_text("{}")
    with pytest.raises(DrivetrError, match="--size does not go with --rig"):
        call(str(tmp_path / "out"), "--rig", str(tmp_path / "rig.json"), "--size", "32x64")


def test_shapes_are_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for told in ("wrote 3 pictures", "already holds"):
        call(str(tmp_path / "out"), "--shapes", "2", "1")
        assert told in capsys.readouterr().out
    assert len(list((tmp_path / "out/train_shapes").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--shapes", "0", "1"), "--shapes 0 1"),
        (("--shapes", "1", "1", "--seed", "-1"), "a seed of 0 or more"),
        (("--shapes", "1", "1", "--size", "32x32"), "do not go with --shapes"),
    ],
)
def test_wrong_shapes_are_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(DrivetrError, match=told):
        call(str(tmp_path / "out"), *arguments)
    assert not (tmp_path / "out").exists()
