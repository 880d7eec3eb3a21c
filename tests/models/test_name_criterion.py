"""Losses of named classes against plain loops, finite differences and the cases without a name."""

from dataclasses import replace

import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.name_criterion import NameCriterion, distillation
from drivetr.models.named_classes import NamedClasses
from tests.models.samples import make_cameras, make_targets

QUERIES, WIDTH = 6, 4


def make_layer(batch: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    raw = torch.randn(batch, QUERIES, WIDTH + 1, generator=generator).to(dtype).requires_grad_()
    boxes = torch.stack([make_targets(QUERIES, seed=20 + i).boxes for i in range(batch)])
    classes = NamedClasses(10, WIDTH)
    classes.rename(torch.randn(10, WIDTH, generator=generator))
    return {**classes.to(dtype)(raw), "pred_boxes": boxes.to(dtype), "raw": raw}


def make_named(count: int, seed: int = 0):
    targets = make_targets(count, seed)
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.nn.functional.normalize(torch.randn(count, WIDTH, generator=generator))
    return replace(targets, embeddings=embeddings)


def criterion() -> SetCriterion:
    return SetCriterion(HungarianMatcher(), num_classes=11, names=NameCriterion())


def total(layer, targets) -> torch.Tensor:
    losses = criterion()({**layer, "aux_outputs": []}, targets, make_cameras(len(targets)))
    return sum(value for name, value in losses.items() if name != "loss_bbox")


def test_equals_a_plain_loop():
    layer, targets = make_layer(2), [make_named(2), make_named(3, seed=2)]
    targets[1].labels[1] = 10  # an object without a name
    targets[1].embeddings[2] = torch.nan  # one that CLIP did not see
    losses = criterion()({**layer, "aux_outputs": []}, targets, make_cameras(2))
    objects = names = distilled = 0.0
    for i, target in enumerate(targets):
        logits = layer["pred_objectness"][i].double()
        as_objects = replace(target, labels=torch.zeros_like(target.labels))
        rows, columns = HungarianMatcher()(logits, layer["pred_boxes"][i], as_objects)
        for q in range(QUERIES):
            p = logits[q, 0].sigmoid()
            taken = q in rows
            objects += (
                -0.25 * (1 - p) ** 2 * p.log() if taken else -0.75 * p**2 * (1 - p).log()
            ) * 2
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            label, wanted = target.labels[column], target.embeddings[column]
            if label < 10:
                names -= layer["pred_names"][i, row].softmax(-1)[label].log()
            if wanted.isfinite().all():
                distilled += 1 - layer["pred_embeddings"][i, row] @ wanted
    assert losses["loss_object"].item() == pytest.approx(objects.item() / 5, rel=1e-5)
    assert losses["loss_name"].item() == pytest.approx(names.item() / 5, rel=1e-5)
    assert losses["loss_distillation"].item() == pytest.approx(distilled.item() / 5, rel=1e-5)
    assert "loss_cls" not in losses


def test_gradient_by_finite_differences():
    """Of all three losses, through the head, with the assignment as it is."""
    texts = torch.randn(10, WIDTH, generator=torch.Generator().manual_seed(3)).double()
    boxes = make_targets(QUERIES, seed=20).boxes[None].double()
    target = make_named(3)
    target.labels[0] = 10
    target.embeddings[1] = torch.nan
    classes = NamedClasses(10, WIDTH).double()
    classes.rename(texts)
    raw = torch.randn(1, QUERIES, WIDTH + 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda raw: total({**classes(raw), "pred_boxes": boxes}, [target]), raw, atol=1e-4
    )


@pytest.mark.parametrize("kind", ["no embeddings", "nothing named", "no objects"])
def test_what_is_absent_teaches_nothing(kind):
    layer = make_layer(1)
    target = make_named(0 if kind == "no objects" else 3)
    if kind == "no embeddings":
        target = replace(target, embeddings=None)
    if kind == "nothing named":
        target.labels.fill_(10)
    losses = criterion()({**layer, "aux_outputs": []}, [target], make_cameras())
    assert (losses["loss_distillation"] == 0) == (kind != "nothing named")
    assert (losses["loss_name"] == 0) == (kind != "no embeddings")
    sum(losses.values()).backward()
    assert layer["raw"].grad.isfinite().all()
    assert (layer["raw"].grad[..., -1] != 0).all()


def test_the_name_of_an_object_does_not_choose_its_query():
    layer, target = make_layer(1), make_named(4)
    other = replace(target, labels=(target.labels + 3) % 11)
    pairs = []
    for one in (target, other):
        logits, agnostic = NameCriterion.matched_as(layer, 0, one)
        pairs.append(HungarianMatcher()(logits, layer["pred_boxes"][0], agnostic))
    assert pairs[0][0].tolist() == pairs[1][0].tolist()
    assert pairs[0][1].tolist() == pairs[1][1].tolist()


def test_embeddings_of_another_space_are_refused():
    with pytest.raises(DrivetrError, match="embeddings are 3 wide and the detector's 4"):
        distillation(torch.randn(2, 4), torch.randn(2, 3))


def test_denoising_queries_are_refused():
    outputs = {**make_layer(1), "aux_outputs": [], "denoising": {"noised": None, "layers": []}}
    with pytest.raises(ValueError, match="denoising queries do not learn names"):
        criterion()(outputs, [make_named(2)], make_cameras())
