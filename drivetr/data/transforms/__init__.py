"""What happens to a frame between disk and detector: pure, `(frame, generator) -> frame`."""

from drivetr.data.transforms.bev import GlobalRotScaleTransFlip
from drivetr.data.transforms.camera_drop import CameraDrop
from drivetr.data.transforms.grid_mask import GridMask
from drivetr.data.transforms.object_range import ObjectRange
from drivetr.data.transforms.pad import Pad
from drivetr.data.transforms.photometric import PhotometricDistortion
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip

__all__ = [
    "CameraDrop",
    "GlobalRotScaleTransFlip",
    "GridMask",
    "ObjectRange",
    "Pad",
    "PhotometricDistortion",
    "ResizeCropFlip",
]
