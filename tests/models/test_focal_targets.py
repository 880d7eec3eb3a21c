"""2D ground truth against nuscenes-devkit on real keyframes; heat and hiding by plain loops."""

import math

import pytest
import torch
from nuscenes.nuscenes import NuScenes
from nuscenes.scripts import export_2d_annotations_as_json as export_2d
from torchvision.ops import box_iou

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.geometry.image_boxes import hull_bounds
from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.models.focal_targets import ViewTruth, centre_heat, in_sight, view_truths
from drivetr.structures.frame import collate_frames
from tests.models.samples import make_cameras, make_targets


@pytest.fixture(scope="module")
def frames(nuscenes_real, tmp_path_factory):
    """The real keyframes, each with the annotation tokens of its targets."""
    index = open_index(nuscenes_real, "v1.0-mini", out_dir=tmp_path_factory.mktemp("index"))
    datasets = [NuScenesDataset(index, split, min_points=0) for split in ("mini_train", "mini_val")]
    frames = []
    for dataset in datasets:
        for i, row in enumerate(dataset.rows.tolist()):
            frame, known = dataset.raw_frame(i), index.sample(row).annotations
            tokens = dict(zip(known.instance.tolist(), known.token, strict=True))
            frames.append((frame, [tokens[k] for k in frame.targets.instance.tolist()]))
    return frames


@pytest.fixture(scope="module")
def devkit(nuscenes_real):
    return NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)


class TestRealKeyframes:
    """The 2D annotations that the devkit exports are the oracle."""

    @pytest.fixture(autouse=True)
    def _names_the_dataset(self, devkit, monkeypatch):
        monkeypatch.setattr(export_2d, "nusc", devkit, raising=False)

    def exported(self, devkit, frame, camera):
        """Annotation token to its bounds in one camera, of all visibilities."""
        image = devkit.get("sample", frame.token)["data"][camera]
        records = export_2d.get_2d_boxes(image, ["", "1", "2", "3", "4"])
        return {
            r["sample_annotation_token"]: torch.tensor(r["bbox_corners"], dtype=torch.float64)
            for r in records
        }

    def test_bounds_of_the_devkits_own_corners(self, devkit, frames):
        compared = 0
        for frame, tokens in frames:
            corners = torch.stack([torch.from_numpy(devkit.get_box(t).corners().T) for t in tokens])
            corners = transform_points(invert_rigid(frame.global_from_lidar), corners)
            bounds = hull_bounds(frame.cameras.img_from_lidar, frame.cameras.image_size, corners)
            for n, name in enumerate(frame.camera_names):
                expected = self.exported(devkit, frame, name)
                for g, token in enumerate(tokens):
                    theirs = expected.get(token, torch.zeros(4, dtype=torch.float64))
                    torch.testing.assert_close(bounds[n, g], theirs, atol=1e-3, rtol=0)
                    compared += token in expected
        assert compared > 120

    def test_of_the_frames_boxes(self, devkit, frames):
        """Our boxes stand upright in the lidar's frame, the devkit's in the world's."""
        overlaps = []
        for frame, _ in frames:
            batch = collate_frames([frame])
            truths = view_truths(batch.targets[0], batch.cameras, 0)
            for truth, name in zip(truths, frame.camera_names, strict=True):
                nothing = torch.zeros(4, dtype=torch.float64)
                theirs = torch.stack([nothing, *self.exported(devkit, frame, name).values()])
                overlaps.append(box_iou(truth.bounds, theirs).amax(1))
        overlap = torch.cat(overlaps)
        assert len(overlap) > 100
        assert overlap.median() > 0.9
        assert overlap.min() > 0.6


def test_only_what_is_before_a_present_camera():
    cameras, target = make_cameras(), make_targets(30, seed=2)
    cameras.valid[0, 3] = False
    truths = view_truths(target, cameras, 0)
    assert len(truths[3].labels) == 0
    height, width = cameras.pad_size
    assert sum(len(t.labels) for t in truths) > 15
    for truth in truths:
        assert (truth.bounds >= 0).all()
        assert (truth.bounds <= torch.tensor([width, height, width, height])).all()
        assert (truth.bounds[:, 2:] - truth.bounds[:, :2] >= 2).all()
        assert (truth.centres >= 0).all()
        assert (truth.centres <= torch.tensor([width, height])).all()


def test_shares_of_the_input():
    truth = ViewTruth(
        torch.tensor([1]), torch.tensor([[10.0, 20.0, 30.0, 60.0]]), torch.tensor([[25.0, 50.0]])
    )
    assert truth.boxes((100, 200))[0].tolist() == pytest.approx([0.1, 0.4, 0.1, 0.4])
    assert truth.centre_shares((100, 200))[0].tolist() == pytest.approx([0.125, 0.5])


def test_in_sight_equals_a_look_at_every_pixel():
    generator = torch.Generator().manual_seed(5)
    low = torch.rand(40, 2, generator=generator) * 30
    bounds = torch.cat([low, low + 2 + torch.rand(40, 2, generator=generator) * 12], dim=-1)
    bounds = bounds.clamp(max=32)
    depth = torch.rand(40, generator=generator)
    expected = set()
    for row in range(32):
        for column in range(32):
            covering = [
                i
                for i, (left, top, right, bottom) in enumerate(bounds.tolist())
                if left <= column <= right - 1 and top <= row <= bottom - 1
            ]
            if covering:
                expected.add(min(covering, key=lambda i: float(depth[i])))
    assert 5 < len(expected) < 35
    assert in_sight(bounds, depth, (32, 32)).nonzero()[:, 0].tolist() == sorted(expected)


def test_heat_equals_a_plain_loop():
    """Objects of all sizes, one at the border, one whose centre is beyond its box, one small."""
    bounds = torch.tensor(
        [
            [20.0, 10, 150, 90],
            [100, 30, 256, 96],
            [0, 50, 40, 96],
            [200, 5, 206, 9],
            [90, 0, 180, 20],
        ]
    )
    centres = torch.tensor([[90.0, 52], [256, 64], [0, 96], [203, 7], [120, 40]])
    truth = ViewTruth(torch.zeros(5, dtype=torch.long), bounds, centres)
    expected = torch.zeros(6, 16)
    for (left, top, right, bottom), (x, y) in zip(bounds.tolist(), centres.tolist(), strict=True):
        radius = max(1, math.ceil(min(x - left, y - top, right - x, bottom - y) / 16))
        deviation = (2 * radius + 1) / 6
        for row in range(6):
            for column in range(16):
                dx, dy = column - int(x / 16), row - int(y / 16)
                if max(abs(dx), abs(dy)) <= radius:
                    height = math.exp(-(dx * dx + dy * dy) / (2 * deviation**2))
                    expected[row, column] = max(expected[row, column], height)
    heat = centre_heat(truth, (6, 16), 16)
    torch.testing.assert_close(heat, expected)
    assert heat[3, 5] == heat[0, 12] == 1


def test_no_object_gives_no_heat():
    truth = ViewTruth(torch.zeros(0, dtype=torch.long), torch.zeros(0, 4), torch.zeros(0, 2))
    assert not centre_heat(truth, (3, 4), 16).any()
    assert len(view_truths(make_targets(0), make_cameras(), 0)) == 6
