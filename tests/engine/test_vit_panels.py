"""The picture of a ViT's attention: what is drawn is what was computed."""

import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.engine import vit_panels
from drivetr.engine.looking import LoadedModel
from drivetr.errors import DrivetrError
from drivetr.models.lenet import LeNet5
from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_attention import vit_attention
from drivetr.nn.backbones.vit import ViT
from drivetr.visual.attention_sheet import attention_sheet


@pytest.fixture
def image(tmp_path):
    """Oblong, and no whole number of patches after resizing."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def loaded(model=None) -> LoadedModel:
    torch.manual_seed(0)
    model = model or ViTClassifier(ViT(32, 8, 3, 4, 32, 64), 5)
    return LoadedModel(model.eval(), None, (), torch.device("cpu"))


@pytest.mark.parametrize("head", [None, 2])
def test_panels_are_the_attention_of_the_resized_image(image, monkeypatch, head):
    drawn = {}

    def spy(pixels, panels, cell_px):
        drawn.update(pixels=pixels, panels=panels, cell_px=cell_px)
        return attention_sheet(pixels, panels, cell_px)

    monkeypatch.setattr(vit_panels, "attention_sheet", spy)
    seen = loaded()
    sheet = vit_panels.draw_vit_attention(seen, image, head)
    assert sheet.shape == (10 + 2 * (256 + 36), 10 + 4 * 370, 3)  # five pictures of 256x360
    assert drawn["pixels"].shape == (64, 90, 3)
    assert drawn["cell_px"] == pytest.approx((16.0, 16.0))  # 32x45 pixels, 32x40 of them seen

    resized = torch.nn.functional.interpolate(
        torch.from_numpy(drawn["pixels"]).permute(2, 0, 1)[None].float(),
        (32, 45), mode="bilinear", antialias=True,
    )  # fmt: skip
    mean, std = (
        torch.tensor(v)[:, None, None] for v in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    )
    found = vit_attention(seen.model, ((resized - mean) / std)[..., :40])
    layers = found.layers[0].mean(1) if head is None else found.layers[0][:, head]
    for panel, expected in zip(drawn["panels"], [*layers, found.rollout[0]], strict=True):
        assert panel.weights.shape == (4, 5)
        np.testing.assert_allclose(panel.weights, expected.numpy(), atol=2e-3)
    assert [p.title.split(":")[0] for p in drawn["panels"]] == [
        "layer 0", "layer 1", "layer 2", "rollout of all layers"
    ]  # fmt: skip


def test_another_model_or_head(image):
    with pytest.raises(DrivetrError, match="--head 4: the model has the heads 0 to 3"):
        vit_panels.draw_vit_attention(loaded(), image, 4)
    with pytest.raises(ValueError, match="a LeNet5 is no ViTClassifier"):
        vit_panels.draw_vit_attention(loaded(LeNet5()), image)
