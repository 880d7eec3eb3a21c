"""Published weights in every layout, through the door and out again."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import drivetr
from drivetr.cli.main import main
from drivetr.engine.convert import convert
from drivetr.engine.sources import read_source
from drivetr.errors import DrivetrError
from drivetr.models.published import FAMILIES, PUBLISHED

SMALL = {
    "depth": 50, "dilated": False, "position": "sine", "embed_dim": 16, "num_heads": 2,
    "ffn_dim": 16, "encoder_layers": 1, "decoder_layers": 1, "num_queries": 3, "num_classes": 4,
}  # fmt: skip


def facebook_name(key: str) -> str:
    """Own name to published name, told apart from the layout's rules."""
    pairs = (
        ("backbone.", "backbone.0.body."), ("encoder.", "transformer.encoder."),
        ("decoder.post_norm.", "transformer.decoder.norm."), ("decoder.", "transformer.decoder."),
    )  # fmt: skip
    for own, published in pairs:
        if key.startswith(own):
            key = published + key.removeprefix(own)
            break
    for own, published in (
        ("self_attention", "self_attn"), ("cross_attention", "multihead_attn"),
        ("ffn.0", "linear1"), ("ffn.3", "linear2"), ("norms.0", "norm1"), ("norms.1", "norm2"),
        ("norms.2", "norm3"), ("box_embed.0", "bbox_embed.layers.0"),
        ("box_embed.2", "bbox_embed.layers.1"), ("box_embed.4", "bbox_embed.layers.2"),
    ):  # fmt: skip
        key = key.replace(own, published)
    return key


@pytest.fixture
def detr():
    torch.manual_seed(0)
    return FAMILIES["detr"].build(SMALL).eval()


@pytest.fixture
def checkpoint(detr, tmp_path):
    state = {facebook_name(k): v for k, v in detr.state_dict().items() if "num_batches" not in k}
    torch.save({"model": state}, tmp_path / "detr.pth")
    return tmp_path / "detr.pth"


def test_from_the_command_line_to_the_same_boxes(detr, checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["convert", str(checkpoint), "--model", "detr", "--out", str(out)]
    assert main([*words, "--set", "num_heads=2", "dilated=False"]) == 0
    assert "from_pretrained" in capsys.readouterr().out
    model = drivetr.from_pretrained(out)
    assert not model.training
    images, padding = torch.randn(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool)
    with torch.no_grad():
        assert torch.equal(
            model(images, padding)["pred_boxes"], detr(images, padding)["pred_boxes"]
        )
    assert json.loads((out / "config.json").read_text())["settings"] == SMALL


def test_what_a_bare_state_dict_does_not_tell(checkpoint, tmp_path, capsys):
    words = ["convert", str(checkpoint), "--model", "detr", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "does not tell num_heads, dilated; give --set num_heads=... --set dilated=..." in told
    assert not (tmp_path / "out").exists()


def test_a_name_with_other_sizes_lists_them(checkpoint, tmp_path):
    said = r"layout of facebookresearch/detr\) as detr_r50: .* embed_dim 256 \(weights: 16\)"
    with pytest.raises(DrivetrError, match=said):
        convert(read_source(checkpoint), "detr_r50", tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "given", "told"),
    [
        ("detr_r5", {}, "no model named 'detr_r5', did you mean 'detr_r50'"),
        ("vit", {}, "expected a state dict in one of the layouts torchvision, timm"),
        ("detr", {"num_head": 2}, "--set num_head: detr has no such setting, did you mean"),
        ("detr", {"num_heads": 3, "dilated": False}, "no detr can be built from"),
    ],
)
def test_wrong_words(checkpoint, tmp_path, model, given, told):
    with pytest.raises(DrivetrError, match=told):
        convert(read_source(checkpoint), model, tmp_path / "out", given)


def test_a_missing_and_an_unknown_key_fail(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)["model"]
    state["extra.weight"] = state.pop("input_proj.bias")
    torch.save(state, checkpoint)
    with pytest.raises(DrivetrError, match=r"(?s)missing .*input_proj.bias.*unexpected .*extra"):
        convert(read_source(checkpoint), "detr", tmp_path / "out", {"num_heads": 2, "dilated": 0})


def test_more_layers_than_anybody_has_are_not_built(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)["model"]
    few = torch.zeros(16)
    state |= {f"transformer.encoder.layers.{i}.norm1.weight": few for i in range(5000)}
    torch.save(state, checkpoint)
    with pytest.raises(DrivetrError, match=r"no detr has such shapes \(5000 layers"):
        convert(read_source(checkpoint), "detr", tmp_path / "out", {"num_heads": 2, "dilated": 0})


def test_the_source_is_not_written_over(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DrivetrError, match="is the source, which would be written over"):
        convert(read_source(tmp_path), "vit", tmp_path / ".", {})


@pytest.mark.parametrize("source", ["own", "own/model.safetensors"])
def test_the_source_is_not_even_read_where_it_would_be_written_over(source, tmp_path, capsys):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/model.safetensors").write_bytes(b"nothing that could be read")
    words = ["convert", str(tmp_path / source), "--model", "detr", "--out", str(tmp_path / "own")]
    assert main(words) == 2
    assert "is the source, which would be written over" in capsys.readouterr().err
    assert (tmp_path / "own/model.safetensors").read_bytes() == b"nothing that could be read"


@pytest.mark.parametrize("source", ["ours", "ours/model.safetensors"])
def test_what_was_converted_is_not_converted_again(source, checkpoint, tmp_path, capsys):
    given = {"num_heads": 2, "dilated": False}
    convert(read_source(checkpoint), "detr", tmp_path / "ours", given)
    words = ["convert", str(tmp_path / source), "--model", "detr", "--out", str(tmp_path / "new")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "ours is a folder that drivetr convert wrote; give the original checkpoint" in told


def test_names_of_two_layouts_end_with_status_2(checkpoint, tmp_path, capsys):
    state = torch.load(checkpoint, weights_only=True)["model"]
    state["model.encoder.layers.0.fc1.weight"] = torch.zeros(1)
    torch.save(state, checkpoint)
    words = ["convert", str(checkpoint), "--model", "detr_r50", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "found facebookresearch/detr and Hugging Face" in capsys.readouterr().err


def test_clip_with_a_resnet_is_refused_by_name(tmp_path, capsys):
    state = {"visual.layer1.0.conv1.weight": torch.zeros(1), "logit_scale": torch.zeros(())}
    torch.save(state, tmp_path / "rn50.pth")
    words = ["convert", str(tmp_path / "rn50.pth"), "--model", "clip", "--out", str(tmp_path)]
    assert main(words) == 2
    assert "CLIP with a ResNet as image tower, which drivetr does not" in capsys.readouterr().err


class TestFromPretrained:
    def test_a_folder_of_something_else(self, tmp_path):
        with pytest.raises(DrivetrError, match=r"has no config\.json"):
            drivetr.from_pretrained(tmp_path)
        (tmp_path / "config.json").write_text('{"model_type": "detr"}')
        with pytest.raises(DrivetrError, match="expected 1 and one of detr, vit, clip"):
            drivetr.from_pretrained(tmp_path)

    @pytest.fixture
    def converted(self, checkpoint, tmp_path):
        convert(read_source(checkpoint), "detr", tmp_path, {"num_heads": 2, "dilated": False})
        return tmp_path

    def test_a_device_may_be_named(self, converted):
        model = drivetr.from_pretrained(converted, device="cpu")
        assert {p.device.type for p in model.parameters()} == {"cpu"}
        with pytest.raises(DrivetrError, match="--device mps is not supported"):
            drivetr.from_pretrained(converted, device="mps")

    def test_weights_of_another_size(self, converted):
        state = load_file(converted / "model.safetensors")
        save_file(state | {"class_embed.bias": torch.zeros(1)}, converted / "model.safetensors")
        with pytest.raises(DrivetrError, match=r"(?s)do not fit DETR.*class_embed.bias \[1\]"):
            drivetr.from_pretrained(converted)

    @pytest.mark.parametrize(
        ("setting", "value", "said"),
        [
            ("encoder_layers", 10**9, r"found encoder_layers 1000000000 \(weights: 1\)"),
            ("embed_dim", 2**40, r"found embed_dim 1099511627776 \(weights: 16\)"),
            ("num_queries", None, r"found num_queries None \(weights: 3\)"),
            ("num_heads", 10**9, "no detr can be built"),
            ("num_heads", -2, "no detr can be built"),
            ("num_heads", "2", "no detr can be built"),
            ("dilated", "no", "no detr can be built .* dilated is 'no'"),
        ],
    )
    def test_settings_that_would_fill_the_memory_or_mean_nothing(
        self, converted, setting, value, said
    ):
        description = json.loads((converted / "config.json").read_text())
        description["settings"][setting] = value
        (converted / "config.json").write_text(json.dumps(description))
        with pytest.raises(DrivetrError, match=said):
            drivetr.from_pretrained(converted)

    @pytest.mark.parametrize("change", [{"settings": [1]}, {"family": ["detr"]}, {"format": 2}])
    def test_descriptions_of_something_else(self, converted, change):
        description = json.loads((converted / "config.json").read_text()) | change
        (converted / "config.json").write_text(json.dumps(description))
        with pytest.raises(DrivetrError, match=r"config\.json: (found format|has no settings)"):
            drivetr.from_pretrained(converted)


def test_list(capsys):
    assert main(["convert", "--list"]) == 0
    assert capsys.readouterr().out.split()[: len(PUBLISHED)] == list(PUBLISHED)


@pytest.mark.parametrize("name", ["detr_r50", "vit_b_32", "clip_vit_b_32"])
def test_named_models_have_the_settings_that_their_weights_tell(name):
    family_name, settings = PUBLISHED[name]
    family = FAMILIES[family_name]
    with torch.device("meta"):
        state = family.build(settings).state_dict()
    told = family.told_by_weights(state)
    assert told == {key: settings[key] for key in told}
    assert set(settings) == {*told, *family.untold}


class TestHuggingFaceFolders:
    """Sizes come from config.json and the weights, by way of what transformers itself saves."""

    @staticmethod
    def converted(reference, family, folder):
        reference.eval().save_pretrained(folder / "theirs")
        convert(read_source(folder / "theirs"), family, folder / "ours", {})
        return drivetr.from_pretrained(folder / "ours")

    @torch.no_grad()
    def test_detr(self, tmp_path):
        transformers = pytest.importorskip("transformers")
        reference = transformers.DetrForObjectDetection(
            transformers.DetrConfig(
                use_timm_backbone=True, backbone="resnet50", use_pretrained_backbone=False,
                dilation=True, d_model=32, encoder_layers=1, decoder_layers=2,
                encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
                decoder_ffn_dim=64, num_queries=7, num_labels=5,
            )
        )  # fmt: skip
        model = self.converted(reference, "detr", tmp_path)
        images, padding = torch.randn(1, 3, 64, 96), torch.zeros(1, 64, 96, dtype=torch.bool)
        expected = reference(pixel_values=images, pixel_mask=(~padding).long()).logits
        got = model(images, padding)["pred_logits"]
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)

    @torch.no_grad()
    def test_vit_and_clip(self, tmp_path):
        transformers = pytest.importorskip("transformers")
        tower = dict(hidden_size=32, num_attention_heads=4, num_hidden_layers=2)
        picture = dict(image_size=32, patch_size=8, intermediate_size=64)
        images = torch.randn(2, 3, 32, 32)
        vit = transformers.ViTForImageClassification(
            transformers.ViTConfig(**tower, **picture, num_labels=5)
        )
        model = self.converted(vit, "vit", tmp_path / "vit")
        torch.testing.assert_close(
            model(images), vit(pixel_values=images).logits, atol=1e-4, rtol=0
        )
        words = dict(vocab_size=99, max_position_embeddings=12, intermediate_size=96)
        ends = dict(pad_token_id=0, bos_token_id=97, eos_token_id=98)
        clip = transformers.CLIPModel(
            transformers.CLIPConfig(
                text_config=tower | words | ends, vision_config=tower | picture, projection_dim=16
            )
        )
        model = self.converted(clip, "clip", tmp_path / "clip")
        tokens = torch.tensor([[97, 3, 4, 98], [97, 5, 98, 0]])
        expected = clip(input_ids=tokens, pixel_values=images).logits_per_image
        torch.testing.assert_close(model.similarity(images, tokens), expected, atol=1e-4, rtol=0)

    @pytest.mark.parametrize(
        ("entry", "value", "said"),
        [
            ("num_hidden_layers", 10**9, r"found num_layers 1000000000 \(weights: 1\)"),
            ("hidden_act", "relu", "describes no vit: hidden_act is 'relu', expected 'gelu'"),
            ("model_type", "deit", "describes no vit: model_type is 'deit', expected 'vit'"),
            ("layer_norm_eps", "small", "no vit can be built"),
        ],
    )
    def test_a_config_of_another_network(self, tmp_path, entry, value, said):
        transformers = pytest.importorskip("transformers")
        config = transformers.ViTConfig(
            hidden_size=8, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8,
            image_size=8, patch_size=4,
        )  # fmt: skip
        transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
        content = json.loads((tmp_path / "config.json").read_text()) | {entry: value}
        (tmp_path / "config.json").write_text(json.dumps(content))
        with pytest.raises(DrivetrError, match=said):
            convert(read_source(tmp_path), "vit", tmp_path / "out", {})

    @torch.no_grad()
    def test_many_files_without_the_defaults(self, tmp_path):
        """Shards, and a config.json that leaves out what is as always, as some published ones."""
        transformers = pytest.importorskip("transformers")
        config = transformers.ViTConfig(
            hidden_size=24, num_hidden_layers=1, intermediate_size=8, image_size=8, patch_size=4,
        )  # fmt: skip
        theirs = transformers.ViTForImageClassification(config).eval()
        theirs.save_pretrained(tmp_path, max_shard_size="4KB")
        assert len([*tmp_path.glob("*.safetensors")]) > 1
        (tmp_path / "config.json").write_text('{"model_type": "vit"}')
        convert(read_source(tmp_path), "vit", tmp_path / "out", {})
        images = torch.randn(1, 3, 8, 8)
        got = drivetr.from_pretrained(tmp_path / "out")(images)
        torch.testing.assert_close(got, theirs(images).logits, atol=1e-4, rtol=0)
