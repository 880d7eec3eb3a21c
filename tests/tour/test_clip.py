"""CLIP's matrix follows pictures, sentences and weights."""

import pytest
import torch

from drivetr.tour.clip import look, untrained_clip, zero_shot

TEXTS = ["a car", "a bus", "a traffic cone"]


@pytest.fixture
def clip():
    torch.manual_seed(0)
    return untrained_clip()


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 48, 48), generator=generator, dtype=torch.uint8)


def test_cosines_of_every_picture_and_sentence(clip, pictures):
    cosines = look(clip, pictures, TEXTS)["cosines"]
    assert cosines.shape == (2, 3)
    assert cosines.abs().max() <= 1
    alone = look(clip, pictures[1:], TEXTS[2:])["cosines"]
    torch.testing.assert_close(alone, cosines[1:, 2:], atol=1e-5, rtol=1e-5)
    assert zero_shot(clip, pictures).shape == (2,)


def test_pictures_sentences_and_weights_change_the_data(clip, pictures):
    before = look(clip, pictures, TEXTS)["cosines"]
    assert not torch.equal(look(clip, 255 - pictures, TEXTS)["cosines"], before)
    assert not torch.equal(look(clip, pictures, ["a van", *TEXTS[1:]])["cosines"], before)
    with torch.no_grad():
        clip.model.visual_projection.weight[0, 0] += 1
    assert not torch.equal(look(clip, pictures, TEXTS)["cosines"], before)
