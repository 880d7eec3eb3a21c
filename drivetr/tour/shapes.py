"""The coloured shapes, and the small DETR that the tour's parts about DETR look into."""

from functools import lru_cache
from pathlib import Path

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.shapes.draw import SHAPES
from drivetr.data.shapes.write import VERSION, ShapesRecipe, write_shapes
from drivetr.engine.api import LoadedDetector
from drivetr.engine.spec import DetectorSpec
from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition
from drivetr.tour.detectors import SOURCE, checkpoint_of, train_detector
from drivetr.tour.part import Settings

PICTURES, HELD_OUT = 1200, 100
STEPS, LR = 850, 1e-3
EMBED_DIM, NUM_QUERIES = 64, 12
TRAIN, VAL = "train_shapes", "val_shapes"
_LAYER = {"embed_dim": EMBED_DIM, "num_heads": 4, "ffn_dim": 2 * EMBED_DIM, "dropout": 0.0}


@lru_cache(maxsize=1)
def shapes_folder(settings: Settings) -> Path:
    """The set on disk."""
    folder = settings.scratch / "shapes"
    write_shapes(ShapesRecipe(settings.steps(PICTURES), HELD_OUT, seed=settings.seed), folder)
    return folder


@lru_cache(maxsize=1)
def trained_detr(settings: Settings) -> LoadedDetector:
    """A DETR that knows the shapes: the checkpoint that was named, or one trained now.

    Raises:
        DrivetrError: the checkpoint is damaged, or of another kind.
    """
    if settings.detr is not None:
        return checkpoint_of(settings.detr, "--detr", DETR, SHAPES)
    criterion = DetrCriterion(ImageBoxMatcher(), num_classes=len(SHAPES))
    dataset = (shapes_folder(settings), VERSION, TRAIN)
    return train_detector(small_spec(), criterion, dataset, (STEPS, LR), settings)


def small_spec() -> DetectorSpec:
    """Two stages to stride 8, two encoder and three decoder layers, 64 wide, twelve queries."""
    backbone = {"channels": (32, 64), "num_blocks": 1, "num_outs": 1, "group_norm": True}
    model = {
        "type": DETR,
        "backbone": {"type": TinyResNet, **backbone},
        "position": {"type": SinePosition, "embed_dim": EMBED_DIM},
        "encoder": {"type": TransformerEncoder, "num_layers": 2, **_LAYER},
        "decoder": {"type": TransformerDecoder, "num_layers": 3, **_LAYER},
        "embed_dim": EMBED_DIM,
        "num_queries": NUM_QUERIES,
        "num_classes": len(SHAPES),
    }
    normalize = {"type": Normalize, "mean": (110.0,) * 3, "std": (50.0,) * 3}
    data = {"type": CocoDataset, "transforms": [normalize], "batch_size": 16, "num_workers": 0}
    return DetectorSpec(model, {"type": BestClassPostprocess}, data, SHAPES, SOURCE)
