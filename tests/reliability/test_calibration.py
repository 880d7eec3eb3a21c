"""Rows 20 to 24: intrinsics and extrinsics that are impossible, odd or a little off."""

import copy
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pyquaternion import Quaternion

from drivetr.data.nuscenes.index import open_index
from drivetr.engine.api import load_detector
from tests.reliability.world import VERSION, World

NAN = float("nan")


def cameras_of(world: World) -> list[dict]:
    """The calibrations of cameras."""
    return [row for row in world.tables["calibrated_sensor"] if row["camera_intrinsic"]]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[0.0, 0, 32], [0, 48, 16], [0, 0, 1]], "focal lengths above 0 in pixels"),
        ([[48.0, 0, NAN], [0, 48, 16], [0, 0, 1]], "expected an invertible 3x3 matrix"),
        ([[48.0, 0], [0, 48]], "expected a 3x3 matrix"),
        ([], "expected an invertible 3x3 matrix"),
    ],
    ids=["zero focal length", "NaN", "2x2", "none"],
)
def test_row_20_impossible_intrinsics(world: World, matrix: list, expected: str):
    number = world.tables["calibrated_sensor"].index(cameras_of(world)[2])
    world.tables["calibrated_sensor"][number]["camera_intrinsic"] = matrix
    said = world.write().refused_by_all()
    assert f"calibrated_sensor.json: row {number}, field camera_intrinsic is" in said
    assert expected in said


def test_row_21_singular_intrinsics(world: World):
    cameras_of(world)[0]["camera_intrinsic"] = [[48.0, 0, 32], [0, 48, 16], [0, 0, 0]]
    said = world.write().refused_by_all()
    assert "field camera_intrinsic is [[48.0, 0.0, 32.0], [0.0, 48.0, 16.0], [0.0, 0.0" in said
    assert "expected an invertible 3x3 matrix" in said


def test_row_22_quaternion_that_is_not_unit(world: World):
    long, short, none = cameras_of(world)[:3]
    turns = [Quaternion(camera["rotation"]) for camera in (long, short)]
    long["rotation"] = (1.01 * turns[0].elements).tolist()
    short["rotation"] = (0.9999 * turns[1].elements).tolist()
    told = world.write().accepted(world.verify)
    assert "has length 1.0100, expected 1; it is normalised" in told
    assert "warning: 1 x quaternion-length" in world.accepted(world.index)
    for turn, camera in zip(turns, (0, 1), strict=True):
        record = open_index(world.root, VERSION).sample(0).cameras[camera]
        np.testing.assert_allclose(record.ego_from_cam[:3, :3], turn.rotation_matrix, atol=1e-12)
    world.accepted(world.train())

    shutil.rmtree(world.run)
    none["rotation"] = [0, 0, 0, 0]
    said = world.write().refused(world.index)
    assert "field rotation is [0.0, 0.0, 0.0, 0.0], expected a unit quaternion w, x, y, z" in said


def test_row_23_quaternions_in_the_order_xyzw(world: World):
    for camera in cameras_of(world):
        w, x, y, z = camera["rotation"]
        camera["rotation"] = [x, y, z, w]
    told = world.write().accepted(world.verify)
    assert "warning [quaternion-order] calibrated_sensor.json: field rotation: " in told
    assert "tilt the optical axes of cameras by more than 30 degrees" in told
    assert "expected quaternions in the order w, x, y, z; in the order x, y, z, w fewer" in told


def turned_and_shifted(tables: dict, degrees: float, metres: float) -> dict:
    """The tables after every camera has turned by an angle and moved by a distance.

    Axis and direction are drawn for each camera, the same whatever the amounts.
    """
    tables, rng = copy.deepcopy(tables), np.random.default_rng(7)
    for camera in tables["calibrated_sensor"]:
        axis, direction = rng.normal(size=(2, 3))
        if camera["camera_intrinsic"]:
            turn = Quaternion(axis=axis, radians=math.radians(degrees))
            camera["rotation"] = (turn * Quaternion(camera["rotation"])).elements.tolist()
            shift = metres * direction / np.linalg.norm(direction)
            camera["translation"] = (np.array(camera["translation"]) + shift).tolist()
    return tables


def test_row_24_extrinsics_that_are_off(tmp_path: Path, petr: Path):
    """A rig that is off shifts what is detected, the more the further it is off."""
    loaded = load_detector(petr, "cpu")

    def boxes(degrees: float, metres: float) -> torch.Tensor:
        world = World(tmp_path / f"{degrees} {metres}")
        world.tables = turned_and_shifted(world.tables, degrees, metres)
        dataset = loaded.dataset(world.write().root, VERSION, "all")
        found = []
        for frame in loaded.predict_frames(dataset[i] for i in range(len(dataset))):
            queries, first = np.unique(frame.queries.numpy(), return_index=True)
            assert len(queries) == 7  # of this detector; several classes share a query's box
            found.append(frame.boxes[torch.from_numpy(first)])
        return torch.stack(found)

    straight = boxes(0, 0)
    curves = {
        "degrees": [(boxes(d, 0) - straight).abs().mean().item() for d in (0, 0.5, 1, 2, 4)],
        "metres": [(boxes(0, m) - straight).abs().mean().item() for m in (0, 0.05, 0.1, 0.2)],
    }
    for curve in curves.values():
        assert curve[0] == 0
        assert np.isfinite(curve).all()
        assert np.diff(curve).min() > 0, curves
