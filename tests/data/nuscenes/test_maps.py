"""The map around a scene is the devkit's, pixel by pixel."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from nuscenes.utils.map_mask import MapMask
from PIL import Image

from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.data.nuscenes.maps import read_ground_maps
from drivetr.structures.ground import GroundMap
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables

HIGH, WIDE = 1203, 1507  # pixels of the file, no multiples of anything


@pytest.fixture
def index(tmp_path: Path) -> NuScenesIndex:
    """Two scenes on a map of blots; only the first of them has a log that the map names."""
    tables = make_tables(TableShape(scenes=2), shuffle=False)
    for pose in tables["ego_pose"]:
        pose["translation"] = [70 + pose["translation"][0] % 9, 55 + pose["translation"][1] % 7, 0]
    tables["map"][1]["log_tokens"] = []
    write_tables(tmp_path / "set", tables)
    blots = np.random.default_rng(0).random((40, 50)) < 0.5
    mask = np.kron(blots, np.ones((31, 31)))[:HIGH, :WIDE]
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "set/maps/a.png")
    return open_index(tmp_path / "set", "v1.0-mini", tmp_path / "index")


def devkit_share(ground: GroundMap, path: Path) -> np.ndarray:
    """How much of each pixel is drivable: the devkit asked at the middles of the file's pixels."""
    rows, columns = np.indices([4 * side for side in ground.share.shape]).reshape(2, -1)
    pixels = np.stack([(columns + 0.5) / 4, (rows + 0.5) / 4, 0 * rows, 0 * rows + 1])
    x, y = (ground.global_from_pixel @ pixels)[:2]
    known = MapMask(str(path)).is_on_mask(x, y)
    high, wide = ground.share.shape
    return known.reshape(high, 4, wide, 4).mean(axis=(1, 3))


@pytest.mark.parametrize("reach_m", [20.0, 500.0])
def test_every_pixel_is_the_devkit_s(index: NuScenesIndex, reach_m: float) -> None:
    maps = read_ground_maps(index, index.scenes(), reach_m)
    (ground,) = maps.values()
    assert set(maps) == {"scene-0000"}
    assert ground.share.shape >= (100, 100)
    assert 0.3 < ground.share.mean() / 255 < 0.7
    expected = devkit_share(ground, index.dataroot / "maps/a.png")
    np.testing.assert_allclose(ground.share / 255, expected, atol=0.01)


@pytest.mark.slow  # a map of 320 million pixels
def test_real_objects_stand_on_the_road(nuscenes_real: Path) -> None:
    """Singapore: cars are on drivable ground, and most people are beside it."""
    index = open_index(nuscenes_real, "v1.0-mini")
    scenes = [scene for scene in index.scenes() if scene.name == "scene-0061"]
    ground = read_ground_maps(index, scenes, 60.0)["scene-0061"]
    notes = index.sample(scenes[0].first_row).annotations
    pixel_from_global = np.linalg.inv(ground.global_from_pixel)
    on_road: dict[str, list[bool]] = {"vehicle.car": [], "human.pedestrian.adult": []}
    for name, place in zip(notes.category, notes.center_global, strict=True):
        column, row = (pixel_from_global @ [*place[:2], 0, 1])[:2].astype(int)
        inside = 0 <= row < len(ground.share) and 0 <= column < ground.share.shape[1]
        if name in on_road and inside:
            on_road[name].append(bool(ground.share[row, column] > 127))
    assert len(on_road["vehicle.car"]) > 4
    assert np.mean(on_road["vehicle.car"]) > 0.9
    assert np.mean(on_road["human.pedestrian.adult"]) < 0.5


@pytest.mark.parametrize("fault", ["missing", "cut", "huge", "far"])
def test_without_a_map_there_is_a_warning(
    index: NuScenesIndex, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = index.dataroot / "maps/a.png"
    if fault == "missing":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif fault == "huge":  # 3.6 gigabytes, of which the file has none
        whole = path.read_bytes()
        header = whole[12:16] + 2 * (60_000).to_bytes(4, "big") + whole[24:29]
        path.write_bytes(whole[:12] + header + zlib.crc32(header).to_bytes(4, "big") + whole[33:])
    else:  # a map that ends before the scene begins
        Image.new("L", (50, 50)).save(path)
    assert read_ground_maps(index, index.scenes(), 20.0) == {}
    assert ("the map is not drawn" in caplog.text) == (fault != "far")
    assert ("promises 60000x60000 pixels" in caplog.text) == (fault == "huge")
