"""StreamPETR's head over the frames of a recording, and the memory between them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from drivetr.geometry.box_codes import BOX_CODES, code_from_boxes
from drivetr.geometry.frustum import cell_pixels
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.petr import PETR
from drivetr.models.petr_layouts import STREAMPETR_LAYOUT
from drivetr.models.streampetr import StreamPETR
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.queries import LearnedQueries
from drivetr.nn.query_memory import QueryMemory
from drivetr.nn.spatial_alignment import SpatialAlignment
from drivetr.nn.weights import load_weights
from drivetr.structures.cameras import Cameras
from drivetr.structures.moments import Moments
from drivetr.structures.stream_memory import StreamMemory
from tests.parity.comparison import BOXES, FEATURES, LOGITS, Comparison, Tolerance
from tests.parity.decoded import compare_decoded
from tests.parity.golden_case import GoldenCase

CODE = BOX_CODES["streampetr"]
BRANCHES = 6
# At published size two queries whose scores lie too close may change places in the memory.
INNER = {"tiny": FEATURES, "full": Tolerance(3e-3, 1e-4, share=0.99)}
# Field of the memory -> name in the recording.
FIELDS = {
    "content": "embedding",
    "reference": "reference_point",
    "age_s": "timestamp",
    "frame_from_lidar": "egopose",
    "velocity": "velo",
}


@dataclass(frozen=True)
class RecordedMoments(Moments):
    """The recording holds the pose and its inverse, each rounded to 32 bits on its own."""

    recorded_inverse: Tensor

    @property
    def lidar_from_global(self) -> Tensor:
        return self.recorded_inverse


def build_streampetr(case: GoldenCase, focal_order: str = "published") -> StreamPETR:
    """StreamPETR with the recorded head; the feature maps are given, so trunk and neck are empty.

    With the published slips: the order of the focal lengths and poses in 32 bits.
    """
    settings = case.hyperparameters
    decoder = settings["transformer"]["decoder"]
    layer = decoder["transformerlayers"]
    embed_dim = settings["embed_dims"]
    span = tuple(settings["bbox_coder"]["pc_range"])
    position_range = tuple(settings["position_range"])
    detector = PETR(
        normalizer=nn.Identity(),
        backbone=nn.Identity(),
        neck=nn.Identity(),
        position=FrustumPositionEncoding(
            embed_dim,
            position_range,
            linear_increasing=settings["LID"],
            cell_offset=0.5,
            sine=False,
            gate=FeatureGate(embed_dim),
        ),
        queries=LearnedQueries(settings["num_query"], embed_dim),
        decoder=TransformerDecoder(
            embed_dim,
            layer["attn_cfgs"][0]["num_heads"],
            layer["feedforward_channels"],
            decoder["num_layers"],
        ),
        head=BoxHead(
            embed_dim, settings["num_classes"], BRANCHES, SigmoidCentre(span), "streampetr", True
        ),
        span=span,
    )
    model = StreamPETR(
        detector,
        QueryMemory(
            span,
            embed_dim,
            settings["memory_len"],
            settings["num_propagated"],
            settings["topk_proposals"],
            single_precision=True,
        ),
        SpatialAlignment(
            settings["in_channels"], embed_dim, position_range, focal_order=focal_order
        ),
    ).eval()
    load_weights(model, STREAMPETR_LAYOUT.translate(case.weights))
    return model


def recorded_frame(case: GoldenCase, number: int) -> tuple[Tensor, Cameras, Moments]:
    """Features, cameras and moments of one frame; all cameras are present."""
    features = case.input(f"f{number}.img_feats")
    pad_size = tuple(case.input("pad_shape").tolist())
    lead = features.shape[:2]
    cameras = Cameras(
        img_from_lidar=case.input(f"f{number}.lidar2img"),
        image_size=torch.tensor(pad_size).expand(*lead, 2),
        pad_size=pad_size,
        valid=torch.ones(lead, dtype=torch.bool),
    )
    moments = RecordedMoments(
        case.input(f"f{number}.ego_pose").double(),
        case.input(f"f{number}.timestamp"),
        case.input(f"f{number}.prev_exists").bool(),
        case.input(f"f{number}.ego_pose_inv").double(),
    )
    return features, cameras, moments


def count_frames(case: GoldenCase) -> int:
    return len(case.meta["prev_exists"])


@torch.no_grad()
def compare_streampetr_head(case: GoldenCase) -> list[Comparison]:
    model, memory, comparisons = build_streampetr(case), None, []
    for number in range(count_frames(case)):
        features, cameras, moments = recorded_frame(case, number)
        ours, memory = frame_outputs(model, features, cameras, moments, memory)
        theirs = {
            name.removeprefix(f"f{number}."): tensor
            for name, tensor in case.outputs.items()
            if name.startswith(f"f{number}.") and case.is_whole(name)
        }
        # Differences of the frame before come on top.
        times = 1.0 if number == 0 else 2.0
        tables = {"all_cls_scores": LOGITS[case.size], "all_bbox_preds": BOXES[case.size]}
        for name, tensor in ours.items():
            if name in theirs:
                tolerance = widened(tables.get(name, INNER[case.size]), times)
                their = theirs[name]
                if name.startswith("post_memory"):
                    their = their[:, : tensor.shape[1]]  # cut off there at the next frame
                comparisons.append(Comparison(f"f{number}.{name}", tensor, their, tolerance))
        comparisons += [
            replace(c, quantity=f"f{number}.{c.quantity}", tolerance=widened(c.tolerance, times))
            for c in compare_decoded(case, ours, theirs, "streampetr", "since_1.0")
        ]
    location = located(case.input("f0.img_feats"), cameras)
    return [*comparisons, Comparison("location", location, case.outputs["location"], FEATURES)]


def widened(tolerance: Tolerance, times: float) -> Tolerance:
    return replace(
        tolerance, absolute=times * tolerance.absolute, relative=times * tolerance.relative
    )


def located(features: Tensor, cameras: Cameras) -> Tensor:
    """Centres of the cells as shares of the padded image."""
    height, width = cameras.pad_size
    return cell_pixels(features.shape[-2:], (height, width), 0.5) / torch.tensor([width, height])


def frame_outputs(
    model: StreamPETR,
    features: Tensor,
    cameras: Cameras,
    moments: Moments,
    memory: StreamMemory | None,
) -> tuple[dict[str, Tensor], StreamMemory]:
    """What lies between features and boxes, in the recording's names, and the new memory."""
    states: list[Tensor] = []
    norm = model.detector.decoder.post_norm
    with norm.register_forward_hook(lambda *call: states.append(call[-1])):
        outputs, after = model.detect(features, cameras, moments, memory)
    recalled = model.memory.recall(memory, moments)
    start = model.start(recalled)
    aligned = model.alignment(features, cameras)
    size = tuple(features.shape[-2:])
    position = model.detector.position
    layers = [*outputs["aux_outputs"], outputs]
    boxes = torch.stack([layer["pred_boxes"] for layer in layers])
    found = {
        "all_cls_scores": torch.stack([layer["pred_logits"] for layer in layers]),
        "all_bbox_preds": code_from_boxes(boxes, CODE),
        "memory": aligned.movedim(2, -1).flatten(1, 3),
        "tgt": start.content,
        "query_pos": start.encode(start.reference).added,
        "pos_embed": position.encode_keys(aligned, cameras).added,
        "temp_memory": start.past.content,
        "temp_pos": start.past.position.added,
        "outs_dec": torch.stack(states),
        "cone": model.alignment.cone(size, cameras).flatten(1, 3),
        "pe3d": position.position_encoder(position.frustum_logits(size, cameras).flatten(0, 1))
        .unflatten(0, features.shape[:2])
        .movedim(2, -1)
        .flatten(1, 3),
    }
    for when, state in (("pre", recalled), ("post", after)):
        for field, name in FIELDS.items():
            value = getattr(state, field)
            value = value[..., None] if field == "age_s" else value
            found[f"{when}_memory_{name}"] = value
    return found, after
