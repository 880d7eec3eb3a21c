"""ViT against the implementations that its weights are published for, from random weights."""

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from drivetr.errors import DrivetrError
from drivetr.models.layouts import layout_of
from drivetr.models.published import FAMILIES, PUBLISHED
from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_layouts import TORCHVISION, VIT_LAYOUTS
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.weight_files import read_weights
from drivetr.nn.weights import load_weights

DIM, HEADS, LAYERS, MLP, SIZE, PATCH, CLASSES = 32, 4, 2, 64, 32, 8, 5


def shaken(model: nn.Module, amount: float = 0.1) -> nn.Module:
    """No weight stays at the zero or one that it starts from."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return model.eval()


def ours(state, layout: str, eps: float = 1e-6, pooling: str = "class_token") -> ViTClassifier:
    model = ViTClassifier(
        ViT(SIZE, PATCH, LAYERS, HEADS, DIM, MLP, eps=eps), CLASSES, pooling
    ).eval()
    found = layout_of(state, VIT_LAYOUTS, "file")
    assert found.name == layout
    load_weights(model, found.translate(state))
    return model


@pytest.fixture
def equal(record_property):
    """Checks logits, and notes the difference for the table of `benchmarks/parity.py`."""

    def check(name, got, expected):
        difference = float((got - expected).abs().max())
        record_property("max_difference", (f"ViT, {name}: logits", difference))
        assert difference <= 1e-4

    return check


@pytest.fixture
def images():
    return torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_torchvision(images, equal):
    theirs = shaken(
        torchvision.models.VisionTransformer(
            SIZE, PATCH, LAYERS, HEADS, DIM, MLP, num_classes=CLASSES
        )
    )
    got = ours(theirs.state_dict(), "torchvision")(images)
    equal("torchvision", got, theirs(images))


@torch.no_grad()
@pytest.mark.slow
def test_torchvisions_vit_b_16(equal):
    """The published size."""
    theirs = shaken(torchvision.models.vit_b_16(weights=None), 0.02)
    images = torch.randn(1, 3, 224, 224)
    model = FAMILIES["vit"].build(PUBLISHED["vit_b_16"][1]).eval()
    load_weights(model, TORCHVISION.translate(theirs.state_dict()))
    equal("torchvision vit_b_16", model(images), theirs(images))


def test_names_of_old_torchvision_files():
    old = {"encoder.layers.encoder_layer_3.mlp.linear_2.weight": torch.zeros(1)}
    (name,) = layout_of(old, VIT_LAYOUTS, "file").translate(old)
    assert name == "trunk.encoder.layers.encoder_layer_3.mlp.3.weight"


def timm_twin() -> nn.Module:
    timm = pytest.importorskip("timm")
    return timm.create_model(
        "vit_base_patch16_224", pretrained=False, embed_dim=DIM, depth=LAYERS, num_heads=HEADS,
        img_size=SIZE, patch_size=PATCH, mlp_ratio=MLP / DIM, num_classes=CLASSES,
    )  # fmt: skip


@torch.no_grad()
def test_timm(images, equal):
    theirs = shaken(timm_twin())
    equal("timm", ours(theirs.state_dict(), "timm")(images), theirs(images))


@torch.no_grad()
def test_google_jax(images, tmp_path, equal):
    """timm reads the published .npz files too, and so is the judge."""
    theirs = timm_twin().eval()
    shapes = {
        "cls": (1, 1, DIM), "embedding/kernel": (PATCH, PATCH, 3, DIM), "embedding/bias": (DIM,),
        "Transformer/posembed_input/pos_embedding": (1, 1 + (SIZE // PATCH) ** 2, DIM),
        "Transformer/encoder_norm/scale": (DIM,), "Transformer/encoder_norm/bias": (DIM,),
        "head/kernel": (DIM, CLASSES), "head/bias": (CLASSES,),
    }  # fmt: skip
    for layer in range(LAYERS):
        block = f"Transformer/encoderblock_{layer}"
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{block}/{norm}/scale": (DIM,), f"{block}/{norm}/bias": (DIM,)}
        attention = f"{block}/MultiHeadDotProductAttention_1"
        for part in ("query", "key", "value"):
            shapes[f"{attention}/{part}/kernel"] = (DIM, HEADS, DIM // HEADS)
            shapes[f"{attention}/{part}/bias"] = (HEADS, DIM // HEADS)
        shapes[f"{attention}/out/kernel"] = (HEADS, DIM // HEADS, DIM)
        shapes[f"{attention}/out/bias"] = (DIM,)
        for place, (rows, columns) in enumerate(((DIM, MLP), (MLP, DIM))):
            shapes[f"{block}/MlpBlock_3/Dense_{place}/kernel"] = (rows, columns)
            shapes[f"{block}/MlpBlock_3/Dense_{place}/bias"] = (columns,)
    rng = np.random.default_rng(0)
    arrays = {k: (0.2 * rng.standard_normal(s)).astype(np.float32) for k, s in shapes.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    theirs.load_pretrained(str(tmp_path / "w.npz"))
    got = ours(read_weights(tmp_path / "w.npz"), "Google JAX")(images)
    equal("Google JAX npz", got, theirs(images))


def hugging_face_twin() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=DIM, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=MLP,
        image_size=SIZE, patch_size=PATCH, num_labels=CLASSES,
    )  # fmt: skip
    return shaken(transformers.ViTForImageClassification(config))


@torch.no_grad()
def test_hugging_face(images, tmp_path, equal):
    theirs = hugging_face_twin()
    theirs.save_pretrained(tmp_path)
    for state in (theirs.state_dict(), load_file(tmp_path / "model.safetensors")):
        got = ours(state, "Hugging Face", eps=theirs.config.layer_norm_eps)(images)
        equal("Hugging Face", got, theirs(pixel_values=images).logits)


@torch.no_grad()
def test_another_size_interpolates_as_hugging_face_does(equal):
    theirs = hugging_face_twin()
    images = torch.randn(2, 3, 40, 72)
    got = ours(theirs.state_dict(), "Hugging Face", eps=theirs.config.layer_norm_eps)(images)
    expected = theirs(pixel_values=images, interpolate_pos_encoding=True).logits
    equal("Hugging Face, another size", got, expected)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("source", ["torchvision", "transformers"])
def test_vit_b_16_in_its_published_size(source, equal):
    family, settings = PUBLISHED["vit_b_16"]
    if source == "torchvision":
        theirs, eps = torchvision.models.vit_b_16(weights=None), 1e-6
    else:
        transformers = pytest.importorskip("transformers")
        config = transformers.ViTConfig(num_labels=1000)
        theirs, eps = transformers.ViTForImageClassification(config), config.layer_norm_eps
    torch.manual_seed(0)
    for parameter in theirs.eval().parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    state = theirs.state_dict()
    model = FAMILIES[family].build({**settings, "eps": eps}).eval()
    load_weights(model, layout_of(state, VIT_LAYOUTS, "file").translate(state))
    images = torch.randn(1, 3, 224, 224)
    out = theirs(images)
    expected = out if source == "torchvision" else out.logits
    assert expected.abs().max() > 0.5
    equal(f"ViT-B/16 of {source}", model(images), expected)


def test_a_file_of_another_model():
    with pytest.raises(DrivetrError, match=r"file: expected .* torchvision, timm, Hugging Face"):
        layout_of({"conv1.weight": torch.zeros(1)}, VIT_LAYOUTS, "file")


def test_mean_of_the_patches(images):
    model = ViTClassifier(ViT(SIZE, PATCH, LAYERS, HEADS, DIM, MLP), CLASSES, "mean").eval()
    nn.init.normal_(model.head.weight)
    with torch.no_grad():
        expected = model.head(model.trunk(images)[0].flatten(2).mean(-1))
        torch.testing.assert_close(model(images), expected, atol=1e-5, rtol=1e-5)
