"""PhotometricDistortion: neutral without strength, known colours with it."""

import colorsys
import math
from dataclasses import replace

import torch

from drivetr.data.transforms.photometric import PhotometricDistortion

OFF = {"brightness": 0.0, "contrast_range": (1, 1), "saturation_range": (1, 1), "hue_deg": 0.0}


def test_without_strength_nothing_changes(frame, generator):
    after = PhotometricDistortion(**OFF)(frame, generator)
    assert (after.images.int() - frame.images.int()).abs().max() == 0


def test_shape_calibration_and_targets_stay(frame, generator):
    after = PhotometricDistortion()(frame, generator)
    assert after.images.dtype == torch.uint8
    assert after.images.shape == frame.images.shape
    assert after.cameras is frame.cameras
    assert after.targets is frame.targets


def test_cameras_are_drawn_one_by_one(frame, generator):
    same = replace(frame, images=frame.images[:1].expand(6, -1, -1, -1))
    after = PhotometricDistortion()(same, generator)
    assert len({image.float().mean().item() for image in after.images}) >= 5


def test_brightness_and_contrast_are_affine(generator):
    transform = PhotometricDistortion(32, (0.5, 1.5), (1, 1), 0.0)
    seen = []
    for _ in range(200):
        matrix, shift = transform.draw(generator)
        contrast = matrix[0, 0].item()
        torch.testing.assert_close(matrix, contrast * torch.eye(3, dtype=torch.float64))
        seen.append((contrast, shift / contrast))
    contrasts, shifts = torch.tensor(seen).T
    assert 0.5 <= contrasts.min() < 0.55
    assert 1.45 < contrasts.max() <= 1.5
    assert -32 <= shifts.min() < -28
    assert 28 < shifts.max() <= 32
    assert 0.4 < (contrasts == 1).float().mean() < 0.6


def test_grey_has_neither_hue_nor_saturation(generator):
    transform = PhotometricDistortion(0.0, (1, 1), (0.5, 1.5), 18.0)
    grey = torch.full((3,), 100.0, dtype=torch.float64)
    for _ in range(20):
        matrix, _ = transform.draw(generator)
        # The NTSC matrix is published with four digits: its chroma rows add up to 2e-4.
        torch.testing.assert_close(matrix @ grey, grey, atol=0.05, rtol=0)


def test_hue_turns_about_as_much_as_in_hsv():
    transform = PhotometricDistortion(0.0, (1, 1), (1, 1), 18.0)
    generator = torch.Generator().manual_seed(0)
    turns = []
    for _ in range(100):
        matrix, _ = transform.draw(generator)
        rgb = matrix @ torch.tensor([0.6, 0.4, 0.4], dtype=torch.float64)
        hue = colorsys.rgb_to_hsv(*rgb.tolist())[0] * 360
        turns.append((hue + 180) % 360 - 180)
    assert 12 < max(turns) < 28
    assert -28 < min(turns) < -12
    assert math.isclose(sorted(turns, key=abs)[0], 0, abs_tol=0.1)


def test_an_invalid_camera_stays_black(frame, generator):
    valid = torch.tensor([True] * 5 + [False])
    dark = frame.images * valid[:, None, None, None]
    broken = replace(frame, images=dark, cameras=replace(frame.cameras, valid=valid))
    for _ in range(5):
        assert not PhotometricDistortion()(broken, generator).images[5].any()
