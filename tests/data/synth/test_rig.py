"""The default rig against nuScenes' facts, and rigs from files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyquaternion import Quaternion

from drivetr.data.synth.rig import load_rig, nuscenes_rig
from drivetr.errors import DrivetrError


def four_cameras() -> dict[str, Any]:
    cameras = []
    for number, name in enumerate(("front", "left", "back", "right")):
        turn = Quaternion(axis=(0, 0, 1), degrees=90 * number) * Quaternion(0.5, -0.5, 0.5, -0.5)
        cameras.append(
            {
                "name": name,
                "width": 64,
                "height": 48,
                "intrinsic": [[40, 0, 31.5], [0, 40, 20], [0, 0, 1]],
                "ego_from_cam": {"translation": [0, 0, 1.6], "rotation": turn.elements.tolist()},
            }
        )
    return {"cameras": cameras}


def write(folder: Path, content: Any) -> Path:
    path = folder / "rig.json"
    path.write_text(json.dumps(content))
    return path


def test_default_rig_looks_round_and_behind_is_wide() -> None:
    rig = nuscenes_rig(256, 704)
    focal = {camera.name: camera.intrinsic[0, 0] for camera in rig.cameras}
    assert focal["CAM_BACK"] / focal["CAM_FRONT"] == pytest.approx(0.64, abs=0.01)
    ahead = {camera.name: camera.ego_from_cam[:3, 2] for camera in rig.cameras}
    degrees = {name: np.degrees(np.arctan2(axis[1], axis[0])) for name, axis in ahead.items()}
    assert degrees["CAM_FRONT_LEFT"] == pytest.approx(55.1)
    assert degrees["CAM_BACK_RIGHT"] == pytest.approx(-110.8)
    for camera in rig.cameras:
        np.testing.assert_allclose(camera.ego_from_cam[:3, 1], (0, 0, -1), atol=1e-12)
        expected = Quaternion(camera.rotation).rotation_matrix
        np.testing.assert_allclose(camera.ego_from_cam[:3, :3], expected, atol=1e-12)


def test_size_keeps_the_lower_part_of_the_picture() -> None:
    camera = nuscenes_rig(256, 704).cameras[0]
    scale = 704 / 1600
    assert camera.intrinsic[0, 0] == pytest.approx(1266 * scale)
    assert camera.intrinsic[1, 2] == pytest.approx((491 + 0.5) * scale - (900 * scale - 256))


def test_a_rig_of_four_cameras_without_lidar(tmp_path: Path) -> None:
    rig = load_rig(write(tmp_path, four_cameras()))
    assert [camera.name for camera in rig.cameras] == ["front", "left", "back", "right"]
    assert rig.lidar is None
    lidar = {**four_cameras(), "lidar": {"rings": 16}}
    assert load_rig(write(tmp_path, lidar)).lidar.rings == 16  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("focal",), 3, "unknown field focal"),
        (("cameras",), [], "at least one camera"),
        (("cameras", 0, "wide"), 3, "unknown field wide"),
        (("cameras", 1, "name"), "front", "must differ"),
        (("cameras", 0, "name"), "../up", "letters"),
        (("cameras", 0, "width"), 0, "whole number"),
        (("cameras", 0, "intrinsic"), [[1, 0, 0]], "shape"),
        (("cameras", 0, "intrinsic"), [[0, 0, 1], [0, 1, 1], [0, 0, 1]], "focal"),
        (("cameras", 0, "ego_from_cam", "rotation"), [0, 0, 0, 0], "unit quaternion"),
        (("cameras", 0, "ego_from_cam", "translation"), [0, 0, -1], "above the ground"),
        (("cameras", 0, "intrinsic"), [[10**400, 0, 1], [0, 1, 1], [0, 0, 1]], "shape"),
        (("lidar",), {"rings": 0}, "lidar.rings"),
    ],
)
def test_a_wrong_rig_is_told_in_one_sentence(
    tmp_path: Path, path: tuple, value: Any, told: str
) -> None:
    content: Any = four_cameras()
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DrivetrError, match=told) as caught:
        load_rig(write(tmp_path, content))
    assert "rig.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_no_json_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "rig.json").write_text(text)
    with pytest.raises(DrivetrError, match="cannot be read"):
        load_rig(tmp_path / "rig.json")
