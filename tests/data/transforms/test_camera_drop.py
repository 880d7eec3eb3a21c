"""CameraDrop: black, invalid, and never the last one."""

from dataclasses import replace

import torch

from drivetr.data.transforms.camera_drop import CameraDrop


def test_dropped_cameras_are_black_and_invalid(frame, generator):
    counts = set()
    for _ in range(60):
        after = CameraDrop(prob=1.0, max_cameras=3)(frame, generator)
        valid = after.cameras.valid
        assert not after.images[~valid].any()
        assert torch.equal(after.images[valid], frame.images[valid])
        counts.add(int((~valid).sum()))
    assert counts == {1, 2, 3}


def test_one_camera_is_always_left(frame, generator):
    for _ in range(30):
        after = CameraDrop(prob=1.0, max_cameras=9)(frame, generator)
        assert after.cameras.valid.sum() >= 1


def test_no_camera_at_all_passes(frame, generator):
    blind = replace(frame.cameras, valid=torch.zeros(6, dtype=torch.bool))
    after = CameraDrop(prob=1.0)(replace(frame, cameras=blind), generator)
    assert not after.cameras.valid.any()


def test_probability(frame, generator):
    dropped = [CameraDrop(prob=0.3)(frame, generator) is not frame for _ in range(500)]
    assert 0.24 < sum(dropped) / 500 < 0.36


def test_all_cameras_get_their_turn(frame, generator):
    transform = CameraDrop(prob=1.0)
    lost = sum((~transform(frame, generator).cameras.valid).int() for _ in range(300))
    assert lost.min() > 25
