"""The translator's attention over its source."""

import numpy as np
import pytest
import torch

from drivetr.data.number_words import NumberWordsDataset
from drivetr.tour.words import exactly_right, look, make_model


@pytest.fixture
def model():
    torch.manual_seed(0)
    return make_model().eval()


def test_one_row_a_written_word_and_one_column_a_word_of_the_source(model):
    data = look(model, "seven hundred and five")
    assert data["source"] == ["seven", "hundred", "and", "five"]
    assert data["cross"].shape == (2, len(data["written"]), 4)
    np.testing.assert_allclose(data["cross"].sum(-1), 1, atol=1e-5)


def test_source_and_weights_change_the_data(model):
    before = look(model, "seven hundred")["cross"]
    assert not torch.equal(look(model, "eight hundred")["cross"][:, :1], before[:, :1])
    with torch.no_grad():
        model.decoder.layers[1].cross_attention.in_proj_weight[0, 0] += 1
    after = look(model, "seven hundred")["cross"]
    assert torch.equal(after[0, :1], before[0, :1])
    assert not torch.equal(after[1, :1], before[1, :1])


def test_an_untrained_model_is_hardly_ever_right(model):
    dataset = NumberWordsDataset("test", 1000, with_targets=False, first=50)
    assert exactly_right(model, dataset) < 0.1
