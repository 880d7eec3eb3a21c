import dataclasses

import pytest
import torch

from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame, Targets, collate_frames


def make_targets(count: int) -> Targets:
    number = torch.arange(count)
    boxes = number[:, None].expand(count, 10).float()
    embeddings = number[:, None].expand(count, 4).float()
    return Targets(boxes, number, 10 * number, number % 5, 100 + number, embeddings)


def make_frame(token: str = "a", num_cameras: int = 2, targets: Targets | None = None) -> Frame:
    eye = torch.eye(4, dtype=torch.float64)
    return Frame(
        token=token,
        scene="scene-0001",
        timestamp_us=1_500_000_000_000_000,
        images=torch.full((num_cameras, 3, 8, 12), 7, dtype=torch.uint8),
        cameras=Cameras(
            img_from_lidar=eye.expand(num_cameras, 4, 4),
            image_size=torch.tensor([8, 12]).expand(num_cameras, 2),
            pad_size=(8, 12),
            valid=torch.ones(num_cameras, dtype=torch.bool),
        ),
        camera_names=tuple(f"CAM_{i}" for i in range(num_cameras)),
        global_from_lidar=eye,
        ego_from_lidar=eye,
        targets=targets,
    )


class TestTargets:
    @pytest.mark.parametrize("keep", [torch.tensor([False, True, True]), torch.tensor([1, 2])])
    def test_choosing_keeps_rows_together(self, keep):
        chosen = make_targets(3)[keep]
        assert len(chosen) == 2
        assert chosen.boxes[:, 4].tolist() == [1, 2]
        assert chosen.labels.tolist() == [1, 2]
        assert chosen.num_points.tolist() == [10, 20]
        assert chosen.visibility.tolist() == [1, 2]
        assert chosen.instance.tolist() == [101, 102]
        assert chosen.embeddings is not None
        assert chosen.embeddings[:, 3].tolist() == [1, 2]

    def test_embeddings_may_be_absent(self):
        targets = dataclasses.replace(make_targets(2), embeddings=None)
        assert targets[:1].to("meta").embeddings is None

    def test_to_moves_every_tensor(self):
        moved = make_targets(2).to("meta")
        assert all(getattr(moved, field.name).is_meta for field in dataclasses.fields(moved))


class TestCollateFrames:
    def test_stacks_frames_in_order(self):
        frames = [
            make_frame("a", targets=make_targets(3)),
            make_frame("b", targets=make_targets(0)),
        ]
        batch = collate_frames(frames)
        assert batch.images.shape == (2, 2, 3, 8, 12)
        assert batch.cameras.img_from_lidar.shape == (2, 2, 4, 4)
        assert [len(targets) for targets in batch.targets] == [3, 0]
        assert [frame.token for frame in batch.frames] == ["a", "b"]

    def test_keeps_the_frames_without_their_pixels(self):
        batch = collate_frames([make_frame()])
        assert batch.frames[0].images.numel() == 0
        assert batch.frames[0].camera_names == ("CAM_0", "CAM_1")

    def test_no_targets_where_there_is_no_truth(self):
        assert collate_frames([make_frame("a"), make_frame("b")]).targets == []

    def test_refuses_truth_for_a_part_of_the_frames(self):
        with pytest.raises(ValueError, match="ground truth"):
            collate_frames([make_frame("a", targets=make_targets(1)), make_frame("b")])

    def test_refuses_different_rigs(self):
        with pytest.raises(ValueError, match=r"numbers of cameras \[2, 3\]"):
            collate_frames([make_frame(), make_frame(num_cameras=3)])

    def test_refuses_no_frames(self):
        with pytest.raises(ValueError, match="cannot batch"):
            collate_frames([])

    def test_to_moves_what_the_model_and_the_loss_need(self):
        batch = collate_frames([make_frame(targets=make_targets(1))]).to("meta")
        assert batch.images.is_meta
        assert batch.cameras.valid.is_meta
        assert batch.targets[0].boxes.is_meta
        assert not batch.frames[0].global_from_lidar.is_meta


class TestGoesOnFrom:
    """What was in fact given last decides, not what the dataset has before a frame."""

    @pytest.mark.parametrize(
        ("later_us", "scene", "continues", "expected"),
        [
            (500_000, "scene-0001", True, True),
            (500_000, "scene-0001", False, False),
            (500_000, "scene-0002", True, False),
            (0, "scene-0001", True, False),
            (-500_000, "scene-0001", True, False),
            (1_000_000, "scene-0001", True, False),
        ],
    )
    def test_values(self, later_us, scene, continues, expected):
        before = make_frame()
        frame = dataclasses.replace(
            before,
            timestamp_us=before.timestamp_us + later_us,
            scene=scene,
            continues=continues,
        )
        assert frame.goes_on_from(before) is expected

    def test_nothing_was_given(self):
        assert not dataclasses.replace(make_frame(), continues=True).goes_on_from(None)
