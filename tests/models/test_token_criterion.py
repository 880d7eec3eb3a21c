"""The losses of image tokens, against sums written out object by object."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from drivetr.models.token_criterion import TokenCriterion
from tests.models.samples import make_cameras, make_targets

SIZE = (12, 32)


def predictions() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(1, 6, *SIZE, *shape, generator=generator)

    return {"heat_logits": draw(10), "log_depth": draw(), "offset": draw(2)}


def own(count: torch.Tensor) -> torch.Tensor:
    return count


@pytest.fixture
def case():
    cameras, target = make_cameras(), make_targets(6, seed=4)
    criterion = TokenCriterion(stride=8, depth_weight=3.0)
    truth = criterion.assign(target, cameras.img_from_lidar[0], cameras.valid[0], SIZE)
    return criterion, cameras, target, truth


def test_sums_over_tokens(case):
    criterion, cameras, target, (labels, weight, log_depth, offset) = case
    tokens = predictions()
    losses = criterion(tokens, [target], cameras, own)
    count = weight.sum().item()
    assert count > 3
    kind = depth = shift = heat = 0.0
    for n, v, u in torch.cartesian_prod(torch.arange(6), torch.arange(12), torch.arange(32)):
        logits, label, w = tokens["heat_logits"][0, n, v, u], labels[n, v, u], weight[n, v, u]
        wanted = torch.zeros(10)
        if label < 10:
            wanted[label] = 1
            kind += w * -logits.log_softmax(-1)[label]
            depth += w * (tokens["log_depth"][0, n, v, u] - log_depth[n, v, u]).abs()
            shift += w * F.smooth_l1_loss(
                tokens["offset"][0, n, v, u], offset[n, v, u], reduction="sum"
            )
        p = logits.sigmoid()
        p_true = torch.where(wanted > 0, p, 1 - p)
        alpha = torch.where(wanted > 0, 0.25, 0.75)
        focal = -(alpha * (1 - p_true) ** 2 * p_true.log()).sum()
        heat += focal * (4 * w if label < 10 else 1)
    expected = {
        "loss_heat": heat / count,
        "loss_kind": kind / count,
        "loss_depth": 3 * depth / count,
        "loss_offset": shift / count / 4,
    }
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-4)


def test_every_seen_object_weighs_one_however_many_tokens_show_it(case):
    _, _, target, (labels, weight, *_) = case
    for camera in range(6):
        shares = weight[camera][labels[camera] < 10]
        assert shares.sum() == pytest.approx(round(shares.sum().item()), abs=1e-4)
        assert shares.sum() <= len(target)


def test_no_object_and_no_camera_give_finite_losses_and_gradients():
    criterion = TokenCriterion(stride=8)
    cameras = make_cameras()
    tokens = {name: value.requires_grad_() for name, value in predictions().items()}
    losses = criterion(tokens, [make_targets(0)], cameras, own)
    assert losses["loss_kind"] == losses["loss_depth"] == losses["loss_offset"] == 0
    sum(losses.values()).backward()
    assert all(value.grad.isfinite().all() for value in tokens.values())


def test_images_of_the_past_teach_nothing(case):
    """Objects are no longer where an old image shows them: the losses are those without it."""
    criterion, cameras, target, _ = case
    age = torch.zeros(1, 6, dtype=torch.float64)
    age[0, [1, 4]] = 0.5
    absent = replace(cameras, valid=age == 0)
    old = replace(cameras, age_s=age)
    found = criterion(predictions(), [target], old, own)
    assert found == criterion(predictions(), [target], absent, own)
    assert found != criterion(predictions(), [target], cameras, own)
