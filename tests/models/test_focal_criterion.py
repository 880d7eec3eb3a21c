"""The focal head's losses against plain sums, torchvision, transformers and finite differences."""

from itertools import permutations

import pytest
import torch
from torchvision.ops import box_convert, box_iou, sigmoid_focal_loss
from transformers.loss.loss_for_object_detection import generalized_box_iou

from drivetr.models.criterion import SetCriterion
from drivetr.models.focal_criterion import (
    FocalCriterion,
    FocalMatcher,
    gaussian_focal_loss,
    quality_focal_loss,
)
from drivetr.models.focal_head import FocalHead
from drivetr.models.focal_targets import ViewTruth, centre_heat, view_truths
from drivetr.models.matcher import HungarianMatcher
from tests.models.samples import make_cameras, make_targets

PAD = (96, 256)
SIZE = (6, 16)


def own(count: torch.Tensor) -> torch.Tensor:
    return count


def predictions(num_classes: int = 10, dtype=torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(1, 6, *SIZE, *shape, generator=generator).to(dtype)

    centres = draw(2)
    return {
        "class_logits": draw(num_classes) * 4 - 4,
        "centreness_logits": draw() * 4 - 4,
        "boxes": torch.cat([centres * 0.6 + 0.2, draw(2) * 0.3 + 0.05], dim=-1),
        "centres": centres,
    }


def corners(boxes: torch.Tensor) -> torch.Tensor:
    return box_convert(boxes, "cxcywh", "xyxy")


def cost_of_a_pair(tokens, truth: ViewTruth, row: int, column: int) -> float:
    """The published cost, written out: focal 2, L1 5, GIoU 2, centre 10."""
    p = tokens["class_logits"][row, truth.labels[column]].sigmoid()
    focal = -0.25 * (1 - p) ** 2 * p.log() + 0.75 * p**2 * (1 - p).log()
    size = torch.tensor([PAD[1], PAD[0]])
    bounds = (truth.bounds[column] / size.repeat(2)).float()
    goal = box_convert(bounds, "xyxy", "cxcywh")
    distance = (tokens["boxes"][row] - goal).abs().sum()
    giou = generalized_box_iou(corners(tokens["boxes"][row])[None], bounds[None])[0, 0]
    centre = (tokens["centres"][row] - truth.centres[column] / size).abs().sum()
    return float(2 * focal + 5 * distance - 2 * giou + 10 * centre)


class TestFocalMatcher:
    def test_finds_the_least_total_of_the_published_cost(self):
        generator = torch.Generator().manual_seed(1)
        tokens = {k: v[0, 0].flatten(0, 1)[:6] for k, v in predictions().items()}
        low = torch.rand(3, 2, generator=generator) * 60
        truth = ViewTruth(torch.tensor([2, 7, 7]), torch.cat([low, low + 30], -1), low + 12)
        rows, columns = FocalMatcher()(tokens, truth, PAD)
        found = sum(
            cost_of_a_pair(tokens, truth, r, c)
            for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
        )
        every = (
            sum(cost_of_a_pair(tokens, truth, r, c) for c, r in enumerate(chosen))
            for chosen in permutations(range(6), 3)
        )
        assert found == pytest.approx(min(every), abs=1e-5)

    def test_by_hand(self):
        """Two tokens whose boxes, centres and classes are those of two objects, crosswise."""
        bounds = torch.tensor([[0.0, 0, 64, 48], [128, 48, 256, 96]])
        centres = torch.tensor([[32.0, 24], [192, 72]])
        truth = ViewTruth(torch.tensor([0, 1]), bounds, centres)
        logits = torch.tensor([[-5.0, 5], [5, -5], [0, 0]])
        boxes = torch.tensor([[0.75, 0.75, 0.5, 0.5], [0.125, 0.25, 0.25, 0.5], [0.5, 0.5, 1, 1]])
        tokens = {"class_logits": logits, "boxes": boxes, "centres": boxes[:, :2]}
        rows, columns = FocalMatcher()(tokens, truth, PAD)
        assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


class TestLossesOfTokens:
    @pytest.mark.parametrize("goal", [0.0, 1.0])
    def test_quality_of_nought_and_one_is_focal_loss(self, goal):
        logits = torch.linspace(-6, 6, 50)
        target = torch.full_like(logits, goal)
        expected = sigmoid_focal_loss(logits, target, alpha=-1, gamma=2, reduction="none")
        torch.testing.assert_close(quality_focal_loss(logits, target), expected)
        torch.testing.assert_close(gaussian_focal_loss(logits, target), expected)

    def test_quality_between(self):
        p = torch.tensor(0.3)
        entropy = -(0.8 * p.log() + 0.2 * (1 - p).log())
        loss = quality_focal_loss(p.logit(), torch.tensor(0.8))
        torch.testing.assert_close(loss, entropy * 0.5**2)

    def test_beside_a_peak(self):
        p = torch.tensor(0.3)
        loss = gaussian_focal_loss(p.logit(), torch.tensor(0.6))
        torch.testing.assert_close(loss, -(1 - p).log() * p**2 * 0.4**4)

    def test_the_score_of_a_centre_stays_off_the_ends(self):
        found = gaussian_focal_loss(torch.tensor([-50.0, 50.0]), torch.tensor([1.0, 0.0]))
        assert found.tolist() == pytest.approx([9.2103 * 0.9999**2] * 2, rel=1e-3)


def test_sums_over_images():
    """Every part of the loss from plain loops over images and pairs."""
    cameras, targets, tokens = make_cameras(), [make_targets(12, seed=4)], predictions()
    losses = FocalCriterion(FocalMatcher())(tokens, targets, cameras, own)
    size = torch.tensor([PAD[1], PAD[0]])
    sums = dict.fromkeys(losses, 0.0)
    count = 0
    for n, truth in enumerate(view_truths(targets[0], cameras, 0)):
        image = {k: v[0, n].flatten(0, 1) for k, v in tokens.items()}
        quality = torch.zeros(SIZE[0] * SIZE[1], 10)
        rows, columns = FocalMatcher()(image, truth, PAD)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            count += 1
            box, bounds = image["boxes"][row], (truth.bounds[column] / size.repeat(2)).float()
            low = torch.maximum(corners(box)[:2], bounds[:2])
            high = torch.minimum(corners(box)[2:], bounds[2:])
            inter = (high - low).clamp(min=0).prod()
            union = box[2:].prod() + (bounds[2:] - bounds[:2]).prod() - inter
            quality[row, truth.labels[column]] = inter / union
            goal = box_convert(bounds, "xyxy", "cxcywh")
            giou = generalized_box_iou(corners(box)[None], bounds[None])[0, 0]
            sums["loss_bbox_2d"] += 5 * float((box - goal).abs().sum())
            sums["loss_giou_2d"] += 2 * float(1 - giou)
            centre = truth.centres[column] / size
            sums["loss_centre_2d"] += 10 * float((image["centres"][row] - centre).abs().sum())
        assert sorted(columns.tolist()) == list(range(len(truth.labels)))
        heat = centre_heat(truth, SIZE, 16).flatten().float()
        centreness = gaussian_focal_loss(image["centreness_logits"], heat)
        sums["loss_centreness"] += float(centreness.sum())
        classes = quality_focal_loss(image["class_logits"], quality)
        sums["loss_cls_2d"] += 2 * float(classes.sum())
    assert count > 8
    for name, value in losses.items():
        assert float(value) == pytest.approx(sums[name] / count, rel=1e-4), name


@pytest.mark.parametrize("objects", [0, 5])
def test_gradients_equal_finite_differences(objects):
    cameras, targets = make_cameras(), [make_targets(objects, seed=4)]
    targets[0].labels.remainder_(3)
    cut = {k: v[:, :, 2:4, 7:9].contiguous() for k, v in predictions(3, torch.float64).items()}
    criterion = FocalCriterion(FocalMatcher())

    def losses_of(*parts):
        losses = criterion(dict(zip(cut, parts, strict=True)), targets, cameras, own)
        # Apart: the qualities, which the classes are to reach, pass no gradient to the boxes.
        classes = losses.pop("loss_cls_2d")
        return classes, sum(losses.values())

    inputs = [part.clone().requires_grad_() for part in cut.values()]
    assert torch.autograd.gradcheck(lambda *parts: losses_of(*parts)[1], inputs, fast_mode=True)
    logits, *rest = inputs
    rest = [part.detach() for part in rest]
    assert torch.autograd.gradcheck(lambda one: losses_of(one, *rest)[0], (logits,), fast_mode=True)
    (to_boxes,) = torch.autograd.grad(losses_of(*inputs)[0], inputs[2:3], allow_unused=True)
    assert to_boxes is None


def test_a_frame_without_objects_teaches_background_only():
    tokens = {name: value.requires_grad_() for name, value in predictions().items()}
    losses = FocalCriterion(FocalMatcher())(tokens, [make_targets(0)], make_cameras(), own)
    for name in ("loss_bbox_2d", "loss_giou_2d", "loss_centre_2d"):
        assert losses[name] == 0
    expected = sigmoid_focal_loss(
        tokens["class_logits"], torch.zeros_like(tokens["class_logits"]), alpha=-1, reduction="sum"
    )
    torch.testing.assert_close(losses["loss_cls_2d"], 2 * expected)
    sum(losses.values()).backward()
    assert all(value.grad.isfinite().all() for value in tokens.values())
    assert (tokens["class_logits"].grad != 0).all()
    assert not tokens["boxes"].grad.any()


def test_an_absent_camera_teaches_nothing():
    cameras = make_cameras()
    cameras.valid[0, 2] = False
    tokens = {name: value.requires_grad_() for name, value in predictions().items()}
    losses = FocalCriterion(FocalMatcher())(tokens, [make_targets(12, seed=4)], cameras, own)
    sum(losses.values()).backward()
    for value in tokens.values():
        assert not value.grad[0, 2].any()
        assert value.grad[0, [0, 1, 3, 4, 5]].any()


def test_a_head_learns_to_score_its_own_boxes():
    """On fixed features, through `SetCriterion`: matched tokens come to score their boxes' IoU."""
    torch.manual_seed(0)
    cameras, targets = make_cameras(), [make_targets(12, seed=4)]
    head, features = FocalHead(32), torch.randn(1, 6, 32, *SIZE)
    criterion = SetCriterion(HungarianMatcher(), focal=FocalCriterion(FocalMatcher()))
    queries = {
        "pred_logits": torch.zeros(1, 12, 10),
        "pred_boxes": targets[0].boxes[None],
        "aux_outputs": [],
    }
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    history = []
    for _ in range(60):
        losses = criterion(queries | {"focal": head(features, cameras)}, targets, cameras)
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(float(total.detach() - losses["loss_cls"] - losses["loss_bbox"]))
    assert history[-1] < history[0] / 4
    tokens = {k: v.detach()[0].flatten(1, 2) for k, v in head(features, cameras).items()}
    wrong = []
    for n, truth in enumerate(view_truths(targets[0], cameras, 0)):
        image = {name: part[n] for name, part in tokens.items()}
        rows, columns = FocalMatcher()(image, truth, PAD)
        score = image["class_logits"][rows, truth.labels[columns]].sigmoid()
        goal = corners(truth.boxes(PAD)).float()[columns]
        wrong.append((score - box_iou(corners(image["boxes"][rows]), goal).diagonal()).abs())
    assert torch.cat(wrong).median() < 0.15
