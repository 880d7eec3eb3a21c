"""transformers' names of a ResNet."""

import pytest
import torch
import torchvision

from drivetr.models.resnet_layouts import HUGGING_FACE


@pytest.mark.parametrize(
    ("depths", "block", "theirs"),
    [((2, 2, 2, 2), "basic", "resnet18"), ((3, 4, 6, 3), "bottleneck", "resnet50")],
)
def test_every_name_is_one_of_torchvisions(depths, block, theirs):
    transformers = pytest.importorskip("transformers")
    widths = [64, 128, 256, 512] if block == "basic" else [256, 512, 1024, 2048]
    config = transformers.ResNetConfig(
        depths=list(depths), hidden_sizes=widths, layer_type=block, num_labels=1000
    )
    with torch.device("meta"):
        state = transformers.ResNetForImageClassification(config).state_dict()
        expected = getattr(torchvision.models, theirs)().state_dict()
    translated = HUGGING_FACE.translate(state)
    trunk = {
        k.removeprefix("backbone."): t.shape
        for k, t in translated.items()
        if not k.startswith("classifier.")
    }
    assert trunk == {k: t.shape for k, t in expected.items() if not k.startswith("fc.")}
