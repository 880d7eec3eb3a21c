"""DETR on the inputs of a recording: forward pass, matching, losses, gradients, decoding."""

import torch
from torch import Tensor
from torch.nn import functional

from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.models.detr_layouts import FACEBOOK
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition
from drivetr.nn.weights import load_weights
from drivetr.structures.targets2d import Targets2D
from tests.parity.comparison import BOXES01, EQUAL, FEATURES, LOGITS, LOSSES, SCORES, Comparison
from tests.parity.golden_case import GoldenCase
from tests.parity.narrow import narrow


def build_detr(case: GoldenCase) -> DETR:
    """DETR of the recorded size with the recorded weights."""
    size = case.hyperparameters
    dim, heads, ffn = size["d"], size["heads"], size["ff"]
    backbone = ResNet(50, (4,), frozen_norm=True)
    prefix = "backbone.0.body."
    trunk = {k.removeprefix(prefix): w for k, w in case.weights.items() if k.startswith(prefix)}
    narrow(backbone, trunk)
    backbone.out_channels = (2048 // size["width_div"],)
    model = DETR(
        backbone,
        SinePosition(dim),
        TransformerEncoder(dim, heads, ffn, size["enc"]),
        TransformerDecoder(dim, heads, ffn, size["dec"]),
        dim,
        size["Q"],
        size["classes"],
    ).eval()
    load_weights(model, FACEBOOK.translate(case.weights))
    return model


def padded(images: list[Tensor]) -> tuple[Tensor, Tensor]:
    """One batch, padded at the right and at the bottom, and where the padding is."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    batch = images[0].new_zeros(len(images), 3, height, width)
    mask = torch.ones(len(images), height, width, dtype=torch.bool)
    for n, image in enumerate(images):
        batch[n, :, : image.shape[1], : image.shape[2]] = image
        mask[n, : image.shape[1], : image.shape[2]] = False
    return batch, mask


def compare_detr(case: GoldenCase) -> list[Comparison]:
    """Every recorded quantity."""
    model = build_detr(case)
    images, mask = padded(case.inputs("image_"))
    seen: dict[str, Tensor] = {}
    for name in ("backbone", "position", "encoder"):
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: output})
        )
    normed: list[Tensor] = []
    model.decoder.post_norm.register_forward_hook(lambda m, i, output: normed.append(output))
    with torch.no_grad():
        outputs = model(images, mask)
    feature = seen["backbone"][0]
    rows, columns = feature.shape[-2:]
    nearest = functional.interpolate(mask[None].float(), size=(rows, columns))[0].bool()
    memory = seen["encoder"].transpose(1, 2).unflatten(2, (rows, columns))
    theirs = case.outputs
    compared = [
        Comparison("pred_logits", outputs["pred_logits"], theirs["pred_logits"], LOGITS[case.size]),
        Comparison("pred_boxes", outputs["pred_boxes"], theirs["pred_boxes"], BOXES01),
        Comparison("feature", feature, theirs["feature"], FEATURES),
        Comparison("feature_mask", nearest, theirs["feature_mask"], EQUAL),
        Comparison("pos_embed", seen["position"], theirs["pos_embed"], FEATURES),
        Comparison("memory", memory, theirs["memory"], FEATURES),
        Comparison("hs", torch.stack(normed), theirs["hs"], FEATURES),
        Comparison("padded_mask", mask, theirs["padded_mask"], EQUAL),
    ]
    for i, layer in enumerate(outputs["aux_outputs"]):
        for name, tolerance in (("pred_logits", LOGITS[case.size]), ("pred_boxes", BOXES01)):
            quantity = f"aux{i}.{name}"
            compared.append(Comparison(quantity, layer[name], theirs[quantity], tolerance))
    return compared + compare_losses(case) + compare_decoding(case)


def compare_losses(case: GoldenCase) -> list[Comparison]:
    """Assignments, losses and gradients, from the recorded outputs."""
    size, theirs = case.hyperparameters, case.outputs
    boxes, labels = case.inputs("tgt_boxes_"), case.inputs("tgt_labels_")
    targets = [Targets2D(*pair) for pair in zip(boxes, labels, strict=True)]
    last = {k: theirs[k].clone().requires_grad_() for k in ("pred_logits", "pred_boxes")}
    earlier = [{k: theirs[f"aux{i}.{k}"] for k in last} for i in range(size["dec"] - 1)]
    matcher = ImageBoxMatcher()
    compared = []
    for n, target in enumerate(targets):
        rows, columns = matcher(last["pred_logits"][n], last["pred_boxes"][n], target)
        compared += [
            Comparison(f"match_src_{n}", rows, theirs[f"match_src_{n}"], EQUAL),
            Comparison(f"match_tgt_{n}", columns, theirs[f"match_tgt_{n}"], EQUAL),
        ]
    losses = DetrCriterion(matcher, size["classes"])({**last, "aux_outputs": earlier}, targets)
    total = sum(losses.values())
    total.backward()
    names = {
        "loss_cls": ("loss_ce", 1),
        "loss_bbox": ("loss_bbox", 5),
        "loss_giou": ("loss_giou", 2),
    }
    for own, value in losses.items():
        prefix, _, name = own.rpartition(".")
        published, weight = names[name]
        published = f"loss.{published}" + (f"_{prefix[1:]}" if prefix else "")
        compared.append(Comparison(published, value.detach() / weight, theirs[published], LOSSES))
    compared.append(Comparison("loss_total", total.detach(), theirs["loss_total"], LOSSES))
    for name, tensor in last.items():
        compared.append(Comparison(f"grad.{name}", tensor.grad, theirs[f"grad.{name}"], LOSSES))
    return compared


def compare_decoding(case: GoldenCase) -> list[Comparison]:
    """Scores, classes and boxes in pixels, from the recorded outputs."""
    theirs = case.outputs
    outputs = {k: theirs[k] for k in ("pred_logits", "pred_boxes")}
    compared = []
    for n, found in enumerate(BestClassPostprocess()(outputs, case.input("orig_sizes"))):
        compared += [
            Comparison(f"post.scores_{n}", found.scores, theirs[f"post.scores_{n}"], SCORES),
            Comparison(f"post.labels_{n}", found.labels, theirs[f"post.labels_{n}"], EQUAL),
            Comparison(f"post.boxes_{n}", found.boxes, theirs[f"post.boxes_{n}"], FEATURES),
        ]
    return compared
