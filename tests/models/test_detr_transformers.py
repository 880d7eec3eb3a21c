"""DETR against transformers' implementation, from random weights, both ways of writing them."""

import pytest
import torch
from safetensors.torch import load_file

from drivetr.models.detr import DETR
from drivetr.models.detr_layouts import DETR_LAYOUTS
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.models.layouts import layout_of
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import LearnedPosition, SinePosition
from drivetr.nn.weights import load_weights

transformers = pytest.importorskip("transformers")
DIM, HEADS, FFN, LAYERS, QUERIES, CLASSES = 32, 4, 64, 2, 7, 5


def theirs(position: str, dilation: bool):
    config = transformers.DetrConfig(
        use_timm_backbone=True, backbone="resnet50", use_pretrained_backbone=False,
        d_model=DIM, encoder_layers=LAYERS, decoder_layers=LAYERS, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=FFN, decoder_ffn_dim=FFN,
        num_queries=QUERIES, num_labels=CLASSES, position_embedding_type=position,
        dilation=dilation, auxiliary_loss=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.DetrForObjectDetection(config).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif "bn" in name and tensor.is_floating_point():
                tensor.add_(0.1 * torch.randn_like(tensor))
    return model


def ours(position: str, dilation: bool) -> DETR:
    return DETR(
        ResNet(50, (4,), frozen_norm=True, dilated=dilation),
        LearnedPosition(DIM) if position == "learned" else SinePosition(DIM),
        TransformerEncoder(DIM, HEADS, FFN, LAYERS),
        TransformerDecoder(DIM, HEADS, FFN, LAYERS),
        DIM,
        QUERIES,
        CLASSES,
    ).eval()


@pytest.mark.parametrize(("position", "dilation"), [("sine", False), ("learned", True)])
def test_same_boxes(position, dilation, tmp_path):
    reference, model = theirs(position, dilation), ours(position, dilation)
    for state in (reference.state_dict(), saved(reference, tmp_path)):
        layout = layout_of(state, DETR_LAYOUTS, "file")
        assert layout.name == "Hugging Face"
        load_weights(model, layout.translate(state))
    images = torch.randn(2, 3, 96, 128)
    padding = torch.zeros(2, 96, 128, dtype=torch.bool)
    padding[0, 70:] = True
    padding[1, :, 100:] = True
    images = images * ~padding[:, None]
    with torch.no_grad():
        expected = reference(pixel_values=images, pixel_mask=(~padding).long())
        got = model(images, padding)
    torch.testing.assert_close(got["pred_logits"], expected.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(got["pred_boxes"], expected.pred_boxes, atol=1e-5, rtol=0)
    sizes = torch.tensor([[480, 640], [333, 500]])
    found = BestClassPostprocess()(got, sizes)
    processor = transformers.DetrImageProcessor()
    for one, other in zip(
        found, processor.post_process_object_detection(expected, 0.0, sizes), strict=True
    ):
        torch.testing.assert_close(one.scores, other["scores"], atol=1e-5, rtol=0)
        torch.testing.assert_close(one.boxes, other["boxes"], atol=1e-2, rtol=0)
        assert torch.equal(one.labels, other["labels"])


def saved(reference, folder) -> dict[str, torch.Tensor]:
    reference.save_pretrained(folder)
    return load_file(folder / "model.safetensors")
