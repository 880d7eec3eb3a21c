"""PETR's and PETRv2's heads, decoding and losses on the inputs of a recording."""

from typing import Any

import torch
from torch import Tensor, nn

from drivetr.geometry.box_codes import BOX_CODES, BoxCode, boxes_from_code, code_from_boxes
from drivetr.geometry.mmdet3d_boxes import Version, boxes_from_mmdet3d
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher, focal_cost
from drivetr.models.petr import PETR
from drivetr.models.petr_layouts import PETR_LAYOUT
from drivetr.models.velocity import DisplacementVelocity
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.padding import padding_mask
from drivetr.nn.queries import LearnedQueries
from drivetr.nn.sine_position import multiview_sine, sine_of_points
from drivetr.nn.weights import load_weights
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Targets
from tests.parity.comparison import (
    BOXES,
    EQUAL,
    FEATURES,
    LOGITS,
    LOSSES,
    Comparison,
)
from tests.parity.decoded import compare_decoded
from tests.parity.golden_case import GoldenCase

CODE = BOX_CODES["petr"]
BRANCHES = 6  # PETR's code always makes six, however many layers the decoder has


def build_head(settings: dict[str, Any], embed_dim: int) -> BoxHead:
    """PETR's head with one branch for all layers, or PETRv2's with grouped ones and time."""
    in_time = settings["type"] == "PETRv2Head"
    return BoxHead(
        embed_dim,
        settings["num_classes"],
        BRANCHES,
        SigmoidCentre(tuple(settings["bbox_coder"]["pc_range"])),
        "petr",
        share_branches=not in_time,
        group_dims=(2, 1, 3, 2, 2) if in_time else None,
        velocity=DisplacementVelocity() if settings.get("with_time") else None,
    )


def build_petr(case: GoldenCase, **position_settings: object) -> PETR:
    """The detector with the recorded head; feature maps are given, so trunk and neck are empty."""
    settings = case.hyperparameters
    decoder = settings["transformer"]["decoder"]
    layer = decoder["transformerlayers"]
    embed_dim = layer["attn_cfgs"][0]["embed_dims"]
    span = tuple(settings["bbox_coder"]["pc_range"])
    position = {
        "position_range": tuple(settings["position_range"]),
        "linear_increasing": settings["LID"],
        "gate": FeatureGate(embed_dim) if settings.get("with_fpe") else None,
        **position_settings,
    }
    model = PETR(
        normalizer=nn.Identity(),
        backbone=nn.Identity(),
        neck=nn.Identity(),
        position=FrustumPositionEncoding(embed_dim, **position),
        queries=LearnedQueries(settings["num_query"], embed_dim),
        decoder=TransformerDecoder(
            embed_dim,
            layer["attn_cfgs"][0]["num_heads"],
            layer["feedforward_channels"],
            decoder["num_layers"],
        ),
        head=build_head(settings, embed_dim),
        span=span,
        input_proj=nn.Conv2d(settings["in_channels"], embed_dim, 1),
    ).eval()
    load_weights(model, PETR_LAYOUT.translate(case.weights))
    return model


def recorded_cameras(case: GoldenCase) -> Cameras:
    """The cameras of the recording, all of them present."""
    image_size = case.input("img_shape")
    in_time = case.hyperparameters.get("with_time")
    return Cameras(
        img_from_lidar=case.input("lidar2img"),
        image_size=image_size,
        pad_size=tuple(case.input("pad_shape").tolist()),
        valid=torch.ones(image_size.shape[:2], dtype=torch.bool),
        age_s=case.input("timestamp") if in_time else None,
    )


@torch.no_grad()
def head_outputs(model: PETR, case: GoldenCase, cameras: Cameras) -> dict[str, Tensor]:
    """The model's own outputs of all layers, in the recording's names and box code."""
    states: list[Tensor] = []
    with model.decoder.post_norm.register_forward_hook(lambda *call: states.append(call[-1])):
        features = case.input("mlvl_feats_0").to(cameras.valid.device)
        outputs = model.decode(model.encode(features, cameras), model.start(len(features)))
    layers = [*outputs["aux_outputs"], outputs]
    boxes = torch.stack([layer["pred_boxes"] for layer in layers])
    return {
        "outs_dec": torch.stack(states),
        "all_cls_scores": torch.stack([layer["pred_logits"] for layer in layers]),
        "all_bbox_preds": code_from_boxes(boxes, CODE),
    }


def compare_petr_head(case: GoldenCase) -> list[Comparison]:
    model, cameras = build_petr(case), recorded_cameras(case)
    ours, theirs = head_outputs(model, case, cameras), case.outputs
    tables = (("all_cls_scores", LOGITS), ("all_bbox_preds", BOXES), ("outs_dec", LOGITS))
    comparisons = [
        Comparison(name, ours[name], theirs[name], table[case.size])
        for name, table in tables
        if case.is_whole(name)
    ]
    for name, value in position_parts(model, case, cameras).items():
        if case.is_whole(name):
            tolerance = FEATURES if value.is_floating_point() else EQUAL
            comparisons.append(Comparison(name, value, theirs[name], tolerance))
    return comparisons + compare_decoded(case, ours, theirs)


@torch.no_grad()
def position_parts(model: PETR, case: GoldenCase, cameras: Cameras) -> dict[str, Tensor]:
    """What lies between calibration and attention, in the recording's names and layouts."""
    position, features = model.position, case.input("mlvl_feats_0")
    batch, num_cameras, _, rows, columns = features.shape
    split, size = (batch, num_cameras), (rows, columns)
    padding = padding_mask(cameras, size)
    logits = position.frustum_logits(size, cameras)
    reference = model.queries.reference()
    projected = model.input_proj(features.flatten(0, 1)).unflatten(0, split)
    keys = position.encode_keys(projected, cameras).added
    return {
        "masks": padding,
        "lid_depth": position.depths,
        "coords3d_invsig": logits[:, :1],
        "pe3d": position.position_encoder(logits.flatten(0, 1)).unflatten(0, split),
        "sine_pe": multiview_sine(padding, position.num_feats),
        "sine_pe_adapted": position.embed_cells(padding).unflatten(0, split),
        "pos_embed": keys.view(batch, num_cameras, rows, columns, -1).movedim(-1, 2),
        "query_sine": sine_of_points(reference, position.num_feats),
        "query_embed": position.encode_queries(reference[None]).added[0],
    }


def recorded_targets(case: GoldenCase, version: Version) -> list[Targets]:
    """The recorded ground truth, from a version of mmdetection3d."""
    targets = []
    for boxes, labels in zip(case.inputs("gt_boxes_"), case.inputs("gt_labels_"), strict=True):
        unused = torch.zeros_like(labels)
        targets.append(Targets(boxes_from_mmdet3d(boxes, version), labels, unused, unused, unused))
    return targets


def compare_petr_loss(case: GoldenCase) -> list[Comparison]:
    return compare_loss(case, CODE, "before_1.0")


def compare_streampetr_loss(case: GoldenCase) -> list[Comparison]:
    """StreamPETR weighs the columns in the matching as in the loss; its columns are drivetr's."""
    weights = tuple(case.hyperparameters["code_weights"])
    return compare_loss(case, BOX_CODES["streampetr"], "since_1.0", weights)


def compare_loss(
    case: GoldenCase,
    code: BoxCode,
    version: Version,
    match_weights: tuple[float, ...] | None = None,
) -> list[Comparison]:
    """Losses, gradients and matching in one box code, from ground truth of one version."""
    settings, theirs, targets = case.hyperparameters, case.outputs, recorded_targets(case, version)
    logits = case.input("all_cls_scores").requires_grad_()
    raw = case.input("all_bbox_preds").requires_grad_()
    layers = [
        {"pred_logits": a, "pred_boxes": boxes_from_code(b, code)}
        for a, b in zip(logits, raw, strict=True)
    ]
    match = settings["match"]
    matcher = HungarianMatcher(match["cls"], match["reg"], code_weights=match_weights)
    criterion = SetCriterion(
        matcher,
        settings["num_classes"],
        code_weights=tuple(settings["code_weights"]),
        mask_unknown_velocity=False,
    )
    losses = criterion({**layers[-1], "aux_outputs": layers[:-1]}, targets, None)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    comparisons = [
        Comparison(f"loss.{name}", value.detach(), theirs[f"loss.{name}"], LOSSES)
        for name, value in losses.items()
    ]
    comparisons += [
        Comparison("loss_total", total.detach(), theirs["loss_total"], LOSSES),
        Comparison("grad.all_cls_scores", logits.grad, theirs["grad.all_cls_scores"], LOSSES),
        Comparison("grad.all_bbox_preds", raw.grad, theirs["grad.all_bbox_preds"], LOSSES),
    ]
    return comparisons + compare_matching(case, matcher, layers, targets, code)


@torch.no_grad()
def compare_matching(
    case: GoldenCase,
    matcher: HungarianMatcher,
    layers: list[dict[str, Tensor]],
    targets: list[Targets],
    code: BoxCode,
) -> list[Comparison]:
    """Target codes, costs of the first layer, and who is assigned to whom in all of them."""
    theirs, comparisons = case.outputs, []
    box_matcher = HungarianMatcher(0.0, matcher.box_weight, code_weights=matcher.code_weights)
    assigned = torch.zeros_like(theirs["assigned_gt_inds"])
    for i, target in enumerate(targets):
        logits, boxes = layers[0]["pred_logits"][i], layers[0]["pred_boxes"][i]
        costs = {
            f"normalized_gt_{i}": code_from_boxes(target.boxes, code),
            f"cls_cost_layer0_{i}": matcher.class_weight * focal_cost(logits, target.labels),
            f"reg_cost_layer0_{i}": box_matcher.cost(logits, boxes, target),
        }
        if len(target):  # of a sample without ground truth nothing is recorded but the assignment
            comparisons += [Comparison(k, v, theirs[k], FEATURES) for k, v in costs.items()]
        for number, layer in enumerate(layers):
            rows, columns = matcher(layer["pred_logits"][i], layer["pred_boxes"][i], target)
            assigned[number, i, rows] = columns + 1
    comparisons.append(Comparison("assigned_gt_inds", assigned, theirs["assigned_gt_inds"], EQUAL))
    return comparisons
