"""Crashed cameras stay dark for a scene; lost frames come by chance; the detector is not told."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from drivetr.data.corruptions.lost_images import CameraCrash, FrameLost
from drivetr.structures.frame import PAST, Frame

NONE = torch.Generator()


def dark(frame: Frame, transform) -> tuple[str, ...]:
    after = transform(frame, NONE)
    assert after.cameras is frame.cameras
    black = (after.images.flatten(1) == 0).all(dim=1)
    assert torch.equal(after.images[~black], frame.images[~black])
    return tuple(n for n, gone in zip(frame.camera_names, black.tolist(), strict=True) if gone)


@pytest.mark.parametrize("count", [2, 4, 5])
def test_as_many_cameras_as_asked_for_the_whole_scene(frame, count):
    crash = CameraCrash(count / 6)
    lost = dark(frame, crash)
    assert len(lost) == count
    assert dark(replace(frame, token="later"), crash) == lost


def test_every_camera_crashes_somewhere(frame):
    scenes = Counter(
        name
        for scene in range(90)
        for name in dark(replace(frame, scene=f"scene-{scene}"), CameraCrash(2 / 6))
    )
    assert len(scenes) == 6
    assert min(scenes.values()) > 15


def test_more_crashes_take_further_cameras(frame):
    assert set(dark(frame, CameraCrash(2 / 6))) < set(dark(frame, CameraCrash(4 / 6)))


@pytest.mark.parametrize(("cameras", "share", "count"), [(1, 5 / 6, 1), (2, 5 / 6, 1), (8, 0.5, 4)])
def test_other_rigs(make_frame, cameras, share, count):
    assert len(dark(make_frame(sizes=((24, 32),) * cameras), CameraCrash(share))) == count


def test_a_crashed_camera_has_no_past_either(frame):
    names = frame.camera_names[:3] + tuple(name + PAST for name in frame.camera_names[:3])
    lost = dark(replace(frame, camera_names=names), CameraCrash(2 / 6))
    assert len(lost) == 2
    assert lost[1] == lost[0] + PAST


def test_frames_are_lost_by_chance_and_each_for_itself(make_frame):
    small = make_frame(sizes=((4, 4),) * 6)
    lost = [dark(replace(small, token=str(n)), FrameLost(2 / 6)) for n in range(300)]
    assert 0.30 < sum(map(len, lost)) / 1800 < 0.37
    assert len({len(names) for names in lost}) > 3
    assert dark(replace(small, token="7"), FrameLost(2 / 6)) == lost[7]
