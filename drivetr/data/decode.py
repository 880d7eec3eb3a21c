"""Image files to RGB tensors: whole images or an error, never None and never half a picture."""

from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from drivetr.data.image_header import read_image_header
from drivetr.data.png_check import SIGNATURE, fault_of_png
from drivetr.errors import DrivetrError


def decode_image_file(path: Path) -> UInt8[Tensor, "3 H W"]:
    """Decodes a JPEG or PNG file to RGB, 0..255.

    Grey, palette, CMYK and transparent images become RGB, 16 bits a channel are cut to 8, and EXIF
    orientation is ignored, as nuScenes' calibration belongs to the pixels as they are stored. The
    colours of a pixel lie side by side in memory, as the decoder delivers them and as resizing
    likes them.

    Raises:
        DrivetrError: the file is missing, empty, cut anywhere, damaged, neither JPEG nor PNG, or
            its header promises more pixels than `drivetr.data.image_header.MAX_PIXELS`.
    """
    header = read_image_header(path)
    content = path.read_bytes()
    fault = fault_of_png(content) if content.startswith(SIGNATURE) else None
    if fault is not None:
        raise DrivetrError(f"{path}: the image data is cut or damaged: it {fault}; fetch it again")
    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    try:
        image: Tensor = decode_image(data, mode=ImageReadMode.RGB, apply_exif_orientation=False)
    except RuntimeError as error:
        raise DrivetrError(
            f"{path}: the image data is cut or damaged ({data.numel():,} bytes for"
            f" {header.width}x{header.height} pixels); fetch the file again"
        ) from error
    if image.shape != (3, header.height, header.width):
        raise DrivetrError(
            f"{path}: decodes to {image.shape[2]}x{image.shape[1]} pixels but its header promises"
            f" {header.width}x{header.height}; fetch the file again"
        )
    if image.dtype == torch.uint16:
        image = (image.to(torch.int32) >> 8).to(torch.uint8)
    return image
