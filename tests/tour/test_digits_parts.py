"""The parts that train on digits: what they show follows images and weights."""

import numpy as np
import pytest
import torch

from drivetr.models.lenet import LeNet5
from drivetr.tour import bias, depth, filters, vit
from drivetr.tour.digits import accuracy, load_digits, small_vit, train_classifier

pytest.importorskip("sklearn")


@pytest.fixture
def image() -> torch.Tensor:
    return load_digits("test")[0][0]


class TestFilters:
    @pytest.fixture
    def model(self) -> LeNet5:
        torch.manual_seed(0)
        return LeNet5().eval()

    def test_the_shown_filter_is_what_a_grey_image_meets(self, model, image):
        found = filters.look(model, image)
        patch = image[0, 10:15, 10:15]
        by_hand = torch.tanh((found["filters"] * patch).sum((1, 2)) + model.c1.bias)
        torch.testing.assert_close(found["first"][:, 10, 10], by_hand, atol=1e-5, rtol=1e-4)
        assert found["second"].shape == (16, 10, 10)

    def test_image_and_weights_change_the_data(self, model, image):
        before = filters.look(model, image)
        other = filters.look(model, load_digits("test")[0][1])
        assert not torch.equal(before["first"], other["first"])
        with torch.no_grad():
            model.c1.weight[2] += 0.1
        after = filters.look(model, image)
        changed = (before["filters"] != after["filters"]).flatten(1).any(1)
        assert changed.tolist() == [False, False, True, False, False, False]


class TestDepth:
    def test_data_follow_the_network_and_the_seed(self, settings):
        families = {"LeNet-5": LeNet5, "plain-8": depth.FAMILIES["plain-8"]}
        first = depth.train(families, settings)
        again = depth.train(families, settings)
        assert first == again
        assert first["LeNet-5"]["losses"] != first["plain-8"]["losses"]
        assert first["LeNet-5"]["layers"] == 5
        assert first["plain-8"]["layers"] == 8

    def test_every_member_of_a_group_is_trained(self):
        named = {name for names in depth.GROUPS.values() for name in names}
        assert named == set(depth.FAMILIES)

    def test_smoothing_is_a_mean(self):
        assert depth.smoothed([1.0, 3.0]).tolist() == [2.0]


class TestBias:
    def test_fewer_images_give_other_data(self, settings):
        learned, tested = load_digits("train"), load_digits("test")
        data = bias.train(learned, (tested[0][:50], tested[1][:50]), (20, 40), settings)
        curves = np.array(data["LeNet-5"]["accuracy"])
        assert curves.shape == (bias.RUNS, 2)
        assert ((curves >= 0) & (curves <= 1)).all()

    def test_more_training_raises_the_accuracy(self):
        learned, tested = load_digits("train"), load_digits("test")
        few, _ = train_classifier(LeNet5, learned, 2, 3e-3, 0, "few")
        many, losses = train_classifier(LeNet5, learned, 60, 3e-3, 0, "many")
        assert losses[-1] < losses[0]
        assert accuracy(many, tested) > accuracy(few, tested) + 0.2


class TestViT:
    @pytest.fixture
    def model(self):
        torch.manual_seed(0)
        return small_vit(patch_size=8).eval()

    def test_even_attention_has_the_mean_distance_and_sees_all_patches(self, model, image):
        with torch.no_grad():
            for block in model.trunk.encoder.layers:
                block.self_attention.in_proj_weight.zero_()
        found = vit.by_depth(model, image[None])
        middles = [(8 * row, 8 * column) for row in range(4) for column in range(4)]
        mean = np.mean([np.hypot(a - c, b - d) for a, b in middles for c, d in middles])
        np.testing.assert_allclose(found["distance"], mean, rtol=1e-4)
        np.testing.assert_allclose(found["patches"], 16, rtol=1e-4)

    def test_image_and_weights_change_the_data(self, model, image):
        other = load_digits("test")[0][1:2]
        before = vit.look(model, image[None])
        assert not torch.equal(before["rollout"], vit.look(model, other)["rollout"])
        with torch.no_grad():
            model.trunk.encoder.layers[2].self_attention.in_proj_weight[0, 0] += 1
        after = vit.look(model, image[None])
        changed = (before["layers"] != after["layers"]).flatten(2).any(2)[0]
        assert changed.tolist() == [False, False, True, True]
