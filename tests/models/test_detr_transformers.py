"""DETR against transformers' implementation, from random weights, in both directions."""

import pytest
import torch
from safetensors.torch import load_file

from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.models.detr_layouts import DETR_LAYOUTS, HUGGING_FACE
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.models.layouts import layout_of
from drivetr.models.published import FAMILIES
from drivetr.nn.weights import load_weights
from drivetr.structures.targets2d import Targets2D
from tests.models.inverse import published

transformers = pytest.importorskip("transformers")
DIM, HEADS, FFN, LAYERS, QUERIES, CLASSES = 32, 4, 64, 2, 7, 5

# Position encoding, dilated last stage, and whose ResNet transformers takes.
FORMS = {
    "timm trunk": ("sine", False, "timm"),
    "timm trunk, dilated, learned positions": ("learned", True, "timm"),
    "transformers trunk": ("sine", False, "transformers"),
}


def theirs(position: str, dilation: bool, trunk: str):
    if trunk == "timm":
        pytest.importorskip("timm")
        backbone = dict(use_timm_backbone=True, backbone="resnet50", use_pretrained_backbone=False)
    else:
        resnet = transformers.ResNetConfig(
            depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic",
            out_features=["stage4"],
        )  # fmt: skip
        backbone = dict(use_timm_backbone=False, backbone_config=resnet)
    # With auxiliary_loss on, its decoder feeds normalised states on, which DETR does not.
    config = transformers.DetrConfig(
        **backbone, d_model=DIM, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=FFN,
        decoder_ffn_dim=FFN, num_queries=QUERIES, num_labels=CLASSES,
        position_embedding_type=position, dilation=dilation, auxiliary_loss=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.DetrForObjectDetection(config).eval()
    shake(model)
    return model


@torch.no_grad()
def shake(model) -> None:
    """Weights that are not those of a fresh network: outputs differ from query to query."""
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point():
            amount = 0.3 if "backbone" not in name else 0.1 * (tensor.ndim == 1)
            amount = 3.0 if "query_" in name else amount
            tensor.add_(amount * torch.randn_like(tensor))


def ours(position: str, dilation: bool, trunk: str) -> DETR:
    settings = {
        "depth": 50 if trunk == "timm" else 18, "dilated": dilation, "position": position,
        "embed_dim": DIM, "num_heads": HEADS, "ffn_dim": FFN, "encoder_layers": LAYERS,
        "decoder_layers": LAYERS, "num_queries": QUERIES, "num_classes": CLASSES,
    }  # fmt: skip
    return FAMILIES["detr"].build(settings).eval()


def padded_batch() -> tuple[torch.Tensor, torch.Tensor]:
    padding = torch.zeros(2, 96, 128, dtype=torch.bool)
    padding[0, 60:] = True
    padding[1, :, 60:] = True
    return torch.randn(2, 3, 96, 128) * ~padding[:, None], padding


@torch.no_grad()
def compare(model: DETR, reference, record_property, name: str) -> None:
    """Outputs, detections in pixels and losses."""
    images, padding = padded_batch()
    targets = [
        Targets2D(torch.rand(3, 4) * 0.4 + 0.2, torch.tensor([0, 4, 4])),
        Targets2D(torch.rand(1, 4) * 0.4 + 0.2, torch.tensor([2])),
    ]
    labels = [{"class_labels": t.labels, "boxes": t.boxes} for t in targets]
    expected = reference(pixel_values=images, pixel_mask=(~padding).long(), labels=labels)
    got = model(images, padding)
    unmasked = model(images, torch.zeros_like(padding))
    assert (unmasked["pred_logits"] - got["pred_logits"]).abs().max() > 0.01  # padding counts
    assert got["pred_logits"].std(1).max() > 0.01  # and so do queries
    for key, other in (("pred_logits", expected.logits), ("pred_boxes", expected.pred_boxes)):
        difference = float((got[key] - other).abs().max())
        record_property("max_difference", (f"DETR, {name}: {key}", difference))
        assert difference <= 1e-4
    sizes = torch.tensor([[480, 640], [333, 500]])
    processor = transformers.DetrImageProcessor()
    theirs_found = processor.post_process_object_detection(expected, 0.0, sizes)
    for one, other in zip(BestClassPostprocess()(got, sizes), theirs_found, strict=True):
        torch.testing.assert_close(one.scores, other["scores"], atol=1e-5, rtol=0)
        torch.testing.assert_close(one.boxes, other["boxes"], atol=1e-2, rtol=0)
        assert torch.equal(one.labels, other["labels"])
    losses = DetrCriterion(ImageBoxMatcher(), CLASSES)({**got, "aux_outputs": []}, targets)
    for key, other, weight in (
        ("loss_cls", "loss_ce", 1), ("loss_bbox", "loss_bbox", 5), ("loss_giou", "loss_giou", 2)
    ):  # fmt: skip
        torch.testing.assert_close(
            losses[key], weight * expected.loss_dict[other], atol=1e-4, rtol=1e-4
        )
    total = sum(losses.values())
    record_property("max_difference", (f"DETR, {name}: loss", float(abs(total - expected.loss))))
    torch.testing.assert_close(total, expected.loss, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_their_weights_here(form, tmp_path, record_property):
    reference, model = theirs(*FORMS[form]), ours(*FORMS[form])
    reference.save_pretrained(tmp_path)
    for state in (reference.state_dict(), load_file(tmp_path / "model.safetensors")):
        layout = layout_of(state, DETR_LAYOUTS, "file")
        assert layout.name == "Hugging Face"
        load_weights(model, layout.translate(state))
    compare(model, reference, record_property, f"Hugging Face, {form}")


@pytest.mark.parametrize("form", FORMS)
def test_our_weights_there(form, record_property):
    reference, model = theirs(*FORMS[form]), ours(*FORMS[form])
    torch.manual_seed(1)
    shake(model)
    state = published(model.state_dict(), reference.state_dict(), HUGGING_FACE)
    assert not torch.equal(
        state["class_labels_classifier.weight"], reference.class_labels_classifier.weight
    )
    reference.load_state_dict(state, strict=True)
    compare(model, reference, record_property, f"to Hugging Face, {form}")
