"""Earlier images of a frame's cameras; the tables, walked link by link, are the oracle."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from pyquaternion import Quaternion

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.past import PastImages
from drivetr.data.sampler import DrawKey
from drivetr.data.transforms import CameraDrop, ResizeCropFlip
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables

RIG = ("CAM_FRONT", "CAM_BACK")
SAMPLES = 6


class World:
    """A scene whose cameras take five sweeps between two keyframes, every image of one shade."""

    def __init__(self, root, sweeps=5):
        self.root = root
        shape = TableShape(
            scenes=1, samples_per_scene=SAMPLES, cameras=RIG, camera_sweeps=sweeps, lidar_sweeps=0,
            radars=0, objects_per_scene=0,
        )  # fmt: skip
        self.tables = make_tables(shape)
        self.rows = {row["token"]: row for row in self.tables["sample_data"]}
        self.samples = sorted(self.tables["sample"], key=lambda row: row["timestamp"])
        channels = {row["token"]: row["channel"] for row in self.tables["sensor"]}
        self.calibration = {row["token"]: row for row in self.tables["calibrated_sensor"]}
        self.channel = {key: channels[row["sensor_token"]] for key, row in self.calibration.items()}
        self.pose = {row["token"]: row for row in self.tables["ego_pose"]}
        for shade, row in enumerate(self.tables["sample_data"]):
            row.update(height=9, width=16, shade=shade + 1)
            path = root / row["filename"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 9), (shade + 1,) * 3).save(path, "PNG")
        write_tables(root, self.tables, "v1.0-own")
        (root / "v1.0-own" / "splits.json").write_text('{"all": ["scene-0000"]}')

    def open(self, past, **options):
        index = open_index(self.root, "v1.0-own", out_dir=self.root.parent / "index")
        return NuScenesDataset(index, "all", past=past, **options)

    def keyframe(self, number, channel):
        sample = self.samples[number]["token"]
        return next(
            row
            for row in self.rows.values()
            if row["sample_token"] == sample
            and row["is_key_frame"]
            and self.channel[row["calibrated_sensor_token"]] == channel
        )

    def history(self, number, channel):
        """The rows before a keyframe, newest first, by their `prev` links."""
        row, found = self.keyframe(number, channel), []
        while row["prev"]:
            row = self.rows[row["prev"]]
            found.append(row)
        return found

    def matrix(self, record):
        turn = Quaternion(record["rotation"]).rotation_matrix
        return np.block([[turn, np.array(record["translation"])[:, None]], [0, 0, 0, 1]])

    def pixel(self, row, point_global):
        """Where an image shows a place in the world."""
        calibration = self.calibration[row["calibrated_sensor_token"]]
        ego = np.linalg.inv(self.matrix(self.pose[row["ego_pose_token"]])) @ [*point_global, 1]
        cam = np.linalg.inv(self.matrix(calibration)) @ ego
        uvd = np.array(calibration["camera_intrinsic"]) @ cam[:3]
        return uvd[:2] / uvd[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("past") / "root")


def shades(frame) -> list[int]:
    return frame.images[:, 0, 0, 0].tolist()


class TestChoice:
    @pytest.mark.parametrize(
        ("length", "chance", "expected"),
        [(40, 0.0, 3), (40, 0.9999, 26), (10, 0.0, 3), (10, 0.9999, 9), (2, 0.7, 1), (1, 0.7, 0)],
    )
    def test_published_training(self, length, chance, expected):
        assert PastImages(3, 27).choose(length, chance) == expected

    def test_all_places_are_equally_likely(self):
        chances = (np.arange(2400) + 0.5) / 2400
        places = [PastImages(3, 27).choose(100, chance) for chance in chances]
        assert np.bincount(places)[3:].tolist() == [100] * 24

    @pytest.mark.parametrize("options", [{"first": 27}, {"first": -1}, {"age_without_s": 0.0}])
    def test_nonsense(self, options):
        with pytest.raises(ValueError, match="age_without_s"):
            PastImages(**options)


class TestFrames:
    def test_published_test_takes_place_14(self, world):
        frame = world.open(PastImages(14, 15))[4]
        rows = [world.keyframe(4, name) for name in RIG]
        rows += [world.history(4, name)[14] for name in RIG]
        assert frame.camera_names == ("CAM_FRONT", "CAM_BACK", "CAM_FRONT_PAST", "CAM_BACK_PAST")
        assert shades(frame) == [row["shade"] for row in rows]
        now = world.samples[4]["timestamp"]
        ages = [(now - row["timestamp"]) / 1e6 for row in rows]
        assert frame.cameras.age_s.tolist() == pytest.approx(ages, abs=1e-9)
        assert 1.1 < frame.cameras.age_s[2] < 1.4

    def test_keyframes_count_like_sweeps(self, world):
        """Five sweeps lie between two keyframes: place 5 is the keyframe before."""
        frame = world.open(PastImages(5, 6))[3]
        assert shades(frame)[2:] == [world.keyframe(2, name)["shade"] for name in RIG]

    def test_past_image_shows_the_present_frame(self, world):
        """What stands still in the present reference frame lands on the pixel it had then."""
        frame = world.open(PastImages(14, 15))[4]
        rng = np.random.default_rng(0)
        for n, name in enumerate(RIG):
            row = world.history(4, name)[14]
            for point_global in rng.uniform(-40, 40, (5, 3)) + [1000, 2000, 0]:
                there = torch.tensor([*point_global, 1.0], dtype=torch.float64)
                point_lidar = torch.linalg.inv(frame.global_from_lidar) @ there
                uvd = frame.cameras.img_from_lidar[2 + n] @ point_lidar
                np.testing.assert_allclose(
                    (uvd[:2] / uvd[2]).numpy(), world.pixel(row, point_global), atol=1e-6
                )

    def test_oldest_image_where_the_history_is_short(self, world):
        frame = world.open(PastImages(14, 15))[1]
        assert shades(frame)[2:] == [world.history(1, name)[-1]["shade"] for name in RIG]

    def test_present_image_where_there_is_no_history(self, world):
        frame = world.open(PastImages(14, 15))[0]
        assert shades(frame)[2:] == shades(frame)[:2]
        assert torch.equal(frame.cameras.img_from_lidar[2:], frame.cameras.img_from_lidar[:2])
        assert frame.cameras.age_s[2:].tolist() == pytest.approx([15 * 0.083] * 2)

    def test_one_draw_for_all_cameras(self, world):
        dataset = world.open(PastImages(3, 27))
        of_camera = [[row["shade"] for row in world.history(5, name)] for name in RIG]
        places = set()
        for seed in range(60):
            front, back = shades(dataset[DrawKey(5, seed)])[2:]
            assert of_camera[0].index(front) == of_camera[1].index(back)
            places.add(of_camera[0].index(front))
        assert min(places) >= 3
        assert max(places) <= 26
        assert len(places) > 12

    def test_other_draws_stay_what_they_are(self, world):
        """A past image does not change how the present ones are cut."""
        cut = [ResizeCropFlip((6, 8), (1.0, 2.0), random_shift=True, flip_prob=0.5)]
        plain, both = (world.open(past, transforms=cut) for past in (None, PastImages(3, 27)))
        for seed in range(5):
            key = DrawKey(5, seed)
            expected = plain[key].cameras.img_from_lidar
            assert torch.equal(both[key].cameras.img_from_lidar[:2], expected)

    def test_keyframes_alone(self, tmp_path):
        world = World(tmp_path / "root", sweeps=0)
        frame = world.open(PastImages(1, 2))[4]
        assert shades(frame)[2:] == [world.keyframe(2, name)["shade"] for name in RIG]


class TestTransforms:
    def test_a_past_image_moves_like_its_camera(self, world):
        raw = world.open(PastImages(14, 15)).raw_frame(4)
        move = ResizeCropFlip((6, 8), (1.0, 2.0), random_shift=True, flip_prob=0.5)
        for seed in range(5):
            after = move(raw, torch.Generator().manual_seed(seed))
            maps = after.cameras.img_from_lidar @ raw.cameras.lidar_from_img
            torch.testing.assert_close(maps[2:], maps[:2], atol=1e-8, rtol=0)

    def test_a_camera_that_fails_has_no_past(self, world):
        raw, generator = world.open(PastImages(14, 15)).raw_frame(4), torch.Generator()
        for _ in range(8):
            valid = CameraDrop(prob=1.0, max_cameras=5)(raw, generator).cameras.valid
            assert valid[:2].sum() == 1
            assert torch.equal(valid[2:], valid[:2])


class TestFiles:
    def test_missing_sweep(self, tmp_path):
        world = World(tmp_path / "root")
        lost = world.history(5, "CAM_BACK")[14]
        (world.root / lost["filename"]).unlink()
        with pytest.raises(
            DrivetrError, match="1 of 18 images are missing or empty: sweeps/CAM_BACK"
        ):
            world.open(PastImages(14, 15))
        assert world.open(PastImages(13, 14))[5].cameras.valid.all()
        tolerant = world.open(PastImages(14, 15), missing_images="tolerant", missing_limit=1.0)
        assert tolerant[5].cameras.valid.tolist() == [True, True, True, False]

    def test_absent_camera(self, tmp_path):
        world = World(tmp_path / "root")
        lost = world.keyframe(5, "CAM_BACK")
        world.tables["sample_data"].remove(lost)
        world.rows[lost["prev"]]["next"] = ""
        write_tables(world.root, world.tables, "v1.0-own")
        frame = world.open(PastImages(14, 15))[5]
        assert frame.cameras.valid.tolist() == [True, False, True, False]
        assert math.isfinite(frame.cameras.age_s.sum())
