"""The classes that a checkpoint may name: a fixed table, so that a file cannot import anything."""

import importlib
from typing import Any

from drivetr.errors import DrivetrError

# Name of a class -> module of drivetr that defines it.
CLASSES: dict[str, str] = {
    # data
    "NuScenesDataset": "drivetr.data.nuscenes.dataset",
    "PastImages": "drivetr.data.nuscenes.past",
    "CaptionedCrops": "drivetr.data.nuscenes.crops",
    "PromptedCrops": "drivetr.data.nuscenes.crops",
    "CropRule": "drivetr.data.nuscenes.crops",
    "CocoDataset": "drivetr.data.coco.dataset",
    "DigitsDataset": "drivetr.data.digits",
    "NumberWordsDataset": "drivetr.data.number_words",
    "RandomAffine": "drivetr.data.label_transforms",
    "Either": "drivetr.data.image_transforms.either",
    "Normalize": "drivetr.data.image_transforms.normalize",
    "RandomFlip": "drivetr.data.image_transforms.flip",
    "RandomResize": "drivetr.data.image_transforms.resize",
    "RandomSizeCrop": "drivetr.data.image_transforms.crop",
    "CameraCrash": "drivetr.data.corruptions.lost_images",
    "CorruptImages": "drivetr.data.corruptions.images",
    "FrameLost": "drivetr.data.corruptions.lost_images",
    "LateCamera": "drivetr.data.corruptions.late",
    "RandomCorruption": "drivetr.data.corruptions.images",
    "ShakenRig": "drivetr.data.corruptions.rig",
    "SwappedCameras": "drivetr.data.corruptions.rig",
    "CameraDrop": "drivetr.data.transforms.camera_drop",
    "CropEmbeddings": "drivetr.data.transforms.crop_embeddings",
    "GlobalRotScaleTransFlip": "drivetr.data.transforms.bev",
    "GridMask": "drivetr.data.transforms.grid_mask",
    "ObjectRange": "drivetr.data.transforms.object_range",
    "Pad": "drivetr.data.transforms.pad",
    "PhotometricDistortion": "drivetr.data.transforms.photometric",
    "ResizeCropFlip": "drivetr.data.transforms.resize_crop_flip",
    "Unname": "drivetr.data.transforms.unname",
    # detectors and their parts
    "PETR": "drivetr.models.petr",
    "DETR3D": "drivetr.models.detr3d",
    "PyramidPETR": "drivetr.models.pyramid_petr",
    "StreamPETR": "drivetr.models.streampetr",
    "DETR": "drivetr.models.detr",
    "LeNet5": "drivetr.models.lenet",
    "ViTClassifier": "drivetr.models.vit",
    "LikeliestWords": "drivetr.models.classification",
    "Probabilities": "drivetr.models.classification",
    "BestClassPostprocess": "drivetr.models.detr_postprocess",
    "CLIP": "drivetr.models.clip",
    "TextTransformer": "drivetr.models.clip",
    "ZeroShotPostprocess": "drivetr.models.zero_shot",
    "BoxHead": "drivetr.models.box_head",
    "SigmoidCentre": "drivetr.models.box_head",
    "AttendedCentre": "drivetr.models.box_head",
    "AttendedVelocity": "drivetr.models.velocity",
    "DisplacementVelocity": "drivetr.models.velocity",
    "RecalledVelocity": "drivetr.models.velocity",
    "FasterRCNN": "drivetr.models.faster_rcnn",
    "FCOS": "drivetr.models.fcos",
    "DiskPixels": "drivetr.models.classical_outputs",
    "NamedClasses": "drivetr.models.named_classes",
    "DepthHead": "drivetr.models.depth_head",
    "FocalHead": "drivetr.models.focal_head",
    "TokenEmbedding": "drivetr.models.token_embedding",
    "TopKPostprocess": "drivetr.models.postprocess",
    # layers
    "TransformerEncoder": "drivetr.nn.encoder",
    "SinePosition": "drivetr.nn.image_position",
    "LearnedPosition": "drivetr.nn.image_position",
    "Transformer": "drivetr.nn.transformer",
    "TransformerDecoder": "drivetr.nn.decoder",
    "ProjectedSampling": "drivetr.nn.projected_sampling",
    "SampledAggregation": "drivetr.nn.sampled_aggregation",
    "CameraAlignment": "drivetr.nn.camera_alignment",
    "QueryPosition": "drivetr.nn.query_position",
    "ImageNormalizer": "drivetr.nn.normalize",
    "TwoMomentAttention": "drivetr.nn.two_moments",
    "FeatureGate": "drivetr.nn.feature_gate",
    "FrustumPositionEncoding": "drivetr.nn.frustum_position",
    "QueryMemory": "drivetr.nn.query_memory",
    "SpatialAlignment": "drivetr.nn.spatial_alignment",
    "GridPosition": "drivetr.nn.grid_position",
    "PointPosition": "drivetr.nn.point_position",
    "GridQueries": "drivetr.nn.queries",
    "LearnedQueries": "drivetr.nn.queries",
    "PointwiseConv": "drivetr.nn.pointwise",
    "GroundRays": "drivetr.nn.ray_channels",
    "ResNet": "drivetr.nn.backbones.resnet",
    "TinyResNet": "drivetr.nn.backbones.tiny_resnet",
    "ConvTower": "drivetr.nn.backbones.conv_tower",
    "VoVNet": "drivetr.nn.backbones.vovnet",
    "EVA02": "drivetr.nn.backbones.eva02",
    "ViT": "drivetr.nn.backbones.vit",
    "CPFPN": "drivetr.nn.necks.cpfpn",
    "FPN": "drivetr.nn.necks.fpn",
    "SimplePyramid": "drivetr.nn.necks.simple_pyramid",
    "WithPyramid": "drivetr.nn.necks.simple_pyramid",
    "Identity": "torch.nn.modules.linear",  # "no such part", the one class that is torch's
}


def class_named(name: str, source: object) -> type:
    """The class behind a name in a checkpoint.

    Raises:
        DrivetrError: the table has no such name.
    """
    module = CLASSES.get(name)
    if module is None:
        raise DrivetrError(
            f"{source}: {name!r} is not in drivetr's table of classes, and a checkpoint never"
            " imports anything else; name the config too: drivetr test CONFIG CHECKPOINT"
        )
    found: type = getattr(importlib.import_module(module), name)
    return found


def name_of(cls: Any) -> str:
    """The table's name of a class; `module:name`, which resolves to nothing, for any other."""
    name: str = cls.__qualname__
    return name if CLASSES.get(name) == cls.__module__ else f"{cls.__module__}:{name}"


def to_data(value: Any) -> Any:
    """A config value as JSON-like data, classes by name."""
    if isinstance(value, dict):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_data(item) for item in value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    return name_of(value) if callable(value) else str(value)


def from_data(value: Any, source: object) -> Any:
    """The config value that `to_data` wrote; `source` is named in errors."""
    if isinstance(value, dict):
        return {
            key: class_named(item, source) if key == "type" else from_data(item, source)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(from_data(item, source) for item in value)
    return value
