"""torchvision's detectors on drivetr's trunks, necks and batches.

They propose many boxes and suppress duplicates, beside DETR, which does not. Networks, assignment,
losses and non-maximum suppression are torchvision's own code.
"""

from collections import OrderedDict
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_convert

from drivetr.structures.targets2d import Targets2D


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
