"""PETR and DETR behind a ViT and its pyramid: they build, and every weight learns."""

from pathlib import Path

import torch

from drivetr.engine.build import Builder
from drivetr.engine.config import load_config
from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition
from drivetr.nn.necks.simple_pyramid import SimplePyramid, WithPyramid
from drivetr.structures.targets2d import Targets2D
from tests.models.samples import make_cameras, make_targets

CONFIGS = Path(__file__).parents[2] / "configs"


def check_that_all_learn(model, losses) -> None:
    """Every weight gets a gradient; in the backbone and the neck none of them is zero."""
    total = sum(losses.values())
    assert total.isfinite()
    total.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    trunk = {n: p for n, p in model.named_parameters() if n.startswith(("backbone", "neck"))}
    assert [n for n, p in trunk.items() if not p.grad.any()] == []


def test_petr():
    config = load_config(CONFIGS / "petr" / "petr_vit_synth.py")
    builder = Builder(config.file)
    torch.manual_seed(0)
    model = builder.build(config.model, "model")
    criterion = builder.build(config.criterion, "criterion")
    cameras, targets = make_cameras(1), [make_targets(5)]
    images = torch.randint(0, 256, (1, 6, 3, 96, 256), dtype=torch.uint8)
    assert model.image_features(images, cameras).shape == (1, 6, 112, 12, 32)  # stride 8
    outputs, _ = model(images, cameras)
    check_that_all_learn(model, criterion(outputs, targets, cameras))


def small_detr(*scales: float) -> DETR:
    torch.manual_seed(0)
    trunk = ViT(image_size=64, num_layers=2, num_heads=2, embed_dim=32, mlp_dim=64)
    sizes = (32, 4, 64, 2, 0.0)
    return DETR(
        WithPyramid(trunk, SimplePyramid(32, 24, scales)),
        SinePosition(32),
        TransformerEncoder(*sizes),
        TransformerDecoder(*sizes),
        embed_dim=32,
        num_queries=6,
        num_classes=3,
    )


def test_detr():
    """Images of 90x70 pixels are no whole number of patches, and the second one is smaller."""
    model = small_detr(0.5)
    images, padding = torch.randn(2, 3, 90, 70), torch.zeros(2, 90, 70, dtype=torch.bool)
    padding[1, 50:] = True
    target = Targets2D(torch.tensor([[0.4, 0.5, 0.2, 0.3]]), torch.tensor([1]))
    outputs = model(images * ~padding[:, None], padding)
    assert outputs["pred_boxes"].shape == (2, 6, 4)
    criterion = DetrCriterion(ImageBoxMatcher(), num_classes=3)
    check_that_all_learn(model, criterion(outputs, [target, target]))


@torch.no_grad()
def test_detr_reads_the_coarsest_map():
    model = small_detr(2, 1, 0.5)
    images, padding = torch.randn(1, 3, 96, 96), torch.zeros(1, 96, 96, dtype=torch.bool)
    before = model(images, padding)["pred_logits"]
    for level in model.backbone.pyramid.levels[:2]:
        level[1].weight.add_(1.0)
    assert torch.equal(model(images, padding)["pred_logits"], before)
    model.backbone.pyramid.levels[2][1].weight.add_(torch.randn(24, 32, 1, 1))
    assert not torch.allclose(model(images, padding)["pred_logits"], before)
