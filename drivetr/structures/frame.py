"""One moment of a drive, and a batch of them."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from drivetr.structures.cameras import Cameras
from drivetr.structures.moments import Moments

PAST = "_PAST"
MAX_GAP_US = (
    600_000  # between two frames of which one goes on from the other; keyframes are at 2 Hz
)


@dataclass(frozen=True)
class Targets:
    """Ground truth of one frame, in its reference frame.

    Attributes:
        boxes: in the convention of `drivetr.geometry.boxes`; velocity may be NaN.
        labels: index into the dataset's classes.
        num_points: lidar and radar points inside each box.
        visibility: nuScenes level 1 (0-40 % visible) .. 4 (80-100 %), 0 where unknown.
        instance: number of the object, the same through a scene.
        embeddings: what a CLIP model sees in each box, of length 1; NaN where it saw nothing, None
            where nobody looked.
    """

    boxes: Float[Tensor, "G 10"]
    labels: Int[Tensor, "G"]
    num_points: Int[Tensor, "G"]
    visibility: Int[Tensor, "G"]
    instance: Int[Tensor, "G"]
    embeddings: Float[Tensor, "G D"] | None = None

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.labels)

    def __getitem__(self, keep: Tensor | slice) -> "Targets":
        """The targets chosen by a mask, indices or a slice."""
        return Targets(
            self.boxes[keep],
            self.labels[keep],
            self.num_points[keep],
            self.visibility[keep],
            self.instance[keep],
            None if self.embeddings is None else self.embeddings[keep],
        )

    def to(self, device: torch.device | str) -> "Targets":
        """The same targets on another device."""
        return Targets(
            self.boxes.to(device),
            self.labels.to(device),
            self.num_points.to(device),
            self.visibility.to(device),
            self.instance.to(device),
            None if self.embeddings is None else self.embeddings.to(device),
        )


@dataclass(frozen=True)
class Frame:
    """One moment of a drive as the dataset gives it and transforms pass it on.

    Attributes:
        token: token of the sample (keyframe).
        scene: name of the scene.
        timestamp_us: time in microseconds.
        images: RGB, one an entry of `camera_names`.
        cameras: calibration of these images, without a batch dimension.
        camera_names: channels in the order of the images. Images of the past stand behind those of
            the present, under the name of their camera with `PAST` at its end.
        global_from_lidar: float64 pose of the reference frame; it also undoes BEV augmentation.
        ego_from_lidar: float64, where the reference frame sits on the car.
        targets: ground truth, absent where the split has none.
        continues: follows the frame that was given before it, in the same scene and without a gap.
    """

    token: str
    scene: str
    timestamp_us: int
    images: UInt8[Tensor, "N 3 H W"]
    cameras: Cameras
    camera_names: tuple[str, ...]
    global_from_lidar: Float[Tensor, "4 4"]
    ego_from_lidar: Float[Tensor, "4 4"]
    targets: Targets | None = None
    continues: bool = False

    def goes_on_from(self, before: "Frame | None") -> bool:
        """Whether it continues when `before`, or nothing, was in fact the last frame given."""
        if before is None or before.scene != self.scene:
            return False
        return self.continues and 0 < self.timestamp_us - before.timestamp_us <= MAX_GAP_US


@dataclass(frozen=True)
class Batch:
    """Frames side by side, ready for a detector.

    Attributes:
        images: RGB 0..255, as the frames gave them.
        cameras: with a leading batch dimension.
        targets: one entry a frame; empty where the split has no ground truth.
        frames: the frames without their images, for tokens, poses and time.
    """

    images: UInt8[Tensor, "B N 3 H W"]
    cameras: Cameras
    targets: list[Targets] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Tensor, Cameras, Moments]:
        """What the model is called with."""
        return self.images, self.cameras, self.moments

    @property
    def moments(self) -> Moments:
        """When and where the frames were taken, on the device of the images."""
        return Moments(
            torch.stack([frame.global_from_lidar for frame in self.frames]),
            torch.tensor([frame.timestamp_us * 1e-6 for frame in self.frames], dtype=torch.float64),
            torch.tensor([frame.continues for frame in self.frames]),
        ).to(self.images.device)

    @property
    def truth(self) -> tuple[list[Targets], Cameras]:
        """What the criterion gets after the outputs."""
        return self.targets, self.cameras

    @property
    def sizes(self) -> tuple[()]:
        """What the postprocess gets after the outputs: nothing, boxes are in metres."""
        return ()

    @property
    def samples(self) -> list[Frame]:
        """One a prediction."""
        return self.frames

    @property
    def names(self) -> list[str]:
        """What messages call the samples."""
        return [frame.token for frame in self.frames]

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with tensors of the model's input and targets on another device."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            cameras=self.cameras.to(device),
            targets=[t.to(device) for t in self.targets],
        )


def collate_frames(frames: list[Frame]) -> Batch:
    """Stacks frames into a batch.

    Raises:
        ValueError: where they differ in input size, number of cameras or in having ground truth,
            or where there are none.
    """
    counts = {len(f.camera_names) for f in frames}
    if len(counts) != 1:
        raise ValueError(f"cannot batch frames with different numbers of cameras {sorted(counts)}")
    if len({f.targets is None for f in frames}) != 1:
        raise ValueError("cannot batch frames with ground truth and frames without")
    return Batch(
        images=torch.stack([f.images for f in frames]),
        cameras=Cameras.stack([f.cameras for f in frames]),
        targets=[f.targets for f in frames if f.targets is not None],
        frames=[replace(f, images=f.images[:, :, :0, :0]) for f in frames],
    )
