"""A detector with a memory, and scenes for it, that train in milliseconds."""

from dataclasses import replace

import torch
from torch import Tensor

from drivetr.data.sampler import DrawKey
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame
from drivetr.structures.moments import Moments
from drivetr.structures.stream_memory import StreamMemory
from tests.engine.tiny import TinyDataset, TinyDetector

SCENES = [range(0, 9), range(9, 16), range(16, 26)]


class TinyScenes(TinyDataset):
    """Three scenes, in which the car drives a metre a frame."""

    def __init__(self, index: tuple[str, str], split: str, transforms: tuple = ()) -> None:
        super().__init__(index, split, length=SCENES[-1].stop)

    def sequences(self) -> list[range]:
        return SCENES

    def __getitem__(self, key: int | DrawKey) -> Frame:
        frame = super().__getitem__(key)
        number = int(frame.token.removeprefix("token"))
        pose = torch.eye(4, dtype=torch.float64)
        pose[0, 3] = number
        follows = all(number != scene.start for scene in SCENES)
        return replace(
            frame,
            timestamp_us=500_000 * number,
            global_from_lidar=pose,
            continues=follows and (not isinstance(key, DrawKey) or key.continues),
        )


class TinyStreamDetector(TinyDetector):
    """Adds what it saw in the last frame to what it sees; leaves the gradient on its memory."""

    streams = True

    def forward(
        self,
        images: Tensor,
        cameras: Cameras,
        moments: Moments,
        memory: StreamMemory | None = None,
        noised: Tensor | None = None,
    ):
        past = torch.zeros(len(images), 4, device=images.device)
        if memory is not None:
            past = torch.where(moments.continues[:, None], memory.content[:, 0], past)
        features = self.dropout(self.backbone(images.flatten(0, 1).float() / 255).mean((2, 3)))
        features = features + 0.5 * past + (0 if noised is None else noised)
        empty = StreamMemory.empty(len(images), 1, 4, images.device)
        outputs = {
            "pred_logits": self.logits(features).unflatten(1, (self.num_queries, 2)),
            "pred_boxes": self.boxes(features).unflatten(1, (self.num_queries, 10)),
            "aux_outputs": [],
        }
        return outputs, replace(empty, content=features[:, None])
