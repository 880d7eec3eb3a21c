"""The focal head's keys, and what its numbers mean, token by token."""

import pytest
import torch

from drivetr.models.focal_head import FocalHead
from tests.models.samples import make_cameras

# What follows `img_roi_head.` in StreamPETR's checkpoints.
KEYS = {
    f"{part}.{kind}"
    for part in ("cls", "centerness", "ltrb", "center2d", "shared_cls.0", "shared_cls.1")
    + ("shared_reg.0", "shared_reg.1")
    for kind in ("weight", "bias")
}


@pytest.fixture
def head() -> FocalHead:
    torch.manual_seed(0)
    return FocalHead(32, num_classes=3).eval()


def test_published_keys_and_shapes():
    weights = FocalHead().state_dict()
    assert weights.keys() == KEYS
    assert weights["cls.weight"].shape == (10, 256, 1, 1)
    assert weights["shared_reg.0.weight"].shape == (256, 256, 3, 3)
    assert weights["shared_reg.1.weight"].shape == (256,)


@torch.no_grad()
def test_tokens_equal_a_plain_loop(head):
    """Boxes and centres of padded input start from the middle of the token, as shares of all."""
    cameras = make_cameras(2, 3, size=(70, 100))  # 4.4 x 6.25 cells: the last ones go beyond
    features = torch.randn(2, 3, 32, 5, 7)
    tokens = head(features, cameras)
    assert tokens["class_logits"].shape == (2, 3, 5, 7, 3)
    assert tokens["centreness_logits"].shape == (2, 3, 5, 7)
    for b, n, row, column in ((0, 0, 0, 0), (1, 2, 3, 5), (0, 1, 4, 6)):
        shape = head.shared_reg(features[b, n][None])
        left, top, right, bottom = head.ltrb(shape)[0, :, row, column].sigmoid().tolist()
        x, y = (16 * column + 8) / 100, (16 * row + 8) / 70
        x0, x1 = (min(max(v, 0.0), 1.0) for v in (x - left, x + right))
        y0, y1 = (min(max(v, 0.0), 1.0) for v in (y - top, y + bottom))
        expected = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
        assert tokens["boxes"][b, n, row, column].tolist() == pytest.approx(expected, abs=1e-6)
        start = torch.tensor([x, y]).clamp(1e-5, 1 - 1e-5).logit()
        centre = (start + head.center2d(shape)[0, :, row, column]).sigmoid()
        torch.testing.assert_close(tokens["centres"][b, n, row, column], centre)
        shown = head.shared_cls(features[b, n][None])
        torch.testing.assert_close(
            tokens["class_logits"][b, n, row, column], head.cls(shown)[0, :, row, column]
        )
        torch.testing.assert_close(
            tokens["centreness_logits"][b, n, row, column],
            head.centerness(shown)[0, 0, row, column],
        )


@torch.no_grad()
def test_an_untrained_head_scores_a_hundredth(head):
    for conv in (head.cls, head.centerness):
        conv.weight.zero_()
    tokens = head(torch.randn(1, 2, 32, 3, 4), make_cameras(1, 2, size=(48, 64)))
    for name in ("class_logits", "centreness_logits"):
        score = tokens[name].sigmoid()
        torch.testing.assert_close(score, torch.full_like(score, 0.01))
