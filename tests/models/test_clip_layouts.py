"""CLIP against transformers and open_clip, from random weights."""

import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

import drivetr
from drivetr.cli.main import main
from drivetr.models.clip import CLIP, TextTransformer
from drivetr.models.clip_layouts import CLIP_LAYOUTS
from drivetr.models.layouts import layout_of
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.weights import load_weights

VOCAB, CONTEXT, DIM, HEADS, LAYERS, SIZE, PATCH, COMMON = 99, 12, 32, 4, 2, 32, 8, 16


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, VOCAB - 2, (3, CONTEXT), generator=generator)
    for row, end in zip(tokens, (3, 7, CONTEXT - 1), strict=True):
        row[0], row[end], row[end + 1 :] = VOCAB - 2, VOCAB - 1, 0
    return torch.randn(2, 3, SIZE, SIZE, generator=generator), tokens


def ours(state, layout: str) -> CLIP:
    model = CLIP(
        ViT(
            SIZE,
            PATCH,
            LAYERS,
            HEADS,
            DIM,
            4 * DIM,
            eps=1e-5,
            activation="quick_gelu",
            clip_style=True,
        ),
        TextTransformer(VOCAB, CONTEXT, DIM, HEADS, LAYERS),
        COMMON,
    ).eval()
    found = layout_of(state, CLIP_LAYOUTS, "file")
    assert found.name == layout
    load_weights(model, found.translate(state))
    return model


@pytest.fixture
def equal(record_property):
    """Checks embeddings, and notes the difference for the table of `benchmarks/parity.py`."""

    def check(name, got, expected):
        difference = float((got - expected).abs().max())
        record_property("max_difference", (f"CLIP, {name}", difference))
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-5)

    return check


@torch.no_grad()
def test_transformers(inputs, tmp_path, equal):
    transformers = pytest.importorskip("transformers")
    tower = dict(
        hidden_size=DIM, num_attention_heads=HEADS, num_hidden_layers=LAYERS,
        intermediate_size=4 * DIM,
    )  # fmt: skip
    config = transformers.CLIPConfig(
        text_config=dict(
            **tower, vocab_size=VOCAB, max_position_embeddings=CONTEXT, pad_token_id=0,
            bos_token_id=VOCAB - 2, eos_token_id=VOCAB - 1,
        ),
        vision_config=dict(**tower, image_size=SIZE, patch_size=PATCH),
        projection_dim=COMMON,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.CLIPModel(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    theirs.save_pretrained(tmp_path)
    images, tokens = inputs
    expected = theirs(input_ids=tokens, pixel_values=images)
    for state in (theirs.state_dict(), load_file(tmp_path / "model.safetensors")):
        model = ours(state, "Hugging Face")
        found = (model.encode_image(images), model.encode_text(tokens))
        unit = [functional.normalize(embedded, dim=-1) for embedded in found]
        equal("Hugging Face: image, length 1", unit[0], expected.image_embeds)
        equal("Hugging Face: text, length 1", unit[1], expected.text_embeds)
        equal("Hugging Face: logits", model.similarity(images, tokens), expected.logits_per_image)


def clip_of_open_clip():
    open_clip = pytest.importorskip("open_clip")
    torch.manual_seed(0)
    theirs = open_clip.model.CLIP(
        embed_dim=COMMON,
        vision_cfg=dict(
            image_size=SIZE, patch_size=PATCH, width=DIM, layers=LAYERS, head_width=DIM // HEADS
        ),
        text_cfg=dict(
            context_length=CONTEXT, vocab_size=VOCAB, width=DIM, heads=HEADS, layers=LAYERS
        ),
        quick_gelu=True,
    ).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return theirs


@torch.no_grad()
def test_open_clip(inputs, equal):
    theirs = clip_of_open_clip()
    images, tokens = inputs
    model = ours(theirs.state_dict(), "OpenAI or open_clip")
    equal("open_clip: image", model.encode_image(images), theirs.encode_image(images))
    equal("open_clip: text", model.encode_text(tokens), theirs.encode_text(tokens))
    assert model.logit_scale == theirs.logit_scale


@torch.no_grad()
@pytest.mark.parametrize("form", ["TorchScript", "state dict"])
def test_files_as_openai_writes_them(inputs, equal, tmp_path, form, capsys):
    """Half precision, and sizes among the weights; through the command line and back."""
    theirs = clip_of_open_clip().half().float()  # its numbers are those of the file
    images, tokens = inputs
    sizes = {"input_resolution": SIZE, "context_length": CONTEXT, "vocab_size": VOCAB}
    expected = theirs.encode_image(images), theirs.encode_text(tokens)
    path, out = tmp_path / "clip.pt", tmp_path / "out"
    words = ["convert", str(path), "--model", "clip", "--out", str(out)]
    words += ["--set", "vision_heads=4", "text_heads=4", "activation=quick_gelu"]
    if form == "TorchScript":
        for name, size in sizes.items():
            delattr(theirs, name) if hasattr(theirs, name) else None
            theirs.register_buffer(name, torch.tensor(size))
        with warnings.catch_warnings(action="ignore"):
            torch.jit.save(torch.jit.trace(theirs, inputs, check_trace=False).half(), str(path))
        assert main(words) == 2
        assert "is a TorchScript archive" in capsys.readouterr().err
        with pytest.warns(UserWarning, match="runs the TorchScript code that it carries"):
            assert main([*words, "--allow-torchscript"]) == 0
    else:
        state = {k: v.half() for k, v in theirs.state_dict().items()}
        torch.save(state | {k: torch.tensor(v) for k, v in sizes.items()}, path)
        assert main(words) == 0
    told = capsys.readouterr().out
    assert "input_resolution, context_length, vocab_size (a size)" in told
    model = drivetr.from_pretrained(out)
    assert not model.training
    equal(f"OpenAI {form}: image", model.encode_image(images), expected[0])
    equal(f"OpenAI {form}: text", model.encode_text(tokens), expected[1])


def test_words_after_the_end_do_not_count(inputs):
    model = CLIP(
        ViT(SIZE, PATCH, 1, HEADS, DIM, DIM, eps=1e-5, activation="quick_gelu", clip_style=True),
        TextTransformer(VOCAB, CONTEXT, DIM, HEADS, LAYERS),
        COMMON,
    ).eval()
    _, tokens = inputs
    other = tokens.clone()
    other[0, 5:] = 17
    with torch.no_grad():
        torch.testing.assert_close(model.encode_text(other), model.encode_text(tokens))
        other[0, 1] += 1
        assert not torch.allclose(model.encode_text(other)[0], model.encode_text(tokens)[0])


def test_a_text_that_is_too_long():
    text = TextTransformer(VOCAB, CONTEXT, DIM, HEADS, 1)
    with pytest.raises(ValueError, match="13 tokens, but the context is 12 long"):
        text(torch.zeros(1, 13, dtype=torch.long))
