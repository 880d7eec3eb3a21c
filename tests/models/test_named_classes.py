"""Named classes against brute force, and what a change of names changes."""

import math

import pytest
import torch
from torch import nn

from drivetr.errors import DrivetrError
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.named_classes import NamedClasses

SPAN = (-26.0, -26.0, -4.0, 26.0, 26.0, 3.0)


def named(texts: torch.Tensor) -> NamedClasses:
    classes = NamedClasses(*texts.shape)
    classes.rename(texts)
    return classes


@pytest.fixture
def texts():
    return torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def raw():
    return torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(1))


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def test_equals_brute_force_cosines(texts, raw):
    found = named(texts)(raw)
    for b in range(2):
        for q in range(3):
            *place, objectness = raw[b, q].tolist()
            names = [cosine(place, text) / 0.07 for text in texts.tolist()]
            assert found["pred_names"][b, q].tolist() == pytest.approx(names, abs=1e-4)
            total = sum(math.exp(name) for name in names)
            is_object = 1 / (1 + math.exp(-objectness))
            scores = [is_object * math.exp(name) / total for name in names]
            assert found["pred_logits"][b, q].sigmoid().tolist() == pytest.approx(scores, abs=1e-5)
            assert found["pred_objectness"][b, q].item() == pytest.approx(objectness)
            assert found["pred_embeddings"][b, q].norm().item() == pytest.approx(1)


def test_a_class_without_a_name_scores_zero(texts, raw):
    texts[2] = 0
    found = named(texts)(raw)
    assert (found["pred_logits"][..., 2].sigmoid() == 0).all()
    assert found["pred_logits"].isfinite().all()
    others = named(texts[[0, 1, 3, 4]])(raw)["pred_logits"]
    torch.testing.assert_close(found["pred_logits"][..., [0, 1, 3, 4]], others)


def test_scores_stay_finite_at_the_extremes(texts):
    raw = torch.zeros(1, 2, 9)
    raw[..., :-1] = texts[0]
    raw[0, :, -1] = torch.tensor([200.0, -200.0])
    found = named(texts[:1])(raw)["pred_logits"]
    assert found.isfinite().all()
    assert found[0, 0] > 10
    assert found[0, 1] < -100


def test_permuted_names_permute_the_scores(texts, raw):
    order = torch.tensor([3, 0, 4, 1, 2])
    expected = named(texts)(raw)["pred_logits"][..., order]
    torch.testing.assert_close(named(texts[order])(raw)["pred_logits"], expected)


def test_new_names_change_the_classes_and_nothing_else(texts):
    torch.manual_seed(0)
    head = BoxHead(16, 5, 2, SigmoidCentre(SPAN), names=NamedClasses(5, 8)).eval()
    head.names.rename(texts)
    query, reference = torch.randn(1, 6, 16), torch.rand(1, 6, 3)
    before = head(1, query, reference, None)
    head.names.rename(texts.flip(0))
    after = head(1, query, reference, None)
    same = ("pred_boxes", "pred_objectness", "pred_embeddings")
    assert all(torch.equal(before[name], after[name]) for name in same)
    assert not torch.equal(before["pred_logits"], after["pred_logits"])


def test_an_untrained_head_rarely_sees_an_object():
    head = BoxHead(16, 5, 1, SigmoidCentre(SPAN), prior=0.01, names=NamedClasses(5, 8))
    assert head.classify[0][-1].bias[-1].sigmoid().item() == pytest.approx(0.01)
    assert head.classify[0][-1].bias[:-1].tolist() == [0] * 8


def test_names_travel_with_the_weights(texts):
    state = BoxHead(16, 5, 1, nn.Identity(), names=named(texts)).state_dict()
    other = BoxHead(16, 5, 1, nn.Identity(), names=NamedClasses(5, 8))
    other.load_state_dict(state)
    assert torch.equal(other.names.embeddings, texts)


def test_texts_of_another_space_are_refused(texts):
    with pytest.raises(DrivetrError, match=r"\[5, 7\] text embeddings, expected \[5, 8\]"):
        named(texts).rename(texts[:, :7])


def test_comparing_anew_equals_another_run(texts, raw):
    classes = named(texts)
    before = classes(raw)
    classes.rename(texts.flip(0))
    anew = classes.compare(before["pred_embeddings"], before["pred_objectness"])
    run = classes(raw)
    assert all(torch.equal(anew[name], run[name]) for name in run)
