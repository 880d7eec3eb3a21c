"""What config.json tells, against the configs that transformers writes."""

import pytest

from drivetr.models.hugging_face import clip_settings, detr_settings, vit_settings
from drivetr.models.published import PUBLISHED

transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("config", "settings", "name"),
    [
        ("DetrConfig", detr_settings, "detr_r50"),
        ("ViTConfig", vit_settings, "vit_b_16"),
        ("CLIPConfig", clip_settings, "clip_vit_b_32"),
    ],
)
def test_their_defaults_are_the_published_models(config, settings, name):
    whole = getattr(transformers, config)().to_dict()
    published = PUBLISHED[name][1]
    told = settings(whole)
    assert {key: told[key] for key in told if key != "eps"} == {
        key: published[key] for key in told if key != "eps"
    }
    # What a file leaves out is as in transformers.
    bare = settings({"model_type": whole["model_type"]})
    assert bare == {key: told[key] for key in bare}


@pytest.mark.parametrize(
    ("settings", "entry", "said"),
    [
        (detr_settings, {"decoder_attention_heads": 4}, "decoder_attention_heads is 4, expected 8"),
        (detr_settings, {"encoder_attention_heads": 4}, "decoder_attention_heads is 8, expected 4"),
        (detr_settings, {"activation_function": "gelu"}, "activation_function is 'gelu'"),
        (detr_settings, {"model_type": "conditional_detr"}, "model_type is 'conditional_detr'"),
        (vit_settings, {"qkv_bias": False}, "qkv_bias is False, expected True"),
        (clip_settings, {"vision_config": {"hidden_act": "gelu"}}, "hidden_act is 'quick_gelu'"),
        (clip_settings, {"text_config": {"layer_norm_eps": 1e-6}}, "layer_norm_eps is 1e-06"),
    ],
)
def test_networks_that_drivetr_does_not_have(settings, entry, said):
    with pytest.raises(ValueError, match=said):
        settings(entry)
