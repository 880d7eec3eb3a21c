"""The small PETR that the tour trains on its own rendered streets."""

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.transforms.object_range import ObjectRange
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.engine.api import LoadedDetector
from drivetr.engine.spec import DetectorSpec
from drivetr.models.box_head import AttendedCentre, BoxHead
from drivetr.models.criterion import SetCriterion
from drivetr.models.depth_head import DepthHead
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.postprocess import TopKPostprocess
from drivetr.models.token_criterion import TokenCriterion
from drivetr.models.token_embedding import TokenEmbedding
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.point_position import PointPosition
from drivetr.nn.queries import GridQueries
from drivetr.nn.ray_channels import GroundRays
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.tour.detectors import SOURCE, checkpoint_of, train_detector
from drivetr.tour.part import Settings
from drivetr.tour.world import TRAIN, VERSION, world_folder

SPAN = (-16.0, -16.0, -4.0, 16.0, 16.0, 3.0)  # metres
SIZE, STRIDE, EMBED_DIM, NUM_HEADS, NUM_LAYERS = (96, 256), 8, 112, 4, 2
STEPS, LR = 130, 8e-4


def trained_petr(settings: Settings) -> LoadedDetector:
    """The checkpoint that was named, or a small PETR trained now."""
    if settings.petr is not None:
        return checkpoint_of(settings.petr, "--petr", PETR, DETECTION_CLASSES)
    criterion = SetCriterion(
        HungarianMatcher(anchor_weight=0.1),
        code_weights=(1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2),
        tokens=TokenCriterion(STRIDE, depth_weight=3.0),
    )
    dataset = (world_folder(settings), VERSION, TRAIN)
    return train_detector(small_spec(), criterion, dataset, (STEPS, LR), settings)


def small_spec() -> DetectorSpec:
    """The demo's point-aware PETR with two layers."""
    model = {
        "type": PETR,
        "normalizer": {"type": ImageNormalizer},
        "rays": {"type": GroundRays},
        "backbone": {"type": TinyResNet, "in_channels": 5, "group_norm": True},
        "neck": {"type": CPFPN, "in_channels": (64, 128), "out_channels": EMBED_DIM},
        "depth_head": {
            "type": DepthHead, "in_channels": EMBED_DIM, "num_classes": 10, "stride": STRIDE,
        },
        "token_embedding": {"type": TokenEmbedding, "num_classes": 10, "embed_dim": EMBED_DIM},
        "position": {"type": PointPosition, "span": SPAN},
        "queries": {
            "type": GridQueries, "grid_size": 12, "height": 0.4, "embed_dim": EMBED_DIM,
        },
        "decoder": {
            "type": TransformerDecoder, "embed_dim": EMBED_DIM, "num_heads": NUM_HEADS,
            "ffn_dim": 2 * EMBED_DIM, "num_layers": NUM_LAYERS, "dropout": 0.0,
            "cross_widths": (1.0, 2.0, 4.0, 8.0), "self_widths": (2.0, 4.0, 8.0, 40.0),
        },
        "head": {
            "type": BoxHead, "embed_dim": EMBED_DIM, "num_classes": 10, "num_layers": NUM_LAYERS,
            "centre": {
                "type": AttendedCentre, "span": SPAN, "embed_dim": EMBED_DIM,
                "num_heads": NUM_HEADS,
            },
        },
        "span": SPAN,
        "refine": True,
    }  # fmt: skip
    transforms = [
        {"type": ResizeCropFlip, "size": SIZE},
        {"type": ObjectRange, "pc_range": SPAN},
    ]
    data = {"type": NuScenesDataset, "transforms": transforms, "batch_size": 2, "num_workers": 0}
    return DetectorSpec(model, {"type": TopKPostprocess}, data, DETECTION_CLASSES, SOURCE)
