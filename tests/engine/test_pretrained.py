"""One part of a model out of whatever the door reads: what `model.backbone.init` accepts."""

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.convert import convert
from drivetr.engine.sources import read_source
from drivetr.errors import DrivetrError
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.backbones.vovnet import VoVNet

DIM, HEADS, MLP, SIZE, PATCH = 16, 2, 32, 32, 8
TRUNK = dict(
    type=ViT, image_size=SIZE, patch_size=PATCH, num_layers=2, num_heads=HEADS, embed_dim=DIM,
    mlp_dim=MLP,
)  # fmt: skip
IMAGES = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def shaken(model: nn.Module) -> nn.Module:
    """No number stays at the zero or one that it starts from."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    return model.eval()


def loaded(node: dict, path) -> tuple[nn.Module, str]:
    builder = Builder("config.py", load_init=True)
    module = builder.build({**node, "init": str(path)}, "model.backbone")
    return module.eval(), builder.reports[0]


def saved(state: dict, folder) -> str:
    torch.save(state, folder / "w.pth")
    return folder / "w.pth"


def vit_of_torchvision() -> nn.Module:
    return shaken(torchvision.models.VisionTransformer(SIZE, PATCH, 2, HEADS, DIM, MLP))


def tokens_of_torchvision(model: nn.Module) -> torch.Tensor:
    first = model.class_token.expand(len(IMAGES), -1, -1)
    return model.encoder(torch.cat([first, model._process_input(IMAGES)], dim=1))


class TestViT:
    @torch.no_grad()
    def test_torchvisions_classifier(self, tmp_path):
        theirs = vit_of_torchvision()
        trunk, report = loaded(TRUNK, saved(theirs.state_dict(), tmp_path))
        expected = tokens_of_torchvision(theirs)
        torch.testing.assert_close(trunk.tokens(IMAGES), expected, atol=1e-5, rtol=1e-5)
        assert "head.weight, head.bias (not under 'trunk.', where the ViT is)" in report

    @torch.no_grad()
    def test_a_folder_of_convert(self, tmp_path):
        theirs = vit_of_torchvision()
        given = {"num_heads": HEADS, "eps": 1e-6, "pooling": "class_token"}
        convert(read_source(saved(theirs.state_dict(), tmp_path)), "vit", tmp_path / "out", given)
        trunk, _ = loaded(TRUNK, tmp_path / "out")
        expected = tokens_of_torchvision(theirs)
        torch.testing.assert_close(trunk.tokens(IMAGES), expected, atol=1e-5, rtol=1e-5)

    @torch.no_grad()
    def test_timms_classifier(self, tmp_path):
        timm = pytest.importorskip("timm")
        theirs = timm.create_model(
            "vit_base_patch16_224", pretrained=False, embed_dim=DIM, depth=2, num_heads=HEADS,
            img_size=SIZE, patch_size=PATCH, mlp_ratio=MLP / DIM,
        )  # fmt: skip
        trunk, _ = loaded(TRUNK, saved(shaken(theirs).state_dict(), tmp_path))
        expected = theirs.forward_features(IMAGES)
        torch.testing.assert_close(trunk.tokens(IMAGES), expected, atol=1e-5, rtol=1e-5)

    @torch.no_grad()
    @pytest.mark.parametrize("form", ["folder", "state dict of OpenAI's names"])
    def test_the_image_tower_of_clip(self, tmp_path, form):
        node = TRUNK | dict(eps=1e-5, activation="quick_gelu", clip_style=True)
        if form == "folder":
            transformers = pytest.importorskip("transformers")
            tower = dict(hidden_size=DIM, num_attention_heads=HEADS, num_hidden_layers=2)
            tower |= dict(intermediate_size=MLP)
            vision = dict(image_size=SIZE, patch_size=PATCH)
            config = transformers.CLIPConfig(
                text_config=tower | dict(vocab_size=9), vision_config=tower | vision
            )
            theirs = shaken(transformers.CLIPModel(config))
            theirs.save_pretrained(path := tmp_path / "clip")
            vision_model = theirs.vision_model
            expected = vision_model.post_layernorm(vision_model(IMAGES).last_hidden_state)
        else:
            open_clip = pytest.importorskip("open_clip")
            theirs = open_clip.model.CLIP(
                8,
                dict(
                    image_size=SIZE, patch_size=PATCH, width=DIM, layers=2,
                    head_width=DIM // HEADS, mlp_ratio=MLP / DIM,
                ),
                dict(context_length=4, vocab_size=9, width=DIM, heads=HEADS, layers=1),
                quick_gelu=True,
            )  # fmt: skip
            path = saved(shaken(theirs).state_dict(), tmp_path)
            theirs.visual.output_tokens = True
            _, expected = theirs.visual(IMAGES)
        trunk, report = loaded(node, path)
        got = trunk.tokens(IMAGES)[:, -expected.shape[1] :]
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
        assert "not under 'vision.'" in report

    def test_a_norm_that_the_trunk_lacks(self, tmp_path):
        clip_trunk = shaken(ViT(**{k: v for k, v in TRUNK.items() if k != "type"}, clip_style=True))
        state = {f"vision.{k}": v for k, v in clip_trunk.state_dict().items()}
        with pytest.raises(DrivetrError, match=r"(?s)backbone.init=.*unexpected .*pre_norm"):
            loaded(TRUNK, saved(state, tmp_path))


class TestResNet:
    NODE = dict(type=ResNet, depth=18, stages=(2, 3))

    @staticmethod
    def theirs():
        return shaken(torchvision.models.resnet18(weights=None))

    def check(self, trunk, theirs):
        own = theirs.state_dict()
        state = trunk.state_dict()
        assert {k.split(".")[0] for k in state} == {"conv1", "bn1", "layer1", "layer2", "layer3"}
        assert all(
            torch.equal(state[k], own[k]) for k in state if not k.endswith("_batches_tracked")
        )

    def test_torchvisions_classifier(self, tmp_path):
        theirs = self.theirs()
        trunk, report = loaded(self.NODE, saved(theirs.state_dict(), tmp_path))
        self.check(trunk, theirs)
        assert "ignored         32  layer4.0.conv1.weight" in report
        assert "(no part of ResNet)" in report

    @pytest.mark.parametrize(
        "prefix", ["backbone.0.body.", "backbone.", "detector.backbone.", "img_backbone."]
    )
    def test_the_trunk_of_a_detector(self, tmp_path, prefix):
        theirs = self.theirs()
        state = {prefix + k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")}
        others = ["transformer.encoder.layers.0.norm1.weight", "query_embed.weight", "conv1.bias"]
        state |= {name: torch.zeros(3) for name in others}
        trunk, report = loaded(self.NODE, saved({"model": state}, tmp_path))
        self.check(trunk, theirs)
        assert "query_embed.weight" in report

    def test_hugging_faces_classifier(self, tmp_path):
        transformers = pytest.importorskip("transformers")
        config = transformers.ResNetConfig(
            depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic"
        )
        theirs = shaken(transformers.ResNetModel(config))
        state = {f"resnet.{k}": v for k, v in theirs.state_dict().items()}
        trunk, _ = loaded(self.NODE, saved(state, tmp_path))
        with torch.no_grad():
            expected = theirs(IMAGES, output_hidden_states=True).hidden_states[2:4]
            for got, other in zip(trunk(IMAGES), expected, strict=True):
                torch.testing.assert_close(got, other, atol=1e-5, rtol=1e-4)

    def test_a_plain_one_for_one_with_deformable_stages(self, tmp_path):
        theirs = shaken(torchvision.models.resnet50(weights=None))
        node = dict(type=ResNet, depth=50, stages=(2, 3), deformable_stages=(3,))
        trunk, report = loaded(node, saved(theirs.state_dict(), tmp_path))
        assert torch.equal(trunk.layer3[5].conv2.weight, theirs.layer3[5].conv2.weight)
        assert not trunk.layer3[5].conv2.conv_offset.weight.any()
        assert "kept            12  layer3.0.conv2.conv_offset.weight" in report

    def test_two_of_a_kind(self, tmp_path):
        state = self.theirs().state_dict()
        both = {f"{name}.{k}": v for name in ("student", "teacher") for k, v in state.items()}
        with pytest.raises(DrivetrError, match=r"more than one ResNet, under 'student\.' and 'tea"):
            loaded(self.NODE, saved(both, tmp_path))


def test_vovnet_out_of_a_published_detector(tmp_path, golden_dir):
    recorded = load_file(golden_dir / "vovnet_tiny.safetensors")
    state = {k.removeprefix("weight/"): t for k, t in recorded.items() if k.startswith("weight/")}
    state["pts_bbox_head.reference_points.weight"] = torch.randn(5, 3)
    node = dict(
        type=VoVNet, stem_channels=(8, 8, 16), layer_channels=(8, 12, 16, 20),
        stage_channels=(24, 32, 48, 64), num_layers=3, num_blocks=(1, 2, 3, 2),
    )  # fmt: skip
    trunk, report = loaded(node, saved(state, tmp_path))
    weight = state["img_backbone.stage4.OSA4_3.layers.2.OSA4_3_2/conv.weight"]
    assert torch.equal(trunk.stage4.block3.layers[2].conv.weight, weight)
    assert "pts_bbox_head.reference_points.weight (not under 'backbone.'" in report


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a.weight": torch.zeros(1)}, r"holds no ViT: no name ends in 'class_token'"),
        ({"visual.attnpool.c_proj.bias": torch.zeros(1)}, "is CLIP with a ResNet as image tower"),
        (
            {"blocks.0.attn.qkv.weight": torch.zeros(1), "vit.embeddings.x": torch.zeros(1)},
            "found timm and Hugging Face",
        ),
    ],
)
def test_files_of_something_else(tmp_path, state, said):
    with pytest.raises(DrivetrError, match=rf"config.py: model.backbone.init=.*{said}"):
        loaded(TRUNK, saved(state, tmp_path))


def test_torchscript_goes_through_convert_first(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 3)), str(tmp_path / "w.pt"))
    with pytest.raises(DrivetrError, match="give it to drivetr convert --allow-torchscript"):
        loaded(TRUNK, tmp_path / "w.pt")
