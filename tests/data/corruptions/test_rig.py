"""Cameras that hang wrong: as much as asked for, about their own centre, the same in a scene."""

from dataclasses import replace

import pytest
import torch

from drivetr.data.corruptions.rig import ShakenRig, SwappedCameras
from drivetr.geometry.camera import project_points
from drivetr.structures.frame import PAST, Frame

NONE = torch.Generator()
FAR = torch.tensor([[12.0, 3.0, 0.5], [-9.0, 8.0, 0.0], [2.0, -15.0, 1.0]], dtype=torch.float64)


def shaken(frame: Frame, degrees: float, metres: float) -> torch.Tensor:
    return ShakenRig(degrees, metres)(frame, NONE).cameras.img_from_lidar


def centres(img_from_lidar: torch.Tensor) -> torch.Tensor:
    """Where cameras are: what they project to nothing."""
    return (
        torch.linalg.svd(img_from_lidar[:, :3]).Vh[:, 3, :3]
        / torch.linalg.svd(img_from_lidar[:, :3]).Vh[:, 3, 3:]
    )


def pixel_error(frame: Frame, degrees: float, metres: float) -> float:
    right, wrong = frame.cameras.img_from_lidar, shaken(frame, degrees, metres)
    (expected, depth), (found, _) = project_points(right, FAR), project_points(wrong, FAR)
    return float((found - expected).norm(dim=-1)[depth > 2].mean())


def test_no_error_changes_nothing(frame):
    assert pixel_error(frame, 0.0, 0.0) == pytest.approx(0.0, abs=1e-9)


def test_the_error_grows_with_what_is_asked_for(frame):
    errors = [pixel_error(frame, d, m) for d, m in ((0.5, 0.02), (1, 0.05), (2, 0.1), (4, 0.2))]
    assert errors == sorted(errors)
    assert errors[0] > 0.1


def test_the_turn_is_as_large_as_asked_for_and_keeps_the_camera_in_place(frame):
    right = frame.cameras.img_from_lidar
    wrong = shaken(frame, 3.0, 0.0)
    rotation = torch.linalg.solve(right[:, :3, :3], wrong[:, :3, :3])
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = ((trace - 1) / 2).clamp(-1, 1).arccos().rad2deg()
    torch.testing.assert_close(angle, torch.full_like(angle, 3.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(centres(wrong), centres(right), atol=1e-6, rtol=0)


def test_the_shift_is_as_long_as_asked_for(frame):
    moved = centres(shaken(frame, 2.0, 0.15)) - centres(frame.cameras.img_from_lidar)
    length = moved.norm(dim=-1)
    torch.testing.assert_close(length, torch.full_like(length, 0.15), atol=1e-6, rtol=0)
    assert (moved[:, None] - moved[None]).norm(dim=-1).max() > 0.1  # each to another side


def test_the_same_cameras_hang_wrong_through_a_scene(frame):
    first = shaken(frame, 2.0, 0.1)
    assert torch.equal(shaken(replace(frame, token="later"), 2.0, 0.1), first)
    assert not torch.equal(shaken(replace(frame, scene="other"), 2.0, 0.1), first)


def test_images_and_truth_stay(frame):
    after = ShakenRig(4.0, 0.2)(frame, NONE)
    assert after.images is frame.images
    assert after.targets is frame.targets


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_pairs_of_cameras_swap_their_images(frame, pairs):
    after = SwappedCameras(pairs)(frame, NONE)
    source = [
        next(k for k in range(6) if torch.equal(after.images[n], frame.images[k])) for n in range(6)
    ]
    assert sum(n != k for n, k in enumerate(source)) == 2 * pairs
    assert [source[k] for k in source] == list(range(6))
    assert torch.equal(after.cameras.img_from_lidar, frame.cameras.img_from_lidar)


def test_past_images_swap_with_their_cameras(frame):
    names = frame.camera_names[:3] + tuple(name + PAST for name in frame.camera_names[:3])
    frame = replace(frame, camera_names=names)
    after = SwappedCameras()(frame, NONE)
    order = [
        next(k for k in range(6) if torch.equal(after.images[n], frame.images[k])) for n in range(6)
    ]
    assert order[3:] == [k + 3 for k in order[:3]]
    assert order[:3] != [0, 1, 2]


def test_sizes_go_with_the_images(make_frame):
    frame = make_frame(sizes=((90, 160), (60, 100)))
    after = SwappedCameras()(frame, NONE)
    assert after.cameras.image_size.tolist() == [[60, 100], [90, 160]]
    assert torch.equal(after.images, frame.images.flip(0))
