"""NuScenesDataset on small made-up rigs, and on real keyframes against the devkit."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.data.lane_sampler import LaneSampler, split_evenly
from drivetr.data.nuscenes.assemble import NUSCENES_CAMERAS
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.sampler import DrawKey, StreamSampler
from drivetr.data.transforms import (
    CameraDrop,
    GlobalRotScaleTransFlip,
    GridMask,
    PhotometricDistortion,
    ResizeCropFlip,
)
from drivetr.errors import DrivetrError
from drivetr.geometry.boxes import BoxColumn, box_corners, box_yaw
from drivetr.geometry.camera import project_points
from drivetr.geometry.rigid import transform_points
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import collate_frames
from tests.data.nuscenes.table_factory import TableShape, key_rows, make_tables, write_tables

SIX = dict.fromkeys(NUSCENES_CAMERAS, (45, 80))
NUM_SAMPLES = 2


class Dataroot:
    """Two samples with small images and one car; tables may be changed before `write`."""

    def __init__(self, root, rig, lidar=True):
        self.root = root
        shape = TableShape(
            scenes=1, samples_per_scene=NUM_SAMPLES, cameras=tuple(rig), camera_sweeps=0,
            lidar=lidar, lidar_sweeps=0, radars=0, objects_per_scene=0,
        )  # fmt: skip
        self.tables = make_tables(shape, shuffle=False)
        self.samples = [row["token"] for row in self.tables["sample"]]
        for n, row in enumerate(self.tables["sample"]):
            row["timestamp"] = 500_000 * n
        calibrations = {row["token"]: row for row in self.tables["calibrated_sensor"]}
        for name, (height, width) in rig.items():
            for n, row in enumerate(key_rows(self.tables, name)):
                row.update(height=height, width=width, filename=f"samples/{name}/{n}.png")
                calibration = calibrations[row["calibrated_sensor_token"]]
                calibration["camera_intrinsic"] = [
                    [0.8 * width, 0.0, width / 2], [0.0, 0.8 * width, height / 2], [0.0, 0.0, 1.0],
                ]  # fmt: skip
        self._add_car()

    def _add_car(self):
        """A car that stands 15 m ahead of ego and drives one metre between the samples."""
        category = next(row for row in self.tables["category"] if row["name"] == "vehicle.car")
        tokens = [f"box{n}" for n in range(NUM_SAMPLES)]
        self.tables["instance"] = [
            {
                "token": "car", "category_token": category["token"], "nbr_annotations": NUM_SAMPLES,
                "first_annotation_token": tokens[0], "last_annotation_token": tokens[-1],
            }
        ]  # fmt: skip
        self.tables["sample_annotation"] = [
            {
                "token": tokens[n], "sample_token": self.samples[n], "instance_token": "car",
                "visibility_token": "4", "attribute_tokens": [], "rotation": [1.0, 0.0, 0.0, 0.0],
                "translation": [1015.0 + n, 2000.5, 0.5], "size": [1.9, 4.5, 1.6],
                "prev": tokens[n - 1] if n else "", "next": tokens[n + 1] if n == 0 else "",
                "num_lidar_pts": 5, "num_radar_pts": 0,
            }
            for n in range(NUM_SAMPLES)
        ]  # fmt: skip

    def remove_images(self, remove):
        """Takes away the images whose file name meets a condition, and the links to them."""
        rows = [row for row in self.tables["sample_data"] if not remove(row["filename"])]
        tokens = {row["token"] for row in rows}
        for row in rows:
            row.update({key: row[key] if row[key] in tokens else "" for key in ("prev", "next")})
        self.tables["sample_data"] = rows

    def write(self):
        """Writes tables and images; each image has a shade of its own."""
        write_tables(self.root, self.tables, "v1.0-own")
        names = [row["name"] for row in self.tables["scene"]]
        (self.root / "v1.0-own" / "splits.json").write_text(json.dumps({"all": names}))
        for n, row in enumerate(self.tables["sample_data"]):
            path = self.root / row["filename"]
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((max(row["height"], 1), max(row["width"], 1), 3), 20 + 5 * n, np.uint8)
            Image.fromarray(pixels).save(path, "PNG")
        return self

    def open(self, **options):
        index = open_index(self.root, "v1.0-own", out_dir=self.root.parent / "index")
        return NuScenesDataset(index, "all", **options)


@pytest.fixture
def six(tmp_path):
    return Dataroot(tmp_path / "root", SIX)


class TestTime:
    """When the frames were taken, and which of them go on from the one before."""

    @staticmethod
    def drive(root, steps_us, stand=False):
        """A scene of as many samples as steps, each so long after the one before.

        Its objects move, or stand.
        """
        shape = TableShape(
            scenes=1, samples_per_scene=len(steps_us), camera_sweeps=0, lidar_sweeps=0, radars=0
        )
        tables = make_tables(shape, shuffle=False)
        for row, time in zip(tables["sample"], np.cumsum(steps_us).tolist(), strict=True):
            row["timestamp"] = time
        for row in tables["sample_data"]:
            row.update(height=9, width=16, filename="pixel.png")
        places = {row["instance_token"]: row["translation"] for row in tables["sample_annotation"]}
        for row in tables["sample_annotation"] if stand else ():
            row["translation"] = places[row["instance_token"]]
        write_tables(root, tables, "v1.0-own")
        (root / "v1.0-own" / "splits.json").write_text('{"all": ["scene-0000"]}')
        Image.new("RGB", (16, 9)).save(root / "pixel.png")
        index = open_index(root, "v1.0-own", out_dir=root.parent / "index")
        turn = GlobalRotScaleTransFlip()
        return NuScenesDataset(index, "all", transforms=[turn], min_points=0)

    def test_age_is_from_exposure_to_the_moment_of_the_sample(self, six):
        for n, row in enumerate(key_rows(six.tables, "CAM_BACK")):
            row["timestamp"] = 500_000 * n - 20_000
        six.remove_images(lambda name: name == "samples/CAM_FRONT/1.png")
        frame = six.write().open()[1]
        assert frame.cameras.age_s.dtype == torch.float64
        assert frame.cameras.age_s[3].item() == pytest.approx(0.02, abs=1e-9)
        assert frame.cameras.age_s[0].item() == 0.0

    def test_a_gap_breaks_the_run(self, tmp_path):
        dataset = self.drive(tmp_path / "root", [0, 500_000, 500_000, 700_000, 500_000])
        assert dataset.sequences() == [range(0, 3), range(3, 5)]
        assert [dataset[i].continues for i in range(5)] == [False, True, True, False, True]
        assert dataset[-1].continues

    def test_a_key_and_the_dataset_have_to_agree(self, tmp_path):
        dataset = self.drive(tmp_path / "root", [0, 500_000, 700_000])
        told = [dataset[DrawKey(i, 7, 8, continues=True)].continues for i in range(3)]
        assert told == [False, True, False]
        assert not dataset[DrawKey(1, 7, 8)].continues

    def test_a_lane_turns_all_frames_of_a_sequence_alike(self, tmp_path):
        dataset = self.drive(tmp_path / "root", [500_000] * 8)
        sampler = LaneSampler(split_evenly(dataset.sequences(), 2), batch_size=1)
        keys = [sampler.key_at(p) for p in range(16)]
        assert [key.continues for key in keys] == [False, True, True, True] * 4
        turns = []
        for key in keys:
            as_recorded = dataset.raw_frame(key.index).global_from_lidar
            turns.append(torch.linalg.inv(as_recorded) @ dataset[key].global_from_lidar)
        for start in range(0, 16, 4):
            for turn in turns[start + 1 : start + 4]:
                torch.testing.assert_close(turn, turns[start], atol=1e-9, rtol=0)
        assert all(not torch.allclose(turns[0], turn, atol=1e-3) for turn in turns[4::4])

    def test_augmented_frames_of_a_sequence_move_as_the_car_did(self, tmp_path):
        """Between two frames lies the car's own motion, told in the augmented frame: rigid."""
        dataset = self.drive(tmp_path / "root", [500_000] * 6)
        dataset.transforms = (
            GlobalRotScaleTransFlip(translation_std=(1.0, 1.0, 0.2), mirror_x_prob=1.0),
            GlobalRotScaleTransFlip(mirror_y_prob=0.5),
        )
        for sequence_seed in range(4):
            keys = [DrawKey(i, 100 + i, sequence_seed, continues=i > 0) for i in range(6)]
            poses = [dataset[key].global_from_lidar for key in keys]
            truth = [dataset.raw_frame(i).global_from_lidar for i in range(6)]
            aug_from_lidar = torch.linalg.inv(poses[0]) @ truth[0]
            assert abs(torch.linalg.det(aug_from_lidar[:3, :3]) - 1) > 1e-3  # it does something
            for t in range(1, 6):
                relative = torch.linalg.inv(poses[t]) @ poses[t - 1]
                turn = relative[:3, :3]
                torch.testing.assert_close(turn @ turn.T, torch.eye(3).double(), atol=1e-9, rtol=0)
                assert torch.linalg.det(turn).item() == pytest.approx(1.0, abs=1e-9)
                moved = torch.linalg.inv(truth[t]) @ truth[t - 1]
                expected = aug_from_lidar @ moved @ torch.linalg.inv(aug_from_lidar)
                torch.testing.assert_close(relative, expected, atol=1e-8, rtol=0)

    def test_a_standing_object_stays_on_its_place_in_the_world(self, tmp_path):
        dataset = self.drive(tmp_path / "root", [500_000] * 6, stand=True)
        places: dict[int, list[torch.Tensor]] = {}
        for i in range(6):
            frame = dataset[DrawKey(i, 100 + i, sequence_seed=3, continues=i > 0)]
            centers = transform_points(frame.global_from_lidar, frame.targets.boxes[:, :3].double())
            for number, center in zip(frame.targets.instance.tolist(), centers, strict=True):
                places.setdefault(number, []).append(center)
        seen_again = [torch.stack(found) for found in places.values() if len(found) > 1]
        assert len(seen_again) > 2
        for found in seen_again:
            assert (found - found[0]).abs().max() < 1e-4  # boxes are float32, some 100 m away

    def test_plain_indices_turn_an_unbroken_run_alike(self, tmp_path):
        dataset = self.drive(tmp_path / "root", [0, 500_000, 700_000, 500_000])
        turns = [
            torch.linalg.inv(dataset.raw_frame(i).global_from_lidar) @ dataset[i].global_from_lidar
            for i in range(4)
        ]
        torch.testing.assert_close(turns[1], turns[0], atol=1e-9, rtol=0)
        torch.testing.assert_close(turns[3], turns[2], atol=1e-9, rtol=0)
        assert not torch.allclose(turns[2], turns[1], atol=1e-3)


class TestPoints:
    """Which boxes are targets where nothing counted points."""

    @staticmethod
    def without_counts(root, lidar):
        data = Dataroot(root, SIX, lidar=lidar)
        for row in data.tables["sample_annotation"]:
            row["num_lidar_pts"] = 0
        return data.write()

    def test_without_a_lidar_all_boxes_are(self, tmp_path):
        frame = self.without_counts(tmp_path / "root", lidar=False).open()[0]
        assert len(frame.targets) == 1

    def test_with_a_lidar_that_is_refused(self, tmp_path):
        data = self.without_counts(tmp_path / "root", lidar=True)
        with pytest.raises(DrivetrError, match="every box has 0 in num_lidar_pts"):
            data.open()
        assert len(data.open(min_points=0)[0].targets) == 1
        assert len(data.open(with_targets=False)) == NUM_SAMPLES


class TestRigs:
    def test_six_cameras(self, six):
        dataset = six.write().open()
        frame = dataset[1]
        assert len(dataset) == NUM_SAMPLES
        assert dataset.tokens == six.samples
        assert (frame.token, frame.scene) == (six.samples[1], "scene-0000")
        assert frame.timestamp_us == 500_000
        assert frame.images.shape == (6, 3, 45, 80)
        assert frame.camera_names == tuple(SIX)
        assert frame.cameras.valid.all()
        assert [DETECTION_CLASSES[label] for label in frame.targets.labels] == ["car"]
        assert frame.targets.boxes.dtype == torch.float32

    def test_seven_cameras_of_other_names_and_sizes(self, tmp_path):
        rig = {f"EYE_{n}": (40 + 2 * n, 90 - 3 * n) for n in range(7)}
        dataset = Dataroot(tmp_path / "root", rig).write().open()
        frame = dataset[0]
        assert frame.images.shape == (7, 3, 52, 90)
        assert frame.cameras.image_size.tolist() == [list(size) for size in rig.values()]
        resized = ResizeCropFlip((32, 64))(frame, torch.Generator())
        assert resized.images.shape == (7, 3, 32, 64)
        assert (resized.images.flatten(1).amin(1) > 0).all()

    def test_rig_without_lidar_refers_to_ego(self, tmp_path):
        frame = Dataroot(tmp_path / "root", SIX, lidar=False).write().open(min_points=0)[0]
        assert torch.equal(frame.ego_from_lidar, torch.eye(4, dtype=torch.float64))
        turn = frame.global_from_lidar[:3, :3]
        center_global = torch.tensor([1015.0, 2000.5, 0.5], dtype=torch.float64)
        back = turn.T @ (center_global - frame.global_from_lidar[:3, 3])
        torch.testing.assert_close(frame.targets.boxes[0, :3].double(), back, atol=1e-5, rtol=0)

    def test_a_camera_that_looks_at_the_box_sees_it(self, six):
        """CAM_FRONT looks along x of the car; the box stands 15 m ahead."""
        frame = six.write().open()[0]
        uv, depth = project_points(
            frame.cameras.img_from_lidar, frame.targets.boxes[:, :3].double()
        )
        inside = (depth > 0) & (uv > 0).all(-1) & (uv[..., 0] < 80) & (uv[..., 1] < 45)
        assert inside[:, 0].tolist() == [True, False, False, False, False, False]


class TestAbsentCameras:
    def test_five_of_six(self, six):
        six.remove_images(lambda name: name == "samples/CAM_BACK/1.png")
        dataset = six.write().open()
        frame = dataset[1]
        assert frame.cameras.valid.tolist() == [True, True, True, False, True, True]
        assert not frame.images[3].any()
        assert torch.isfinite(frame.cameras.lidar_from_img).all()
        assert dataset[0].cameras.valid.all()
        collate_frames([ResizeCropFlip((32, 64))(dataset[i], torch.Generator()) for i in (0, 1)])

    def test_none_at_all(self, six):
        six.remove_images(lambda name: name.endswith("/1.png"))
        dataset = six.write().open(
            transforms=[ResizeCropFlip((32, 64), flip_prob=0.5), CameraDrop(1)]
        )
        frame = dataset[1]
        assert not frame.cameras.valid.any()
        assert not frame.images.any()
        assert frame.images.shape == (6, 3, 32, 64)
        assert torch.isfinite(frame.cameras.lidar_from_img).all()
        assert len(frame.targets) == 1


class TestBrokenImages:
    def test_strict_names_the_file(self, six):
        dataset = six.write().open()
        (six.root / "samples/CAM_BACK/1.png").unlink()
        assert dataset[0].cameras.valid.all()
        with pytest.raises(DrivetrError, match=r"samples/CAM_BACK/1\.png"):
            dataset[1]

    def test_strict_lists_ten_missing_files_and_counts_the_rest(self, six):
        six.write()
        for n, path in enumerate(sorted(six.root.glob("samples/*/*.png"))):
            if n < 11:
                path.unlink()
        said = r"11 of 12 images are missing or empty: samples/CAM_\w+/\d\.png, .* and 1 more"
        with pytest.raises(DrivetrError, match=said) as error:
            six.open()
        assert str(error.value).count(".png") == 10

    @pytest.mark.parametrize("damage", ["gone", "empty", "cut"])
    def test_tolerant_masks_the_camera(self, six, damage):
        dataset = six.write().open(missing_images="tolerant", missing_limit=0.1)
        path = six.root / "samples/CAM_BACK/1.png"
        data = path.read_bytes()
        path.unlink() if damage == "gone" else path.write_bytes(
            {"empty": b"", "cut": data[:60]}[damage]
        )
        frame = dataset[1]
        assert frame.cameras.valid.tolist() == [True, True, True, False, True, True]
        assert not frame.images[3].any()
        assert frame.cameras.image_size.tolist() == [[45, 80]] * 6
        assert list(dataset.image_loader.broken) == ["samples/CAM_BACK/1.png"]

    def test_tolerant_has_a_limit_of_one_percent(self, six):
        dataset = six.write().open(missing_images="tolerant")
        (six.root / "samples/CAM_BACK/1.png").unlink()
        with pytest.raises(DrivetrError, match=r"1 of 12 images .* missing_limit=1\.00%"):
            dataset[1]

    def test_link_that_leaves_the_dataroot(self, six, tmp_path):
        dataset = six.write().open(missing_images="tolerant", missing_limit=1.0)
        path = six.root / "samples/CAM_BACK/1.png"
        path.rename(tmp_path / "outside.png")
        path.symlink_to(tmp_path / "outside.png")
        with pytest.raises(DrivetrError, match="leaves the dataroot"):
            dataset[1]


class TestImageSize:
    def shrink(self, six):
        path = six.root / "samples/CAM_FRONT/1.png"
        Image.open(path).resize((40, 30)).save(path)

    def test_another_size_is_refused(self, six):
        dataset = six.write().open(missing_images="tolerant", missing_limit=1.0)
        self.shrink(six)
        with pytest.raises(DrivetrError, match=r"CAM_FRONT/1\.png: is 40x30 .* 80x45"):
            dataset[1]

    def test_calibration_follows_on_request(self, six):
        dataset = six.write().open(rescale_intrinsics=True)
        before = dataset[1]
        self.shrink(six)
        after = dataset[1]
        assert after.cameras.image_size.tolist() == [[30, 40]] + [[45, 80]] * 5
        point = before.targets.boxes[:, :3].double()
        uv = [project_points(f.cameras.img_from_lidar[0], point)[0][0] for f in (before, after)]
        torch.testing.assert_close(uv[1], uv[0] * torch.tensor([0.5, 30 / 45], dtype=torch.float64))


class TestTargets:
    def test_no_annotations(self, six):
        six.tables["sample_annotation"] = six.tables["sample_annotation"][:1]
        six.tables["sample_annotation"][0]["next"] = ""
        six.tables["instance"][0].update(last_annotation_token="box0", nbr_annotations=1)
        dataset = six.write().open(transforms=[GlobalRotScaleTransFlip()])
        batch = collate_frames([dataset[0], dataset[1]])
        assert [len(t) for t in batch.targets] == [1, 0]
        assert batch.targets[1].boxes.shape == (0, 10)
        # One observation has no neighbour to take a velocity from.
        assert batch.targets[0].boxes[0, BoxColumn.VX :].isnan().all()

    def test_velocity_follows_the_tables(self, six):
        boxes = six.write().open()[0].targets.boxes
        speed = boxes[0, BoxColumn.VX :].norm().item()
        assert speed == pytest.approx(1 / 0.5, rel=1e-6)  # one metre in half a second

    def test_without_targets(self, six):
        assert six.write().open(with_targets=False)[0].targets is None

    def test_points(self, six):
        six.tables["sample_annotation"][0]["num_lidar_pts"] = 0
        six.write()
        assert [len(six.open()[n].targets) for n in range(NUM_SAMPLES)] == [0, 1]
        assert len(six.open(min_points=0)[0].targets) == 1


class TestDraws:
    TRANSFORMS = (
        ResizeCropFlip((32, 64), (0.9, 1.2), random_shift=True, flip_prob=0.5),
        GlobalRotScaleTransFlip(mirror_y_prob=0.5),
        PhotometricDistortion(),
        GridMask(),
        CameraDrop(0.5),
    )

    @staticmethod
    def same(a, b):
        return torch.equal(a.images, b.images) and torch.equal(
            a.cameras.img_from_lidar, b.cameras.img_from_lidar
        )

    def test_a_key_fixes_all_draws(self, six):
        dataset = six.write().open(transforms=self.TRANSFORMS)
        assert self.same(dataset[DrawKey(1, 77)], dataset[DrawKey(1, 77)])
        assert not self.same(dataset[DrawKey(1, 77)], dataset[DrawKey(1, 78)])

    def test_a_plain_index_always_draws_the_same(self, six):
        dataset = six.write().open(transforms=self.TRANSFORMS)
        torch.manual_seed(1)
        first = dataset[0]
        torch.manual_seed(2)
        assert self.same(first, dataset[0])

    def test_workers_change_nothing(self, six):
        dataset = six.write().open(transforms=self.TRANSFORMS)

        def first_images(workers):
            sampler = StreamSampler(len(dataset), 2, seed=3)
            loader = torch.utils.data.DataLoader(
                dataset, 2, sampler=sampler, num_workers=workers, collate_fn=collate_frames
            )
            return [batch.images for batch, _ in zip(loader, range(3), strict=False)]

        for alone, worker in zip(first_images(0), first_images(2), strict=True):
            assert torch.equal(alone, worker)

    def test_opens_by_path_and_version(self, six, monkeypatch, tmp_path):
        monkeypatch.setenv("DRIVETR_CACHE", str(tmp_path / "cache"))
        six.write()
        assert len(NuScenesDataset((six.root, "v1.0-own"), "all")) == NUM_SAMPLES


@pytest.fixture(scope="module")
def devkit(nuscenes_real):
    from nuscenes.nuscenes import NuScenes

    return NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)


@pytest.fixture(scope="module")
def real_frames(nuscenes_real, tmp_path_factory):
    index = open_index(nuscenes_real, "v1.0-mini", out_dir=tmp_path_factory.mktemp("index"))
    datasets = [NuScenesDataset(index, split, min_points=0) for split in ("mini_train", "mini_val")]
    return [(d.raw_frame(i), index.sample(int(d.rows[i]))) for d in datasets for i in range(len(d))]


class TestRealKeyframes:
    """nuscenes-devkit is the oracle."""

    def test_three_keyframes_of_six_images(self, real_frames):
        assert [f.scene for f, _ in real_frames] == ["scene-0061", "scene-0103", "scene-0103"]
        for frame, _ in real_frames:
            assert frame.images.shape == (6, 3, 900, 1600)
            assert frame.cameras.valid.all()

    def test_projection_of_the_corners(self, devkit, real_frames):
        """The devkit's tilted boxes, as raw points, land on the devkit's pixels."""
        from nuscenes.utils.geometry_utils import BoxVisibility, view_points

        compared = 0
        for frame, _ in real_frames:
            sample = devkit.get("sample", frame.token)
            lidar_from_global = torch.linalg.inv(frame.global_from_lidar)
            for n, name in enumerate(frame.camera_names):
                _, boxes_cam, intrinsic = devkit.get_sample_data(
                    sample["data"][name], box_vis_level=BoxVisibility.NONE
                )
                for box_cam in boxes_cam:
                    corners_cam = box_cam.corners()
                    if corners_cam[2].min() < 0.5:
                        continue
                    expected = view_points(corners_cam, intrinsic, normalize=True)[:2].T
                    corners = torch.from_numpy(devkit.get_box(box_cam.token).corners().T)
                    corners = corners @ lidar_from_global[:3, :3].T + lidar_from_global[:3, 3]
                    uv, depth = project_points(frame.cameras.img_from_lidar[n], corners)
                    assert np.abs(uv.numpy() - expected).max() < 1e-3
                    assert np.abs(depth.numpy() - corners_cam[2]).max() < 1e-6
                    compared += 1
        assert compared > 200

    def test_boxes_against_the_devkit(self, devkit, real_frames):
        compared = 0
        for frame, record in real_frames:
            lidar = devkit.get("sample", frame.token)["data"]["LIDAR_TOP"]
            of_token = {b.token: b for b in devkit.get_sample_data(lidar)[1]}
            of_instance = dict(
                zip(record.annotations.instance.tolist(), record.annotations.token, strict=True)
            )
            for row, instance in zip(frame.targets.boxes, frame.targets.instance, strict=True):
                token = of_instance[int(instance)]
                box = of_token[token]
                assert row[:3].numpy() == pytest.approx(box.center, abs=1e-6)
                assert row[[4, 3, 5]].numpy() == pytest.approx(box.wlh)
                forward = box.rotation_matrix[:, 0]
                gap = box_yaw(row).item() - math.atan2(forward[1], forward[0])
                assert abs(math.remainder(gap, 2 * math.pi)) < 1e-6
                velocity_global = np.append(devkit.box_velocity(token)[:2], 0.0)
                velocity = np.linalg.inv(frame.global_from_lidar.numpy())[:3, :3] @ velocity_global
                assert row[8:].numpy() == pytest.approx(velocity[:2], abs=1e-6, nan_ok=True)
                compared += 1
        assert compared > 100

    def test_published_velocities(self, nuscenes_real, real_frames):
        """Of the sample whose devkit velocity is the official one; (0, 0) may stand for NaN."""
        reference = json.loads((nuscenes_real / "gt_velocity_reference.json").read_text())[
            "velocity"
        ]
        frame, record = real_frames[1]
        of_instance = dict(
            zip(record.annotations.instance.tolist(), record.annotations.token, strict=True)
        )
        compared = 0
        for row, instance in zip(frame.targets.boxes, frame.targets.instance, strict=True):
            expected = reference[of_instance[int(instance)]]
            if expected == [0.0, 0.0] or row[8:].isnan().any():
                continue
            # The file's boxes have come through a planar rotation; ours tilt with the lidar.
            assert row[8:].tolist() == pytest.approx(expected, abs=2e-2)
            compared += 1
        assert compared > 10

    def test_unknown_velocities_are_nan(self, real_frames):
        velocity = real_frames[0][0].targets.boxes[:, BoxColumn.VX :]
        assert velocity.isnan().all()

    def test_augmented_keyframes_keep_boxes_on_their_pixels(self, real_frames):
        frame = real_frames[1][0]
        shrunk = ResizeCropFlip((256, 704))
        generator = torch.Generator().manual_seed(0)
        plain = shrunk(frame, generator)
        turned = GlobalRotScaleTransFlip((-0.4, 0.4), mirror_x_prob=1.0)(plain, generator)
        uv = [
            project_points(f.cameras.img_from_lidar, box_corners(f.targets.boxes).reshape(1, -1, 3))
            for f in (plain, turned)
        ]
        seen = uv[0][1] > 0.5
        pixels = [x.unflatten(1, (-1, 8)) for x, _ in uv]
        gap = torch.cdist(pixels[0].flatten(0, 1), pixels[1].flatten(0, 1)).amin(-1)
        assert gap.reshape(6, -1)[seen].max() < 1e-3

    def test_replaced_transforms_do_not_touch_the_frame(self, real_frames):
        frame = real_frames[0][0]
        copy = replace(frame, images=frame.images.clone())
        for transform in TestDraws.TRANSFORMS:
            transform(frame, torch.Generator().manual_seed(0))
        assert torch.equal(frame.images, copy.images)
