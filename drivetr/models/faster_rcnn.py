"""Faster R-CNN (arXiv:1506.01497): two stages, proposals and then boxes, by torchvision."""

from collections.abc import Sequence

from torch import nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from drivetr.models.torchvision_detector import Pyramid, TorchvisionDetector

_ROI_SIZE = 7  # cells of a box's side, as in torchvision's Faster R-CNN


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
