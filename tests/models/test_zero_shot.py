"""Classes by their prompts."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from drivetr.models.zero_shot import ZeroShotPostprocess, class_embeddings


def test_mean_of_the_prompts():
    prompts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    found = class_embeddings(prompts, 2)
    torch.testing.assert_close(found, torch.tensor([[0.5**0.5, 0.5**0.5], [0.0, 1.0]]))


@pytest.mark.parametrize("count", [0, 3])
def test_uneven(count):
    with pytest.raises(ValueError, match="cannot be shared out"):
        class_embeddings(torch.eye(4), count)


def test_ranking():
    generator = torch.Generator().manual_seed(0)
    image = normalize(torch.randn(5, 8, generator=generator), dim=-1)
    text = normalize(torch.randn(6, 8, generator=generator), dim=-1)
    outputs = {"image": image, "text": text, "logit_scale": torch.tensor(2.0)}
    rankings = ZeroShotPostprocess(3)(outputs)
    for i, ranking in enumerate(rankings):
        classes = [normalize((text[2 * k] + text[2 * k + 1]) / 2, dim=0) for k in range(3)]
        weights = torch.stack([(math.exp(2) * image[i] @ each).exp() for each in classes])
        torch.testing.assert_close(ranking.to("cpu").probabilities, weights / weights.sum())
        assert ranking.best == int(weights.argmax())
