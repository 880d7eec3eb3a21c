"""Image augmentation that moves pixels, with the camera matrices kept exact."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from drivetr.data.transforms.draws import chance, uniform
from drivetr.structures.frame import Frame


@dataclass(frozen=True)
class ImageDraw:
    """The random numbers of one frame, shared by all its cameras.

    Attributes:
        zoom: factor on the scale that evaluation uses.
        bottom: share of the resized image's height that is cut away at the bottom.
        shift: where the crop stands within the spare width, 0 left .. 1 right.
        flip: mirrored left to right.
        angle: counter-clockwise rotation about the middle of the output, in radians.
    """

    zoom: float = 1.0
    bottom: float = 0.0
    shift: float = 0.5
    flip: bool = False
    angle: float = 0.0


@dataclass(frozen=True)
class _Placement:
    """Resized height and width of one camera's image, and the crop's top left corner in it."""

    height: int
    width: int
    top: int
    left: int


class ResizeCropFlip:
    """Brings every camera to one input size by resize, bottom-aligned crop, flip, rotation.

    At evaluation (all defaults) an image is resized until it covers the output, then its upper part
    and equal strips at both sides are cut away. In training one draw holds for all cameras of a
    frame. The scale is relative to each camera's own size, so one setting serves every rig; PETR's
    absolute resize range (0.38, 0.55) for 1600x900 to 704x256 is `zoom_range=(0.38 / 0.44, 0.55 /
    0.44)`. What the resized image does not cover is black, as in PETR, and counts as image.

    The rotation of a mirrored, cut image comes last. The matrices take the resized size as rounded
    to whole pixels, one factor an axis. After PETR's ResizeCropFlipImage.

    Args:
        size: (height, width) of the output in pixels.
        zoom_range: factors on the evaluation scale max(height / h, width / w).
        bottom_range: shares of the resized height to cut away at the bottom.
        random_shift: place the crop anywhere in the spare width, not in the middle.
        flip_prob: probability of mirroring.
        rotation_range_deg: degrees, counter-clockwise as one sees the image.
    """

    def __init__(
        self,
        size: tuple[int, int],
        zoom_range: tuple[float, float] = (1.0, 1.0),
        bottom_range: tuple[float, float] = (0.0, 0.0),
        random_shift: bool = False,
        flip_prob: float = 0.0,
        rotation_range_deg: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.size = size
        self.zoom_range = zoom_range
        self.bottom_range = bottom_range
        self.random_shift = random_shift
        self.flip_prob = flip_prob
        self.rotation_range_deg = rotation_range_deg

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame at the output size."""
        return self.apply(frame, self.draw(generator))

    def draw(self, generator: torch.Generator) -> ImageDraw:
        """The random numbers of one frame."""
        zoom = uniform(generator, *self.zoom_range)
        bottom = uniform(generator, *self.bottom_range)
        shift = uniform(generator, 0.0, 1.0)
        flip = chance(generator, self.flip_prob)
        angle = math.radians(uniform(generator, *self.rotation_range_deg))
        return ImageDraw(zoom, bottom, shift if self.random_shift else 0.5, flip, angle)

    def apply(self, frame: Frame, draw: ImageDraw) -> Frame:
        """The frame at the output size, by given numbers."""
        cameras = frame.cameras
        images = _channels_last_zeros(len(frame.camera_names), *self.size)
        maps = []
        for n, (height, width) in enumerate(cameras.image_size.tolist()):
            place = self._place(height, width, draw)
            maps.append(self._dst_from_src(place, height, width, draw))
            if cameras.valid[n]:
                self._move(frame.images[n, :, :height, :width], place, draw, images[n])
        moved = replace(
            cameras,
            img_from_lidar=torch.stack(maps) @ cameras.img_from_lidar,
            image_size=torch.tensor(self.size).expand(len(maps), 2).clone(),
            pad_size=self.size,
        )
        return replace(frame, images=images, cameras=moved)

    def _place(self, height: int, width: int, draw: ImageDraw) -> _Placement:
        scale = draw.zoom * max(self.size[0] / height, self.size[1] / width)
        new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
        top = int((1 - draw.bottom) * new_height) - self.size[0]
        left = int(draw.shift * max(0, new_width - self.size[1]))
        return _Placement(new_height, new_width, top, left)

    def _dst_from_src(
        self, place: _Placement, height: int, width: int, draw: ImageDraw
    ) -> Float[Tensor, "4 4"]:
        """The map of homogeneous image points (u * d, v * d, d, 1)."""
        out_h, out_w = self.size
        matrix = torch.eye(4, dtype=torch.float64)
        matrix[0, 0], matrix[1, 1] = place.width / width, place.height / height
        matrix[0, 2], matrix[1, 2] = -place.left, -place.top
        if draw.flip:
            mirror = torch.eye(4, dtype=torch.float64)
            mirror[0, 0], mirror[0, 2] = -1, out_w
            matrix = mirror @ matrix
        return _rotation(draw.angle, out_h, out_w) @ matrix

    def _move(
        self,
        image: UInt8[Tensor, "3 h w"],
        place: _Placement,
        draw: ImageDraw,
        out: UInt8[Tensor, "3 H W"],
    ) -> None:
        """Writes the resized, cut, mirrored and rotated image into `out`, which is black."""
        if image.shape[1:] != (place.height, place.width):
            size = [place.height, place.width]
            image = resize(image, size, InterpolationMode.BICUBIC, antialias=True)
        top, left = max(place.top, 0), max(place.left, 0)
        piece = image[:, top : place.top + self.size[0], left : place.left + self.size[1]]
        down, right = top - place.top, left - place.left
        out[:, down : down + piece.shape[1], right : right + piece.shape[2]] = piece
        if draw.flip:
            out.copy_(out.flip(-1))
        if draw.angle:
            out.copy_(_rotate(out, draw.angle))


def _channels_last_zeros(count: int, height: int, width: int) -> UInt8[Tensor, "N 3 H W"]:
    """Black images whose colours lie side by side in memory, as decoders deliver them.

    torchvision's resize is twice as fast on this layout and copies need no transposition.
    """
    return torch.zeros(count, height, width, 3, dtype=torch.uint8).permute(0, 3, 1, 2)


def _rotation(angle: float, height: int, width: int) -> Float[Tensor, "4 4"]:
    """Rotation of image points about the middle, counter-clockwise as seen (v points down)."""
    sin, cos = math.sin(angle), math.cos(angle)
    mid_u, mid_v = width / 2, height / 2
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[0, :3] = matrix.new_tensor([cos, sin, mid_u - cos * mid_u - sin * mid_v])
    matrix[1, :3] = matrix.new_tensor([-sin, cos, mid_v + sin * mid_u - cos * mid_v])
    return matrix


def _rotate(image: UInt8[Tensor, "3 H W"], angle: float) -> UInt8[Tensor, "3 H W"]:
    """Bilinear rotation about the middle; corners that nothing covers are black."""
    height, width = image.shape[1:]
    sin, cos = math.sin(angle), math.cos(angle)
    # Source from output in grid_sample's coordinates, where the middle is 0 and the edges are +-1.
    theta = torch.tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]])
    grid = affine_grid(theta[None], [1, 3, height, width], align_corners=False)
    turned = grid_sample(image[None].float(), grid, align_corners=False)[0]
    return turned.round().clamp(0, 255).to(torch.uint8)
