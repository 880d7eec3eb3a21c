"""A detector, criterion and dataset that train in milliseconds and draw from every generator."""

import random
import time

import numpy as np
import torch
from torch import Tensor, nn

from drivetr.data.sampler import DrawKey, generator_from
from drivetr.nn.backbones.vit import ViT
from drivetr.structures.cameras import Cameras
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame, Targets, collate_frames


def tiny_cameras() -> Cameras:
    return Cameras(
        img_from_lidar=torch.eye(4, dtype=torch.float64)[None],
        image_size=torch.tensor([[8, 8]]),
        pad_size=(8, 8),
        valid=torch.tensor([True]),
    )


class TinyDataset(torch.utils.data.Dataset[Frame]):
    """Noise images, whose augmentation comes from the generator of their place in the stream.

    A version named "bad" has a sample whose truth is infinite, one named "broken" has one that
    cannot be loaded, and one named "slow" takes its time.
    """

    collate = staticmethod(collate_frames)

    def __init__(
        self, index: tuple[str, str], split: str, length: int = 7, transforms: tuple = ()
    ) -> None:
        self.version = index[1]
        self.length = length
        self.split = split

    def __len__(self) -> int:
        return self.length

    @property
    def tokens(self) -> list[str]:
        return [f"token{i}" for i in range(self.length)]

    def __getitem__(self, key: int | DrawKey) -> Frame:
        key = DrawKey(key, 0) if isinstance(key, int) else key
        if self.version == "broken" and key.index == 3:
            raise KeyError("calibration")
        if self.version == "slow":
            time.sleep(0.05)
        image = torch.randint(256, (1, 3, 8, 8), generator=generator_from(key.index))
        shift = torch.randint(20, (1,), generator=generator_from(key.seed))
        boxes = torch.full((2, 10), 0.1 * key.index)
        if self.version == "bad" and key.index == 3:
            boxes[0] = torch.inf
        zeros = torch.zeros(2, dtype=torch.long)
        return Frame(
            token=f"token{key.index}",
            scene="scene",
            timestamp_us=key.index,
            images=(image + shift).clamp(max=255).to(torch.uint8),
            cameras=tiny_cameras(),
            camera_names=("CAM",),
            global_from_lidar=torch.eye(4, dtype=torch.float64),
            ego_from_lidar=torch.eye(4, dtype=torch.float64),
            targets=Targets(boxes, zeros, zeros, zeros, zeros),
        )


class TinyBackbone(nn.Module):
    """With `norm=False` a frame's features do not depend on the others in its batch."""

    def __init__(self, channels: int = 4, norm: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images))


class TinyTransformer(nn.Module):
    """A real vision transformer, as small as its blocks allow."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = ViT(
            image_size=8, patch_size=4, num_layers=3, num_heads=2, embed_dim=4, mlp_dim=6
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.vit(images)[0]


class TinyDetector(nn.Module):
    """Dropout makes it use torch's generator; `ballast` makes its checkpoints take a while.

    With `double=True` it computes in float64, for comparisons that rounding must not decide.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_queries: int = 3,
        ballast: int = 1,
        dropout: float = 0.5,
        double: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.num_queries = num_queries
        self.logits = nn.Linear(4, num_queries * 2)
        self.boxes = nn.Linear(4, num_queries * 10)
        self.register_buffer("ballast", torch.zeros(ballast))
        if double:
            self.double()

    def forward(self, images: Tensor, cameras: Cameras, moments=None, noised: Tensor | None = None):
        features = self.backbone(images.flatten(0, 1).to(self.ballast) / 255).mean((2, 3))
        features = self.dropout(features)
        if noised is not None:
            features = features + noised
        logits = self.logits(features).unflatten(1, (self.num_queries, 2))
        boxes = self.boxes(features).unflatten(1, (self.num_queries, 10))
        return {"pred_logits": logits, "pred_boxes": boxes, "aux_outputs": []}, None


class TinyCriterion(nn.Module):
    """Has a parameter of its own, so that it belongs to what is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, outputs, targets, cameras):
        truth = torch.stack([t.boxes.mean(0) for t in targets])[:, None]
        boxes = (outputs["pred_boxes"] - truth).abs().mean() * self.weight.abs()
        return {"loss_bbox": boxes, "loss_cls": outputs["pred_logits"].square().mean()}


class TinyDenoising:
    """Draws from every generator of the process."""

    def __call__(self, targets) -> Tensor:
        noise = torch.rand(len(targets), 1) + random.random() + np.random.rand()
        return 0.1 * noise.to(targets[0].boxes)


class TinyPostprocess:
    def __call__(self, outputs) -> list[Detections]:
        scores, labels = outputs["pred_logits"].sigmoid().max(-1)
        return [
            Detections(b, s, k)
            for b, s, k in zip(outputs["pred_boxes"], scores, labels, strict=True)
        ]
