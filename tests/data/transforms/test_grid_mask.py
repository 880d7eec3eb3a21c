"""GridMask against the loop of the published implementation, written down again as an oracle."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivetr.data.transforms.grid_mask import GridMask

FILL = torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None]


def kept_by_loop(height, width, period, stripe, row_phase, column_phase):
    """Rows and columns are painted stripe by stripe, then the mask is inverted (mode 1)."""
    mask = np.ones((height + 2 * period, width + 2 * period))
    for start in range(row_phase, len(mask), period):
        mask[start : start + stripe] = 0
    for start in range(column_phase, mask.shape[1], period):
        mask[:, start : start + stripe] = 0
    return 1 - mask[period : period + height, period : period + width]


def painted_by(frame, seed, **options):
    after = GridMask(prob=1.0, **options)(frame, torch.Generator().manual_seed(seed))
    changed = (after.images != frame.images).any(dim=(0, 1))
    return after, changed


@pytest.mark.parametrize("seed", range(8))
def test_mask_is_one_of_the_published_ones(frame, seed):
    after, painted = painted_by(frame, seed)
    period = int(torch.randint(2, 90, (), generator=_after_one_draw(seed)))
    stripe = min(max(int(period * 0.5 + 0.5), 1), period - 1)
    kept = (~painted).numpy()
    candidates = (
        (row, column)
        for row in range(period)
        for column in range(period)
        if kept[0].all() == (kept_by_loop(1, 160, period, stripe, row, column)[0].all())
    )
    assert any(np.array_equal(kept_by_loop(90, 160, period, stripe, *c), kept) for c in candidates)


def _after_one_draw(seed):
    generator = torch.Generator().manual_seed(seed)
    torch.rand((), generator=generator, dtype=torch.float64)
    return generator


def test_same_squares_in_all_cameras_and_mean_colour(frame):
    after, painted = painted_by(frame, 3)
    assert painted.any()
    assert (after.images[..., painted] == FILL[None, :, :, 0]).all()
    assert torch.equal(after.images[..., ~painted], frame.images[..., ~painted])


def test_an_invalid_camera_stays_black(frame):
    valid = torch.tensor([True, True, False, True, True, True])
    dark = frame.images * valid[:, None, None, None]
    broken = replace(frame, images=dark, cameras=replace(frame.cameras, valid=valid))
    assert not painted_by(broken, 3)[0].images[2].any()


def test_share_that_is_painted(frame):
    shares = [painted_by(frame, seed)[1].float().mean() for seed in range(300)]
    assert 0.2 < torch.stack(shares).mean() < 0.3


def test_probability(frame, generator):
    masked = [GridMask()(frame, generator) is not frame for _ in range(400)]
    assert 0.62 < np.mean(masked) < 0.78


def test_is_zero_after_normalisation(frame):
    after, painted = painted_by(frame, 0)
    mean = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
    std = torch.tensor([58.395, 57.12, 57.375])[:, None, None]
    assert ((after.images - mean) / std)[..., painted].abs().max() < 0.01
