"""What a camera shows of a frame's 3D boxes: the 2D ground truth of the focal head."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.ops import box_convert

from drivetr.geometry.boxes import CENTER, box_corners
from drivetr.geometry.camera import project_points
from drivetr.geometry.image_boxes import hull_bounds
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Targets

_MIN_SIZE_PX = 2.0  # of a 2D box in either direction, as published


@dataclass(frozen=True)
class ViewTruth:
    """The objects in one camera's image, in pixels of the network's input.

    Attributes:
        labels: index into the dataset's classes.
        bounds: left, top, right, bottom of the object's part in the image.
        centres: the projected 3D centre, moved to the border where it is beyond it.
    """

    labels: Int[Tensor, "G"]
    bounds: Float[Tensor, "G 4"]
    centres: Float[Tensor, "G 2"]

    def boxes(self, pad_size: tuple[int, int]) -> Float[Tensor, "G 4"]:
        """Centre x, centre y, width and height as shares of an input of (height, width)."""
        scale = self.bounds.new_tensor([pad_size[1], pad_size[0]])
        return box_convert(self.bounds, "xyxy", "cxcywh") / scale.repeat(2)

    def centre_shares(self, pad_size: tuple[int, int]) -> Float[Tensor, "G 2"]:
        """The centres as shares of an input of (height, width)."""
        return self.centres / self.centres.new_tensor([pad_size[1], pad_size[0]])


def view_truths(target: Targets, cameras: Cameras, index: int) -> list[ViewTruth]:
    """The 2D ground truth of every camera of frame `index` of a batch.

    As StreamPETR prepares it: of the objects whose centre is before the camera, those whose part in
    the image is at least two pixels wide and high and not entirely behind the boxes of nearer ones.
    (StreamPETR keeps the farthest object even where it is hidden, by an accident of its code.)
    """
    img_from_lidar, image_size = cameras.img_from_lidar[index], cameras.image_size[index]
    bounds = hull_bounds(img_from_lidar, image_size, box_corners(target.boxes))  # N G 4
    centres, depth = project_points(img_from_lidar, target.boxes[:, CENTER].to(bounds))
    border = image_size.flip(-1).to(bounds)[:, None]
    centres = centres.clamp(min=0).minimum(border)
    large = (bounds[..., 2:] - bounds[..., :2] >= _MIN_SIZE_PX).all(-1)
    shown = large & (depth > 0) & cameras.valid[index][:, None]  # N G
    truths = []
    for camera in range(len(shown)):
        chosen = shown[camera].nonzero()[:, 0]
        free = in_sight(bounds[camera, chosen], depth[camera, chosen], cameras.pad_size)
        chosen = chosen[free.to(chosen.device)]
        truths.append(
            ViewTruth(target.labels[chosen], bounds[camera, chosen], centres[camera, chosen])
        )
    return truths


def in_sight(
    bounds: Float[Tensor, "G 4"], depth: Float[Tensor, "G"], image_size: tuple[int, int]
) -> Bool[Tensor, "G"]:
    """Whether some whole pixel of each 2D box is not within the box of a nearer object.

    The boxes are painted into an image from far to near, on the CPU.
    """
    whole = torch.cat([bounds[:, :2].ceil(), bounds[:, 2:].floor()], dim=-1).long().tolist()
    owner = torch.zeros(image_size, dtype=torch.long)  # 0: nobody
    for i in depth.argsort(descending=True, stable=True).tolist():
        left, top, right, bottom = whole[i]
        owner[top:bottom, left:right] = i + 1
    return owner.flatten().bincount(minlength=len(bounds) + 1)[1:] > 0


def centre_heat(
    truth: ViewTruth, feature_size: tuple[int, int], stride: int
) -> Float[Tensor, "H W"]:
    """A Gaussian around the cell of each object's centre, one at its top; the highest counts.

    Its radius in cells is the least distance from the centre to a side of the object's 2D box,
    rounded up, and at least one. It ends at the square of that radius; the standard deviation is a
    sixth of the square's side.
    """
    sides = torch.cat(
        [truth.centres - truth.bounds[:, :2], truth.bounds[:, 2:] - truth.centres], dim=-1
    )
    radius = (sides.amin(-1) / stride).ceil().clamp(min=1)[:, None]  # G 1
    deviation = (2 * radius + 1) / 6
    heat = truth.centres.new_ones(len(radius), *feature_size)
    for axis, length in ((0, feature_size[1]), (1, feature_size[0])):
        cell = (truth.centres[:, axis : axis + 1] / stride).floor()
        away = torch.arange(length, device=cell.device) - cell  # G W or G H
        part = torch.exp(-away.square() / (2 * deviation**2)) * (away.abs() <= radius)
        heat = heat * part.unsqueeze(1 if axis == 0 else 2)
    nothing = heat.new_zeros(1, *feature_size)
    return torch.cat([heat, nothing]).amax(0)
