"""DETR3D's head and decoding on the inputs of a recording."""

import torch
from torch import Tensor, nn

from drivetr.geometry.box_codes import BOX_CODES, code_from_boxes
from drivetr.geometry.boxes import CENTER
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.detr3d import DETR3D
from drivetr.models.petr_layouts import DETR3D_LAYOUT
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_pyramid import FeaturePyramid, sample_map
from drivetr.nn.projected_sampling import ProjectedSampling
from drivetr.nn.ranges import metres_from_unit, unit_from_metres
from drivetr.nn.weights import load_weights
from drivetr.structures.cameras import Cameras
from tests.parity.comparison import BOXES, EQUAL, FEATURES, LOGITS, Comparison, Tolerance
from tests.parity.decoded import compare_decoded
from tests.parity.golden_case import GoldenCase

CODE = BOX_CODES["petr"]
# A query whose projection crosses an image's border sees something else from there on.
AT_BORDERS = Tolerance(1e-4, share=0.99)


def build_detr3d(case: GoldenCase) -> DETR3D:
    """DETR3D with the recorded head; the feature maps are given, so trunk and neck are empty."""
    settings = case.hyperparameters
    decoder = settings["transformer"]["decoder"]
    layer, depth = decoder["transformerlayers"], decoder["num_layers"]
    attention = layer["attn_cfgs"][0]
    embed_dim = attention["embed_dims"]
    span = tuple(settings["bbox_coder"]["pc_range"])
    cameras, levels = case.input("lidar2img").shape[1], len(case.inputs("mlvl_feats_"))
    model = DETR3D(
        normalizer=nn.Identity(),
        backbone=nn.Identity(),
        neck=nn.Identity(),
        decoder=TransformerDecoder(
            embed_dim,
            attention["num_heads"],
            layer["feedforward_channels"],
            depth,
            cross_attention=[
                ProjectedSampling(span, embed_dim, cameras, levels) for _ in range(depth)
            ],
            post_norm=False,
        ),
        head=BoxHead(embed_dim, settings["num_classes"], depth, SigmoidCentre(span), "petr"),
        span=span,
        num_queries=settings["num_query"],
        embed_dim=embed_dim,
    ).eval()
    load_weights(model, DETR3D_LAYOUT.translate(case.weights))
    return model


def seen_by(case: GoldenCase) -> Cameras:
    """The cameras of the recording, all of them present."""
    matrices, size = case.input("lidar2img"), case.input("img_shape")
    return Cameras(
        img_from_lidar=matrices,
        image_size=size.expand(*matrices.shape[:2], 2),
        pad_size=tuple(size.tolist()),
        valid=torch.ones(matrices.shape[:2], dtype=torch.bool),
    )


@torch.no_grad()
def detr3d_outputs(model: DETR3D, case: GoldenCase) -> dict[str, Tensor]:
    """The model's outputs of all layers, in the recording's names, layouts and box code."""
    levels, states = case.inputs("mlvl_feats_"), []
    start = model.start(len(levels[0]))
    with model.decoder.post_norm.register_forward_hook(lambda *call: states.append(call[-1])):
        outputs = model.decode(model.encode(levels, seen_by(case)), start)
    layers = [*outputs["aux_outputs"], outputs]
    boxes = torch.stack([layer["pred_boxes"] for layer in layers])
    return {
        "hs": torch.stack(states).transpose(1, 2),
        "all_cls_scores": torch.stack([layer["pred_logits"] for layer in layers]),
        "all_bbox_preds": code_from_boxes(boxes, CODE),
        "init_reference": start.reference,
        "inter_references": unit_from_metres(boxes[..., CENTER], model.span),
        **samples_of(FeaturePyramid(levels, seen_by(case)), start.reference, model),
    }


def samples_of(pyramid: FeaturePyramid, reference: Tensor, model: DETR3D) -> dict[str, Tensor]:
    """What the first layer finds: where the points are visible, and the features of all levels."""
    place, visible = pyramid.project(metres_from_unit(reference, model.span)[:, :, None])
    split = visible.shape[:2]
    levels = [sample_map(level.flatten(0, 1), place.flatten(0, 1)) for level in pyramid.levels]
    sampled = torch.stack(levels, dim=-1).unflatten(0, split)  # B N C Q P L
    return {
        "sampled_mask": visible.transpose(1, 2)[:, None, ..., None],
        "sampled_feats": sampled.permute(0, 2, 3, 1, 4, 5),
    }


def compare_detr3d_head(case: GoldenCase) -> list[Comparison]:
    ours, theirs = detr3d_outputs(build_detr3d(case), case), case.outputs
    tiny = case.size == "tiny"
    tolerances = {
        "hs": LOGITS["tiny"] if tiny else AT_BORDERS,
        "all_cls_scores": LOGITS["tiny"] if tiny else AT_BORDERS,
        "all_bbox_preds": BOXES["tiny"] if tiny else AT_BORDERS,
        "init_reference": FEATURES,
        "inter_references": LOGITS["tiny"] if tiny else AT_BORDERS,
        "sampled_mask": EQUAL if tiny else Tolerance(0.0, share=0.99),
        "sampled_feats": FEATURES if tiny else AT_BORDERS,
    }
    comparisons = [
        Comparison(name, ours[name], theirs[name], tolerance)
        for name, tolerance in tolerances.items()
        if case.is_whole(name)
    ]
    return comparisons + compare_decoded(case, ours, theirs)
