"""A drive as it is shown: everything that a page, Rerun or a film may draw, told once."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.ground import GroundMap


@dataclass(frozen=True)
class BoxSet:
    """The boxes of one frame from one source, truth or a set of predictions.

    Outcomes are the evaluator's own: predictions take objects of their class within 2 m, the surest
    first. That a box takes an object depends on surer boxes only, so that outcomes at any score
    threshold follow: a prediction is true where it has a partner; an object is missed where it has
    none, or one below the threshold.

    Attributes:
        boxes: in the convention of `drivetr.geometry.boxes`, in the reference frame.
        labels: index into the recording's classes.
        scores: confidence in 0..1; 1 for truth.
        partner: of a prediction the row of the object that it takes, of an object the row of the
            prediction that takes it; -1 for none. Truth has one such column for each set of
            predictions (`RecordedFrame.partners`), predictions have it here.
        judged: False for boxes that the evaluator leaves out: too far for their class, or an object
            without points.
        tracks: names of the objects that boxes belong to, '' for none; None where nobody tracked.
    """

    boxes: Float[Tensor, "M 10"]
    labels: Int[Tensor, "M"]
    scores: Float[Tensor, "M"]
    partner: Int[Tensor, "M"]
    judged: Bool[Tensor, "M"]
    tracks: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.labels)


@dataclass(frozen=True)
class RecordedImage:
    """One camera's picture at the size in which it is shown.

    Attributes:
        channel: name of the camera.
        jpeg: the encoded picture; None where it is missing or broken.
        size: height and width in pixels of the picture.
        img_from_lidar: float64 calibration in pixels of this picture.
    """

    channel: str
    jpeg: bytes | None
    size: tuple[int, int]
    img_from_lidar: Float[Tensor, "4 4"]


@dataclass(frozen=True)
class AttentionMap:
    """Where one query looked in one layer: one map a camera.

    Each map covers its camera's whole picture, whatever part of it the detector was shown. All maps
    together sum to one, with those of the past where a detector looks at that too, and to less
    where a detector takes samples outside its images.

    Attributes:
        layer: decoder layer, from 0; -1 for the mean over layers.
        head: attention head, from 0; -1 for the mean over heads.
        maps: one a camera of the frame, in its order.
    """

    layer: int
    head: int
    maps: Float[Tensor, "N H W"]


@dataclass(frozen=True)
class QueryStory:
    """Why a prediction came about.

    Attributes:
        source: name of the set of predictions.
        row: of the prediction in that set.
        attention: maps that were asked for.
        path: (L+1,3) reference point in metres before the first layer, and after each the centre
            of the box, which is the next reference point where a detector refines its queries.
        camera_shares: (L,N) weight that each camera carried in each layer, mean of the heads.
        query: number of the query among those of its frame.
        past_attention: maps of the cameras' earlier images, for detectors that look at these.
        past_shares: (L,N) weight of the earlier images, likewise; None where there are none.
    """

    source: str
    row: int
    attention: tuple[AttentionMap, ...]
    path: Float[Tensor, "L1 3"]
    camera_shares: Float[Tensor, "L N"]
    query: int = -1
    past_attention: tuple[AttentionMap, ...] = ()
    past_shares: Float[Tensor, "L N"] | None = None


@dataclass(frozen=True)
class RecordedFrame:
    """One moment.

    Attributes:
        token: of the sample.
        scene: name of the scene.
        time_s: seconds since the scene began.
        images: one a camera of the recording, in its order.
        global_from_lidar: float64 pose of the reference frame.
        ego_from_lidar: float64, where the reference frame sits on the car.
        truth: ground truth; None where the split has none.
        predictions: by the name of their source.
        partners: for each source the row of the prediction that takes each object, -1 for none.
        points: lidar points in the reference frame in metres, None where there are none.
        notes: what the reader has to know, such as that a source has no result for this frame.
        stories: of the predictions that attention was asked for.
    """

    token: str
    scene: str
    time_s: float
    images: tuple[RecordedImage, ...]
    global_from_lidar: Float[Tensor, "4 4"]
    ego_from_lidar: Float[Tensor, "4 4"]
    truth: BoxSet | None = None
    predictions: dict[str, BoxSet] = field(default_factory=dict)
    partners: dict[str, Int[Tensor, "G"]] = field(default_factory=dict)
    points: Float[Tensor, "P 3"] | None = None
    notes: tuple[str, ...] = ()
    stories: tuple[QueryStory, ...] = ()


@dataclass(frozen=True)
class FrameErrors:
    """How wrong one set of predictions is in one frame at a score threshold.

    Attributes:
        hits: objects that were found.
        misses: objects that were not.
        false: predictions that take no object.
        centre_m: mean distance of the centres of the hits in metres, NaN without any.
    """

    hits: int
    misses: int
    false: int
    centre_m: float

    @property
    def total(self) -> int:
        """What frames are sorted by: misses and false predictions."""
        return self.misses + self.false


def frame_errors(frame: RecordedFrame, source: str, threshold: float) -> FrameErrors:
    """The errors of a source in a frame; nothing is wrong where there is no truth."""
    if frame.truth is None:
        return FrameErrors(0, 0, 0, float("nan"))
    found = frame.predictions[source]
    shown = (found.scores >= threshold) & found.judged
    hit = shown & (found.partner >= 0)
    rows = found.partner[hit]
    away = (found.boxes[hit, :2] - frame.truth.boxes[rows, :2]).norm(dim=-1)
    objects = int(frame.truth.judged.sum())
    return FrameErrors(
        hits=int(hit.sum()),
        misses=objects - int(hit.sum()),
        false=int((shown & (found.partner < 0)).sum()),
        centre_m=float(away.mean()) if len(away) else float("nan"),
    )


@dataclass(frozen=True)
class Recording:
    """Frames of one or more scenes, one after the other.

    Attributes:
        title: what it is called.
        frames: scene after scene, in the order of time; or the worst ones, in that order.
        channels: cameras in the order of the frames' images.
        sources: names of the sets of predictions.
        descriptions: of each scene: place, weather, or what else is known.
        classes: what labels mean.
        threshold: score at which it opens.
        maps: the ground around each scene, by its name, where there is a map.
    """

    title: str
    frames: tuple[RecordedFrame, ...]
    channels: tuple[str, ...]
    sources: tuple[str, ...] = ()
    descriptions: dict[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = DETECTION_CLASSES
    threshold: float = 0.3
    maps: dict[str, GroundMap] = field(default_factory=dict)


def empty_boxes() -> BoxSet:
    """A set without boxes."""
    none = torch.zeros(0, dtype=torch.long)
    return BoxSet(torch.zeros(0, 10), none, torch.zeros(0), none, torch.zeros(0, dtype=torch.bool))
