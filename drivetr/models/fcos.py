"""FCOS (arXiv:1904.01355), YOLO's kin: one stage, by torchvision.

Every cell of every feature map is a candidate with a class score and a box, as in YOLOX and later
YOLOs.
"""

from collections.abc import Sequence

from torch import nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead

from drivetr.models.torchvision_detector import Pyramid, TorchvisionDetector


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
