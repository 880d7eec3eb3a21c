"""Detectors that propose many boxes and suppress duplicates, by torchvision, beside DETR.

Two stages: Faster R-CNN (arXiv:1506.01497). One stage: FCOS (arXiv:1904.01355), YOLO's kin: every
cell of every feature map is a candidate with a class score and a box, as in YOLOX and later YOLOs.
Networks, assignment, losses and non-maximum suppression are torchvision's own code; here they get
drivetr's trunk and neck, and learn from its batches.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, box_convert

from drivetr.structures.targets2d import Targets2D

_ROI_SIZE = 7  # cells of a box's side, as in torchvision's Faster R-CNN


class AsTheyAre(GeneralizedRCNNTransform):
    """torchvision's batching of images, without its resizing and normalising: drivetr did both."""

    def __init__(self) -> None:
        super().__init__(min_size=1, max_size=1, image_mean=[0.0] * 3, image_std=[1.0] * 3)

    def resize(self, image: Tensor, target: Any = None) -> tuple[Tensor, Any]:
        """Both as they come."""
        return image, target

    def normalize(self, image: Tensor) -> Tensor:
        """The same image."""
        return image


class Pyramid(nn.Module):
    """Trunk and neck in the form that torchvision's detectors want.

    Args:
        backbone: images to feature maps.
        neck: those to maps of equal width.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        out_channels: Any = neck.out_channels
        self.out_channels: int = out_channels

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> OrderedDict[str, Tensor]:
        """The maps by number, finest first."""
        maps = self.neck(self.backbone(images))
        return OrderedDict((str(level), feature) for level, feature in enumerate(maps))


class TorchvisionDetector(nn.Module):
    """A detector of torchvision on drivetr's batches.

    Args:
        network: of torchvision; called with a list of images and of targets.
        first_label: its number of drivetr's label 0; 1 where 0 means background.
    """

    needs_targets = True

    def __init__(self, network: Any, first_label: int) -> None:
        super().__init__()
        network.transform = AsTheyAre()
        self.network = network
        self.first_label = first_label

    def forward(
        self,
        images: Float[Tensor, "B 3 H W"],
        padding_mask: Bool[Tensor, "B H W"],
        targets: list[Targets2D] | None = None,
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Losses in training; in evaluation detections.

        Args:
            images: normalised, padded at the right and at the bottom.
            padding_mask: True on padding.
            targets: needed in training.

        Returns:
            in training the network's losses by name; in evaluation for every image `boxes` (M,4)
            left, top, right, bottom in its pixels, `scores` (M), `labels` (M), and `size` (2), its
            height and width without padding.
        """
        sizes = torch.stack([(~padding_mask).any(2).sum(1), (~padding_mask).any(1).sum(1)], 1)
        cut = [
            image[:, :rows, :columns]
            for image, (rows, columns) in zip(images, sizes.tolist(), strict=True)
        ]
        if self.training:
            if targets is None:
                raise ValueError("training needs targets")
            pairs = zip(targets, sizes, strict=True)
            losses: dict[str, Tensor] = self.network(cut, [self._theirs(*pair) for pair in pairs])
            return losses
        return [
            {**found, "labels": found["labels"] - self.first_label, "size": size}
            for found, size in zip(self.network(cut), sizes, strict=True)
        ]

    def _theirs(self, targets: Targets2D, size: Tensor) -> dict[str, Tensor]:
        """Ground truth in torchvision's form; boxes without area teach nothing and break it."""
        scale = size.flip(0).repeat(2).to(targets.boxes)
        boxes = box_convert(targets.boxes, "cxcywh", "xyxy") * scale
        real = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return {"boxes": boxes[real], "labels": targets.labels[real] + self.first_label}


class FasterRCNN(TorchvisionDetector):
    """Two stages: anchors become proposals, and each proposal a class and a box.

    Args:
        backbone: trunk.
        neck: makes as many maps as `anchor_sizes` has entries.
        num_classes: K, without background.
        anchor_sizes: sides in pixels of the anchors of each map, the same number for each; every
            one comes in the shapes 1:2, 1:1 and 2:1.
        head_dim: width of the second stage.
        rois_per_image: proposals of an image that the second stage learns from.
        score_threshold: detections below are left out.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        num_classes: int,
        anchor_sizes: Sequence[Sequence[float]],
        head_dim: int = 1024,
        rois_per_image: int = 512,
        score_threshold: float = 0.05,
    ) -> None:
        pyramid = Pyramid(backbone, neck)
        levels = [str(level) for level in range(len(anchor_sizes))]
        shapes = ((0.5, 1.0, 2.0),) * len(levels)
        network = detection.FasterRCNN(
            pyramid,
            rpn_anchor_generator=AnchorGenerator(tuple(map(tuple, anchor_sizes)), shapes),
            box_roi_pool=MultiScaleRoIAlign(levels, _ROI_SIZE, sampling_ratio=2),
            box_head=TwoMLPHead(pyramid.out_channels * _ROI_SIZE**2, head_dim),
            box_predictor=FastRCNNPredictor(head_dim, num_classes + 1),
            box_batch_size_per_image=rois_per_image,
            box_score_thresh=score_threshold,
        )
        super().__init__(network, first_label=1)


class FCOS(TorchvisionDetector):
    """One stage: every cell that lies in the middle of an object answers with class and box.

    Args:
        backbone: trunk.
        neck: makes as many maps as there are `strides`.
        num_classes: K.
        strides: pixels a cell of each map. A map answers for boxes whose farthest side is 4 to 8
            strides away from the cell; the finest for nearer ones too, the coarsest for farther.
        num_convs: convolutions of the head before its outputs.
        score_threshold: detections below are left out.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        num_classes: int,
        strides: Sequence[int],
        num_convs: int = 4,
        score_threshold: float = 0.05,
    ) -> None:
        pyramid = Pyramid(backbone, neck)
        network = detection.FCOS(
            pyramid,
            num_classes,
            anchor_generator=AnchorGenerator(
                tuple((stride,) for stride in strides), ((1.0,),) * len(strides)
            ),
            head=FCOSHead(pyramid.out_channels, 1, num_classes, num_convs),
            score_thresh=score_threshold,
        )
        super().__init__(network, first_label=0)
